"""Where a task was declared: the module that a container imports, and the variable that holds the task there."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from flyte_core._logging import logger
from flyte_core.errors import SerializationError
from flyte_core.template import TaskTemplate

__all__ = ["SOURCES", "Declared", "declared", "find_in_module", "import_root", "place_of", "why_only_by_pickle"]

#: The folder that many projects keep their packages in, without being a package itself.
SOURCES = "src"

_INSTALLED = frozenset({"site-packages", "dist-packages"})


def place_of(task: TaskTemplate, root_dir: Path) -> tuple[str, str]:
    """Say which module a container imports to get a task, and the name under which the task is found there.

    A function task goes by its function. Any other template goes by the variable of a module that holds it, or, for a
    copy that ``override`` made, the task that it was made from.

    Args:
        task: the template.
        root_dir: the folder from which modules are imported.

    Returns:
        The module's name as it is importable from ``root_dir``, and the name inside it.

    Raises:
        SerializationError: (a ValueError) when no module below ``root_dir``, and no installed one, has the task.
    """
    root = _real(os.fspath(root_dir))
    given = getattr(task, "func", None)
    func: Any = inspect.unwrap(given) if callable(given) else None
    code = getattr(func, "__code__", None)
    if code is None:
        return _place_of_variable(task, root)
    module = sys.modules.get(func.__module__)
    file = getattr(module, "__file__", None) or code.co_filename
    found = _module_name(func.__module__, file, root)
    if found is None:
        raise SerializationError(_unreachable("the function of a task", func.__module__, file, root))
    name = _unambiguous(task, module, func.__name__)
    if "<locals>" in func.__qualname__ and not _has(module, name):
        logger.warning("%s", _only_local(task))
    return found, name


def why_only_by_pickle(task: TaskTemplate, root_dir: Path) -> str | None:
    """Say why a container cannot import a task, so that it has to be given a pickled one.

    Args:
        task: the template.
        root_dir: the folder from which modules are imported.

    Returns:
        The reason; None for a task that a module has.
    """
    try:
        _, name = place_of(task, root_dir)
    except SerializationError as error:
        return str(error)
    given = getattr(task, "func", None)
    func: Any = inspect.unwrap(given) if callable(given) else None
    if getattr(func, "__code__", None) is None or _has(sys.modules.get(func.__module__), name):
        return None
    return _only_local(task)


def _has(module: ModuleType | None, name: str) -> bool:
    return module is not None and find_in_module(module, name) is not None


def _only_local(task: TaskTemplate) -> str:
    return (
        f"task {task.name!r} is defined inside a function, so a container cannot find it by its name; define it at the "
        f"top of its module, or give a pickled code bundle"
    )


@attrs.frozen(kw_only=True)
class Declared:
    """A task as a container finds it.

    Args:
        module: the module that the container imports.
        name: the name inside it.
        task: what stands there; a copy that ``override`` made differs from it.
    """

    module: str
    name: str
    task: TaskTemplate


def declared(task: TaskTemplate, root_dir: Path) -> Declared | None:
    """Find a task as a container would, in the modules of this process.

    Args:
        task: the template.
        root_dir: the folder from which modules are imported.

    Returns:
        Where it is declared; None for one that no container would find, such as a task made inside a function or typed
        into a console.
    """
    given = getattr(task, "func", None)
    func: Any = inspect.unwrap(given) if callable(given) else None
    if "<locals>" in getattr(func, "__qualname__", "") and not _has(sys.modules.get(func.__module__), func.__name__):
        return None
    try:
        module, name = place_of(task, root_dir)
    except SerializationError:
        return None
    for loaded in (sys.modules.get(module), sys.modules.get("__main__")):
        found = None if loaded is None else find_in_module(loaded, name)
        if found is not None and found.name == task.name and _has_file(loaded):
            return Declared(module=module, name=name, task=found)
    return None


def _has_file(module: ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).exists()


def import_root(task: TaskTemplate) -> Path:
    """Give the folder from which the module with a task's code is imported; else the working directory.

    Args:
        task: the template.
    """
    file = task.source_file
    if file is None or not Path(file).is_file() or _is_installed(file):
        return Path.cwd()
    folder = Path(file).resolve().parent
    module = getattr(getattr(task, "func", None), "__module__", None) or ""
    if module != "__main__":
        # Of a.b in a/b.py, or in a/b/__init__.py: as many folders up as the name has dots.
        ups = module.count(".") + (Path(file).name == "__init__.py")
        return Path(folder, *[".."] * ups).resolve()
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _unambiguous(task: TaskTemplate, module: ModuleType | None, name: str) -> str:
    """Give the function's name, unless by that name a container would find another task of the module."""
    if module is None:
        return name
    own = vars(module).get(name)
    found = own if isinstance(own, TaskTemplate) else _named(module, name)
    if found is None or found is task or found.name == task.name:
        return name
    return next((own for own, value in list(vars(module).items()) if value is task), name)


