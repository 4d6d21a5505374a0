"""A hash of what a function does."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from typing import TYPE_CHECKING, Any

from flyte_core.errors import InvalidTypeError
from flyte_core.models.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["function_fingerprint"]


def function_fingerprint(func: Callable[..., Any]) -> str:
    """A hash of a function's code that is the same in every process, place and version of Python.

    Comments, layout and line numbers do not count. A lambda, and a function whose source cannot be read (typed at a
    prompt, made by ``exec``), are hashed by their bytecode, which depends on the version of Python.

    Args:
        func: the function; of one wrapped by `functools.wraps` the inner one counts.

    Returns:
        SHA-256 in hexadecimal.

    Raises:
        InvalidTypeError: when it is no Python function, as builtins and `functools.partial` are none.
    """
    code = getattr(inspect.unwrap(func), "__code__", None)
    if not isinstance(code, types.CodeType):
        raise InvalidTypeError("Cache", "func", func, "a Python function, or a Cache with a version_override")
    tree = _definition(func, code)
    return digest(("bytecode", _code(code)) if tree is None else ("source", _tree(tree)))


def _definition(func: Callable[..., Any], code: types.CodeType) -> ast.AST | None:
    """The function's definition; None unless the source that is found surely is its own."""
    # Programs of "python -c" and what exec runs share these names: the lines of one are taken for the other's.
    if code.co_filename in ("<string>", "<stdin>"):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(func)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    first = tree.body[0] if tree.body else None
    # A lambda's source is the whole statement, which may hold several; a file changed since may hold anything.
    is_own = isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef)) and first.name == code.co_name
    return first if is_own else None


def _tree(node: object) -> object:
    if isinstance(node, ast.AST):
        # Empty fields are left out, for new versions of Python add fields.
        fields = ((name, _field(node, name)) for name in node._fields)
        return (type(node).__name__, *((name, _tree(item)) for name, item in fields if item is not None and item != []))
    if isinstance(node, list):
        return [_tree(item) for item in node]
    return _constant(node)


def _field(node: ast.AST, name: str) -> object:
    if name == "kind":
        # The u of u"text".
        return None
    value = getattr(node, name, None)
    if isinstance(node, ast.JoinedStr):
        # Python 3.12 adds empty texts to some f-strings.
        return [part for part in value or [] if not (isinstance(part, ast.Constant) and part.value == "")]
    return value


def _code(code: types.CodeType) -> object:
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return (names, counts, code.co_code, _constant(code.co_consts))


def _constant(value: object) -> object:
    """A constant of a program in terms that have one canonical encoding."""
    if isinstance(value, types.CodeType):
        return ("code", _code(value))
    if isinstance(value, tuple):
        return tuple(_constant(item) for item in value)
    if isinstance(value, frozenset):
        return ("set", frozenset(digest(_constant(item)) for item in value))
    if isinstance(value, complex):
        return ("complex", value.real, value.imag)
    if value is Ellipsis:
        return ("ellipsis",)
    return value
