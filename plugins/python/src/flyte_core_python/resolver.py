"""How the runtime finds a function task again: by module and name."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from flyte_core import logger
from flyte_core.errors import ModuleLoadError, SerializationError
from flyte_core.extend import TaskTemplate

__all__ = ["RESOLVER_PATH", "DefaultTaskResolver", "loader_args"]

#: Import path of the resolver, as it stands on a container's command line.
RESOLVER_PATH = "flyte_core_python.resolver.DefaultTaskResolver"

_MODULE, _INSTANCE = "mod", "instance"


def loader_args(task: TaskTemplate, root_dir: Path) -> list[str]:
    """Give the words by which `DefaultTaskResolver.load_task` finds the task.

    Args:
        task: a template with a ``func``.
        root_dir: the folder from which modules are imported.

    Returns:
        ``["mod", <module>, "instance", <function's name>]``.

    Raises:
        SerializationError: (a ValueError) when the function's file is neither below ``root_dir`` nor installed.
    """
    func = inspect.unwrap(task.func)  # type: ignore[attr-defined] # templates with a function have it
    module = sys.modules.get(func.__module__)
    file = getattr(module, "__file__", None) or func.__code__.co_filename
    if "<locals>" in func.__qualname__:
        logger.warning(
            "task %r is defined inside a function, so a container cannot find it by its name; "
            "define it at the top of its module, or give a pickled code bundle",
            task.name,
        )
    return [_MODULE, _module_name(func.__module__, file, os.fspath(root_dir)), _INSTANCE, func.__name__]


@lru_cache(maxsize=1024)
def _module_name(name: str, file: str, root_dir: str) -> str:
    """Name a function's module as it is importable from ``root_dir``; the same for all tasks of a module."""
    try:
        relative = Path(file).resolve().relative_to(Path(root_dir).resolve())
    except ValueError:
        relative = None
    if relative is not None and not _is_installed(os.fspath(relative)):
        parts = list(relative.with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        return ".".join(parts)
    if name != "__main__" and _is_installed(file):
        return name
    raise SerializationError(
        f"the function of a task is in module {name!r} ({file}), which is neither below the root folder {root_dir} nor "
        f"an installed package, so a container could not import it; set root_dir to a folder above the file, or give a "
        f"pickled code bundle"
    )


def _is_installed(file: str) -> bool:
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


class DefaultTaskResolver:
    """Finds a task by the module and the name that `loader_args` wrote.

    Example:
        >>> DefaultTaskResolver().import_path
        'flyte_core_python.resolver.DefaultTaskResolver'
    """

    @property
    def import_path(self) -> str:
        """Where this class is imported from."""
        return RESOLVER_PATH

    def loader_args(self, task: TaskTemplate, root_dir: Path) -> list[str]:
        """Give the words by which `load_task` finds the task."""
        return loader_args(task, root_dir)

    def load_task(self, loader_args: Sequence[str]) -> TaskTemplate:
        """Import the module and give the task.

        The name is the function's. Where the task stands under another name, as one made by hand does, the template
        whose function has that name is meant.

        Args:
            loader_args: what `loader_args` gave.

        Raises:
            ModuleLoadError: when the words, the module or the task are not what they should be.
        """
        try:
            mod, module_name, instance, name = loader_args
        except ValueError:
            mod = instance = module_name = name = ""
        if (mod, instance) != (_MODULE, _INSTANCE):
            raise ModuleLoadError(
                f"resolver arguments {list(loader_args)!r} are not of the form mod <module> instance <name>"
            )
        try:
            module = importlib.import_module(module_name)
        except Exception as e:
            raise ModuleLoadError(
                f"module {module_name!r} of task {name!r} cannot be imported: {type(e).__name__}: {e}; looked in "
                f"{', '.join(p or '.' for p in sys.path)}"
            ) from e
        found = getattr(module, name, None)
        if isinstance(found, TaskTemplate):
            return found
        tasks = [value for value in vars(module).values() if isinstance(value, TaskTemplate)]
        for task in tasks:
            if getattr(getattr(task, "func", None), "__name__", None) == name:
                return task
        known = ", ".join(sorted(task.name for task in tasks)) or "none"
        raise ModuleLoadError(f"module {module_name!r} has no task {name!r}; tasks in it: {known}")
