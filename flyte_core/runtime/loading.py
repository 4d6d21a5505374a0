"""Bring a task into its container: through its resolver, or out of a pickle."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from flyte_core.errors import ModuleLoadError
from flyte_core.template import TaskTemplate

__all__ = ["load_task", "unpickle_task"]

_GZIP = b"\x1f\x8b"


def load_task(resolver: str, args: Sequence[str]) -> TaskTemplate:
    """Find a task by its resolver.

    Args:
        resolver: import path of a class with a method ``load_task``.
        args: its arguments.

    Raises:
        ModuleLoadError: there is no such resolver, or it finds no task; what was raised is chained.
    """
    module_name, _, class_name = resolver.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (Exception, SystemExit) as e:
        raise ModuleLoadError(f"resolver {resolver!r} cannot be imported: {type(e).__name__}: {e}") from e
    try:
        task = found().load_task(list(args))
    except ModuleLoadError:
        raise
    except (Exception, SystemExit) as e:
        raise ModuleLoadError(f"resolver {resolver!r} failed for {' '.join(args)!r}: {type(e).__name__}: {e}") from e
    if not isinstance(task, TaskTemplate):
        raise ModuleLoadError(f"resolver {resolver!r} gave {type(task).__name__} for {' '.join(args)!r}, not a task")
    return task


def unpickle_task(data: bytes, url: str) -> TaskTemplate:
    """Read a pickled task, such as one of a notebook; the pickle may be compressed with gzip.

    Unpickling runs whatever code the pickle names. The command line of a container names the pickle, so who can write
    it can run code there anyway.

    Args:
        data: the content of the pickle.
        url: where it is from, for messages.

    Raises:
        ModuleLoadError: it cannot be read, or holds something else; what was raised is chained.
    """
    import pickle

    try:
        if data.startswith(_GZIP):
            import gzip

            data = gzip.decompress(data)
        task = pickle.loads(data)  # noqa: S301 - see above
    except (Exception, SystemExit) as e:
        raise ModuleLoadError(f"the pickled task {url} cannot be read: {type(e).__name__}: {e}") from e
    if not isinstance(task, TaskTemplate):
        raise ModuleLoadError(f"the pickle {url} holds {type(task).__name__}, not a task")
    return task
