"""How a container finds a task again: by the module that declares it and its name there."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from flyte_core.errors import ModuleLoadError, near_misses
from flyte_core.runtime.declared import SOURCES, find_in_module, place_of
from flyte_core.template import TaskTemplate

__all__ = ["RESOLVER_PATH", "DefaultTaskResolver", "loader_args"]

#: Import path of the resolver, as it stands on a container's command line.
RESOLVER_PATH = "flyte_core.runtime.resolver.DefaultTaskResolver"

_SHOWN = 20
_MODULE, _INSTANCE = "mod", "instance"


def loader_args(task: TaskTemplate, root_dir: Path) -> list[str]:
    """Give the words by which `DefaultTaskResolver.load_task` finds the task.

    Args:
        task: a template: of a function, or one that a variable of a module holds.
        root_dir: the folder from which modules are imported.

    Returns:
        ``["mod", <module>, "instance", <name of the function or variable>]``.

    Raises:
        SerializationError: (a ValueError) when no module below ``root_dir``, and no installed one, has the task.
    """
    module, name = place_of(task, root_dir)
    return [_MODULE, module, _INSTANCE, name]


class DefaultTaskResolver:
    """Finds a task by the module and the name that `loader_args` wrote.

    Example:
        >>> DefaultTaskResolver().import_path
        'flyte_core.runtime.resolver.DefaultTaskResolver'
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

        The name is that of a variable. Where no task stands under it, as with one made by hand of a function, it is
        the function's name or the task's own.

        Args:
            loader_args: what `loader_args` gave.

        Raises:
            ModuleLoadError: when the words, the module or the task are not what they should be; what the module itself
                raised is chained.
        """
        try:
            mod, module_name, instance, name = loader_args
        except ValueError:
            mod = instance = module_name = name = ""
        if (mod, instance) != (_MODULE, _INSTANCE):
            raise ModuleLoadError(
                f"resolver arguments {list(loader_args)!r} are not of the form mod <module> instance <name>"
            )
        _open_sources(module_name)
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as e:
            raise ModuleLoadError(
                f"module {module_name!r} of task {name!r} cannot be imported: {type(e).__name__}: {e}{_advice(e)}"
                f"{_missing(module_name, e)}; looked in {', '.join(p or '.' for p in sys.path)}"
            ) from e
        found = find_in_module(module, name)
        if found is not None:
            return found
        tasks = {key: value.name for key, value in vars(module).items() if isinstance(value, TaskTemplate)}
        close = near_misses(name, [*tasks, *tasks.values()])
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        known = ", ".join(sorted(set(tasks.values()))) or "none"
        raise ModuleLoadError(f"module {module_name!r} has no task {name!r}; tasks in it: {known}{hint}")


def _advice(error: BaseException) -> str:
    """Say how a module that is missing gets into the image, where its name tells."""
    missing = (getattr(error, "name", None) or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if not missing.startswith("flyte_core_"):
        return ""
    distribution = missing.replace("_", "-")
    return f" (a plugin that is not in the image; add it: Image.with_pip_packages({distribution!r}))"


def _open_sources(module_name: str) -> None:
    """Make packages importable that lie in a folder ``src``, where the module is not found without or lies there."""
    top = module_name.partition(".")[0]
    if top in sys.modules or (top != SOURCES and any(_holds(folder or ".", top) for folder in sys.path)):
        return
    for at, folder in reversed(list(enumerate(sys.path))):
        sources = Path(folder or ".", SOURCES)
        if str(sources) in sys.path or not sources.is_dir() or (sources / "__init__.py").exists():
            continue
        if top == SOURCES or _holds(str(sources), top):
            sys.path.insert(at + 1, str(sources))


def _holds(folder: str, top: str) -> bool:
    return Path(folder, top).is_dir() or Path(folder, f"{top}.py").is_file()


def _missing(module_name: str, error: BaseException) -> str:
    """Say what of a module's name was found, and what is there instead of the rest."""
    name = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if not name or not f"{module_name}.".startswith(f"{name}."):
        return ""  # another module, which this one imports
    package, _, last = name.rpartition(".")
    if not package:
        return f" (there is no file {last}.py, and no folder {last})"
    folders = list(getattr(sys.modules.get(package), "__path__", []))
    found = sorted({info.name for info in pkgutil.iter_modules(folders)})
    close = near_misses(last, found)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    shown = ", ".join(found[:_SHOWN]) or "nothing"
    return f" ({package!r} is there, in {', '.join(folders)}; it has: {shown}{hint})"
