"""Loading a user's file or module, as Python itself would import it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.cli.failure import USAGE, Failure
from flyte_core.cli.tracebacks import format_error
from flyte_core.errors import near_misses

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Loaded", "load_target"]


@attrs.frozen(kw_only=True)
class Loaded:
    """A user's module.

    Args:
        module: the module, which also stands in ``sys.modules``.
        root: the folder that it and its neighbours are imported from.
        path: its file; None for a module that has none.
    """

    module: ModuleType
    root: Path
    path: Path | None


def load_target(target: str, *, whole_tracebacks: bool = False) -> Loaded:
    """Import a file or a module.

    A file inside of packages (folders with an ``__init__.py``) is imported under its dotted name, with the folder above
    the outermost package first on ``sys.path``; any other file with its own folder first. So its imports, pickling and
    type hints work as they do anywhere else.

    Args:
        target: path of a Python file or of a package's folder, or a dotted module name.
        whole_tracebacks: whether the framework's frames are shown too when the import fails.

    Returns:
        The module.

    Raises:
        Failure: with status 2 when there is no such file or module, or it does not import; then with its traceback.
    """
    path = Path(target)
    if target.endswith(".py") or path.exists() or os.sep in target:
        return _load_file(target, path, whole_tracebacks)
    return _load_module(target, whole_tracebacks)


def _load_file(target: str, path: Path, whole_tracebacks: bool) -> Loaded:
    if path.is_dir() and (path / "__init__.py").is_file():
        path /= "__init__.py"
    if not path.is_file():
        raise _no_file(target, path)
    if path.suffix != ".py":
        raise Failure(f"{target}: not a Python file; expected a file that ends in .py, or a module's name")
    path = path.resolve()
    root, name = _place(path)
    _put_first(root)
    known = sys.modules.get(name)
    if known is not None and not _is_from(known, path):
        raise Failure(
            f"{target}: its module would be named {name!r}, but a module of that name is loaded already "
            f"({getattr(known, '__file__', None) or 'built into Python'}); rename the file"
        )
    module = _import(name, path if "." in path.stem else None, target, whole_tracebacks)
    return Loaded(module=module, root=root, path=path)


def _place(path: Path) -> tuple[Path, str]:
    """Give the folder that a file is imported from, and its dotted name there."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    # A dot in the file's own name would be taken for a package's.
    return folder, ".".join([*parts[:-1], parts[-1].replace(".", "_")])


def _put_first(folder: Path) -> None:
    text = str(folder)
    if not sys.path or sys.path[0] != text:
        sys.path.insert(0, text)
    importlib.invalidate_caches()


def _is_from(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _load_module(target: str, whole_tracebacks: bool) -> Loaded:
    root = Path.cwd()
    _put_first(root)
    if not _is_there(target):
        raise _no_module(target)
    module = _import(target, None, target, whole_tracebacks)
    file = getattr(module, "__file__", None)
    path = Path(file).resolve() if file else None
    return Loaded(module=module, root=_place(path)[0] if path else root, path=path)


def _is_there(name: str) -> bool:
    """Say whether a module can be found; an error in a package around it is for its import to raise."""
    top = name.partition(".")[0]
    try:
        if importlib.util.find_spec(top) is None:
            return False
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError as error:
        return error.name is not None and not f"{name}.".startswith(f"{error.name}.")
    except Exception:  # of the package's own code
        return True


def _import(name: str, file: Path | None, target: str, whole_tracebacks: bool) -> ModuleType:
    try:
        return importlib.import_module(name) if file is None else _import_from(name, file)
    except (Exception, SystemExit) as error:  # whatever the user's code raises, its own traceback is what helps
        raise _not_loaded(target, error, whole_tracebacks) from error


def _import_from(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {file}", name=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # a script may end with SystemExit; half a module must not stay
        del sys.modules[name]
        raise
    return module


def _not_loaded(target: str, error: BaseException, whole_tracebacks: bool) -> Failure:
    return Failure(
        f"{target} cannot be loaded: {type(error).__name__}: {error}".rstrip(": "),
        status=USAGE,
        kind="user",
        code=type(error).__name__,
        traceback=format_error(error, whole=whole_tracebacks),
    )


def _no_file(target: str, path: Path) -> Failure:
    if path.is_dir():
        return Failure(f"{target} is a folder; expected a Python file, or a package with an __init__.py")
    files = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
    close = [str(path.parent / name) for name in near_misses(path.name, files)]
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return Failure(f"there is no file {target}{hint}")


def _no_module(target: str) -> Failure:
    files = [p.name for p in Path.cwd().glob("*.py")]
    close = near_misses(f"{target}.py", files)
    hint = f"; did you mean the file {' or '.join(close)}?" if close else ""
    return Failure(f"there is no file or module {target!r}{hint}")