#: Of modules the variable of the first task that a name means there, beside the number of variables that were looked
#: at: a module of thousands of tasks would be gone through for each of them.
_names: WeakKeyDictionary[ModuleType, tuple[int, dict[str, str]]] = WeakKeyDictionary()


def _named(module: ModuleType, name: str) -> TaskTemplate | None:
    """Give what `find_in_module` does for a name that is no task's variable."""
    variables = vars(module)
    known = _names.get(module)
    if known is None or known[0] != len(variables):
        known = _names[module] = (len(variables), _variables_by_name(module))
    meant = variables.get(known[1].get(name, ""))
    return meant if isinstance(meant, TaskTemplate) else None


def _variables_by_name(module: ModuleType) -> dict[str, str]:
    """Give the variable of the first task with a function of each name, and of the first task of each name besides."""
    tasks = [(own, value) for own, value in list(vars(module).items()) if isinstance(value, TaskTemplate)]
    found: dict[str, str] = {}
    for own, value in tasks:
        function = getattr(getattr(value, "func", None), "__name__", None)
        if function is not None:
            found.setdefault(function, own)
    for own, value in tasks:
        found.setdefault(value.name, own)
    return found


def find_in_module(module: ModuleType, name: str) -> TaskTemplate | None:
    """Give the task that a name means in a module: the variable's, the function's, or the task's own name.

    Args:
        module: an imported module.
        name: what `place_of` gave.

    Returns:
        The task, or None.
    """
    found = getattr(module, name, None)
    if isinstance(found, TaskTemplate):
        return found
    variable = _variables_by_name(module).get(name)
    return None if variable is None else vars(module)[variable]


# ---- templates without a function --------------------------------------------------------------------


def _place_of_variable(task: TaskTemplate, root: str) -> tuple[str, str]:
    def is_same(value: object) -> bool:
        return value is task

    def is_origin(value: object) -> bool:
        return isinstance(value, TaskTemplate) and type(value) is type(task) and value.name == task.name

    for matches in (is_same, is_origin):
        # The user's own modules are few, those that are installed many.
        for installed in (False, True):
            found = list(_places(matches, root, installed))
            if found:
                return _declaring(found)
    raise SerializationError(
        f"task {task.name!r} is no variable of a module below the root folder {root} or of an installed package, so a "
        f"container could not find it; assign it to a variable at the top of its module, or give a pickled code bundle"
    )


def _places(matches: Callable[[object], bool], root: str, installed: bool) -> Iterator[tuple[str, str, ModuleType]]:
    """Give module name, variable and module of each variable that matches, one for each module."""
    # What stands there need not be a module.
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        if not isinstance(module, ModuleType):
            continue
        # Not getattr: it would load what a lazy module puts off.
        file = vars(module).get("__file__")
        if not isinstance(file, str) or _is_installed(file) is not installed:
            continue
        importable = _module_name(name, file, root)
        if importable is None:
            continue
        for variable, value in list(vars(module).items()):
            if matches(value):
                yield importable, variable, module
                break


def _declaring(places: list[tuple[str, str, ModuleType]]) -> tuple[str, str]:
    """Choose the module that declares the task from those that have it, which may only import it."""
    if len(places) > 1:
        places = sorted(places, key=lambda place: (_imports(place[2], place[1]), place[0]))
    return places[0][0], places[0][1]


def _imports(module: ModuleType, variable: str) -> bool:
    """Whether the module's source imports the variable; not readable source is taken to declare it."""
    import ast

    try:
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(variable in (alias.asname or alias.name, "*") or alias.name == "*" for i in imports for alias in i.names)


# ---- modules -----------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _module_name(name: str, file: str, root: str) -> str | None:
    """Name a module as it is importable from ``root``; None when it is not. The same for all tasks of a module."""
    if file.startswith("<"):  # typed in, as "<stdin>"
        return None
    try:
        relative: Path | None = Path(_real(file)).relative_to(root)
    except ValueError:
        relative = None
    if relative is not None and not _is_installed(os.fspath(relative)):
        parts = list(relative.with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        # The resolver looks into a folder of that name, as packaging tools do.
        if parts[0] == SOURCES and name == ".".join(parts[1:]):
            return name
        return ".".join(parts)
    return name if name != "__main__" and _is_installed(file) else None


@lru_cache(maxsize=4096)
def _real(path: str) -> str:
    return os.fspath(Path(path).resolve())


def _is_installed(file: str) -> bool:
    return not _INSTALLED.isdisjoint(Path(file).parts)


def _unreachable(what: str, name: str, file: Any, root: str) -> str:
    return (
        f"{what} is in module {name!r} ({file}), which is neither below the root folder {root} nor an installed "
        f"package, so a container could not import it; set root_dir to a folder above the file, or give a pickled code "
        f"bundle"
    )
