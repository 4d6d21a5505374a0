"""What `File` and `Dir` share: where the data lies, its format and hash, and how text becomes a reference."""

from __future__ import annotations

import functools
import os
import re
import typing
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import attrs

from flyte_core import storage
from flyte_core.errors import (
    InvalidValueError,
    StorageError,
    TypeTransformerFailedError,
    UnsafePathError,
    without_secrets,
)
from flyte_core.io.reference import Reference, text
from flyte_core.storage.engines import require_scheme

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Place", "format_of", "relative_name"]

T_co = TypeVar("T_co", covariant=True)

#: Class methods that make new data, which then has the format of the type's parameter.
_MAKERS = ("new_remote", "from_local", "from_local_sync")


def relative_name(base: str, name: str, operation: str) -> str:
    """Give a name that stays below the place that it is joined to.

    Raises:
        UnsafePathError: it is empty or absolute, or has ``..`` or a NUL in it.
    """
    parts = re.split(r"[\\/]", name)
    if not parts[0] or ".." in parts or "\0" in name or not any(part.strip(".") for part in parts):
        raise UnsafePathError(repr(name), operation, f"the name must lead to something below {base}")
    return name


def _path(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    text(instance, attribute, value)
    if not value:
        raise InvalidValueError(type(instance).__name__, attribute.name, value, "a path or URL")


def _shown(path: str) -> str:
    return repr(without_secrets(path))


# With slots, pickles of subclasses that have further attributes would need functions of their own.
@attrs.frozen(kw_only=True, slots=False)
class Place(Reference, Generic[T_co]):
    """A reference to a path or URL; use `File` or `Dir`.

    Args:
        path: the path or URL.
        name: its name; the last part of the path unless given.
        format: the format of the data, free text.
        hash: a hash of the content, which the cache uses in place of the path.

    Raises:
        InvalidValueError: if the path is empty.
        InvalidTypeError: if a field is no string.
    """

    _KIND: ClassVar[str] = "file or folder"

    path: str = attrs.field(validator=_path, repr=_shown)
    name: str | None = attrs.field(default=None)
    format: str = attrs.field(default="", validator=text)
    # It is set when a write ends, and the hash of an object must not change.
    hash: str | None = attrs.field(default=None, hash=False, validator=attrs.validators.optional(text))

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            bare = self.path.rstrip("/")
            object.__setattr__(self, "name", storage.last_part(self.path) or bare.rpartition("/")[2])

    def __class_getitem__(cls, parameter: Any) -> Any:
        """Give the type with its format: a text such as ``"csv"``, or any class."""
        if isinstance(parameter, tuple) and len(parameter) == 1:
            (parameter,) = parameter  # as `typing` passes arguments on
        if isinstance(parameter, str):
            parameter = typing.Literal[parameter]  # a bare text would be looked up as the name of a type
        if format_of(parameter):
            return _Formatted(cls, parameter)
        return super().__class_getitem__(parameter)  # type: ignore[misc] # Generic has it, typeshed does not say so

    @property
    def _lasting_path(self) -> str:
        """The path as others are told it: a relative one means another file wherever else it is read."""
        if os.path.isabs(self.path) or storage.is_remote(self.path) or self.path.lower().startswith("file:"):  # noqa: PTH117
            return self.path
        return os.path.abspath(self.path)  # noqa: PTH100 - a/.. has to go, a link has to stay

    def _serialize(self) -> dict[str, Any]:
        """The public fields as a dict, with a path that lasts."""
        return {**super()._serialize(), "path": self._lasting_path}

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()  # the fields are immutable, save a hash method, which stays the caller's

    @classmethod
    def _deserialize(cls, value: Any) -> Self:
        if isinstance(value, (str, os.PathLike)):
            raise TypeTransformerFailedError(cls._not(value))
        return super()._deserialize(value)

    @classmethod
    def _not(cls, value: Any) -> str:
        """What to say of a value that is no instance of the class."""
        said = f"expected {cls.__name__}, got {without_secrets(repr(value))[:120]} of type {type(value).__name__}"
        if isinstance(value, (str, os.PathLike)):
            return f"{said}; use {cls.__name__}.from_local for a path, {cls.__name__}.from_existing_remote for a URL"
        return said

    @classmethod
    def _from_text(cls, written: str) -> Self:
        """Give the reference that a text on a command line stands for: a path, a URL, or the plain form as JSON."""
        if written.lstrip().startswith("{"):
            return cls._from_json(written)
        try:
            if storage.is_remote(written):
                require_scheme(written)
                return cls(path=written)
            path = cls._local_from_text(written)
        except StorageError as error:
            raise TypeTransformerFailedError(f"expected the path or URL of a {cls._KIND}; {error}") from error
        if not path.exists():
            raise TypeTransformerFailedError(f"expected the path or URL of a {cls._KIND}; {path} does not exist")
        if path.is_dir() != (cls._KIND == "folder"):
            kind = "folder" if path.is_dir() else "file"
            raise TypeTransformerFailedError(f"expected the path or URL of a {cls._KIND}; {path} is a {kind}")
        return cls(path=str(path))

    @classmethod
    def _local_from_text(cls, written: str) -> Path:
        """Give the absolute path that a text means; ``~`` is the home folder, as for a shell that sees no quotes."""
        if not written:
            raise TypeTransformerFailedError(f"expected the path or URL of a {cls._KIND}, got an empty text")
        path = storage.local_path(written)
        if written.startswith("~") and not path.exists():
            return Path(os.path.expanduser(written)).absolute()  # noqa: PTH111 - pathlib's raises where there is no home
        return path.absolute()

    @classmethod
    def _from_json(cls, written: str) -> Self:
        import json

        try:
            plain = json.loads(written)
        except ValueError as error:
            raise TypeTransformerFailedError(f"expected {cls.__name__} as a path, URL or JSON: {error}") from error
        return cls._deserialize(plain)


def format_of(parameter: Any) -> str:
    """The format that a type's parameter names: a literal text, or a class with one in its attribute ``format``."""
    if typing.get_origin(parameter) is typing.Literal:
        parameter = typing.get_args(parameter)[0]
        return parameter if isinstance(parameter, str) else ""
    named = getattr(parameter, "format", None)
    return named if isinstance(named, str) else ""


class _Formatted(GenericAlias):
    """``File["csv"]``; a plain alias would hand ``new_remote`` on to the class and forget the format."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in _MAKERS:
            return value
        return functools.partial(value, format=format_of(typing.get_args(self)[0]))
