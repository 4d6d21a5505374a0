"""What a declaration of a container task may hold; every fault is told when the task is declared."""

from __future__ import annotations

import os
import types
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Union, get_args, get_origin

from flyte_core.errors import InvalidTypeError, InvalidValueError, near_misses
from flyte_core_container.copilot.names import ERROR_FILE
from flyte_core_container.rendering import template_inputs

__all__ = [
    "RESERVED_OUTPUTS",
    "check_names",
    "check_templates",
    "folder",
    "words",
]

#: The file by which a container reports an error to CoPilot, and those that mark its states.
RESERVED_OUTPUTS = frozenset({ERROR_FILE, "_START", "_SUCCESS"})

#: The most bytes that file systems take for one name.
_MOST_BYTES = 255


def words(owner: str, field: str, value: object) -> list[str]:
    """Give a command or its arguments as a list of texts.

    Raises:
        InvalidTypeError: (a TypeError) when it is no list.
        InvalidValueError: (a ValueError) when something in it is no text.
    """
    if value is None:
        return []
    allowed = f"a list of texts, one for each word: all elements of {field} must be str"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidTypeError(owner, field, value, allowed + '; for a shell, ["sh", "-c", "..."]')
    found = list(value)
    for word in found:
        if not isinstance(word, str):
            raise InvalidValueError(owner, field, word, allowed)
        if "\0" in word:
            raise InvalidValueError(owner, field, word, "words without NUL characters")
    return found


def folder(owner: str, field: str, value: object) -> PurePosixPath:
    """Give a folder inside the container.

    Raises:
        InvalidTypeError: when it is neither text nor path.
        InvalidValueError: when it is not absolute, is the root, or leads upwards.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidTypeError(owner, field, value, "an absolute path in the container")
    path = PurePosixPath(os.fspath(value))
    if not path.is_absolute() or len(path.parts) < 2 or ".." in path.parts or "\0" in str(path):
        raise InvalidValueError(owner, field, str(value), "an absolute path in the container such as /var/inputs")
    return path


def check_names(owner: str, field: str, variables: Mapping[str, Any], reserved: frozenset[str]) -> None:
    """Refuse names that cannot be those of files beside each other.

    Raises:
        InvalidTypeError: when a name is no text.
        InvalidValueError: when it is empty, leads out of the folder, cannot stand in a template, is too long or taken.
    """
    for name in variables:
        if not isinstance(name, str):
            raise InvalidTypeError(owner, field, name, "texts as names")
        if not name or name in (".", "..") or any(c in "/}\0" or c.isspace() for c in name):
            raise InvalidValueError(owner, field, name, "names that can be those of files, without / } or white space")
        if name in reserved:
            raise InvalidValueError(owner, field, name, f"another name: CoPilot writes {', '.join(sorted(reserved))}")
        if len(name.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
            raise InvalidValueError(owner, field, name, f"names of at most {_MOST_BYTES} bytes")


def check_templates(
    owner: str, field: str, texts: Iterable[str], inputs: Mapping[str, Any], input_dir: PurePosixPath
) -> None:
    """Refuse templates of inputs that the task does not have, or whose values no cluster can write as a word.

    Args:
        owner: the task.
        field: ``command`` or ``arguments``.
        texts: the words.
        inputs: of each input its Python type.
        input_dir: the folder of the inputs in the container.

    Raises:
        InvalidValueError: naming near misses, the inputs that there are, or the input's file.
    """
    for text in texts:
        for name in template_inputs(text):
            if name not in inputs:
                close = near_misses(name, list(inputs))
                known = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(inputs) or 'none'}"
                raise InvalidValueError(owner, field, text, f"templates of declared inputs; {name!r} is none ({known})")
            kind = _kind_without_word(inputs[name])
            if kind is not None:
                raise InvalidValueError(
                    owner, field, text, f"inputs that are one word; {name!r} is {kind}: read {input_dir / name} instead"
                )


def _kind_without_word(python_type: object) -> str | None:
    """Name the kind of a type all of whose values a cluster refuses in a command; None for all others.

    They are those that become maps and unions on the wire; Flyte's template engine knows neither.
    """
    origin, arguments = get_origin(python_type), get_args(python_type)
    if origin is Annotated:
        return _kind_without_word(arguments[0])
    if origin is Union or origin is getattr(types, "UnionType", Union):
        return "optional or a union"
    return "a map" if origin is dict and arguments[:1] == (str,) else None
