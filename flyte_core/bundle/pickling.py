"""A task as a pickle that needs nothing of the project where it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flyte_core.errors import SerializationError

if TYPE_CHECKING:
    from flyte_core.template import TaskTemplate

__all__ = ["pickled"]


def pickled(task: TaskTemplate, root: str) -> bytes:
    """Pickle a task, with the code of the project's own modules.

    Args:
        task: the task.
        root: the project's folder.

    Raises:
        SerializationError: the task, or what it refers to, cannot be pickled.
    """
    import cloudpickle

    with _by_value(root):
        try:
            data: bytes = cloudpickle.dumps(task)
        except Exception as error:  # whatever the objects' own code raises
            raise SerializationError(
                f"task {task.name!r} cannot be pickled: {type(error).__name__}: {error}; make what it refers to "
                f"inside of the task, or put the task into a module"
            ) from error
    return data


@contextlib.contextmanager
def _by_value(root: str) -> Iterator[None]:
    """Have functions and classes of the project's modules pickled with their code, not by their names."""
    import cloudpickle

    from flyte_core.bundle.selection import own_modules

    known: set[str] = set(cloudpickle.list_registry_pickle_by_value())
    modules = [
        module for _, module in own_modules(root) if module.__name__ not in known and module.__name__ != "__main__"
    ]
    with contextlib.ExitStack() as stack:
        for module in modules:
            with contextlib.suppress(ValueError):  # not imported under its own name
                cloudpickle.register_pickle_by_value(module)
                stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield
