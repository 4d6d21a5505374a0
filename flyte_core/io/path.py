"""`File` and `Dir`: references to one file and to a folder of files."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from flyte_core.errors import InvalidValueError
from flyte_core.io.reference import Reference, text

__all__ = ["Dir", "File"]

T = TypeVar("T")


def _path(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    text(instance, attribute, value)
    if not value:
        raise InvalidValueError(type(instance).__name__, attribute.name, value, "a path or URL")


def _last_part(instance: Any) -> str:
    return str(instance.path).rstrip("/").rpartition("/")[2]


@attrs.frozen(kw_only=True)
class File(Reference, Generic[T]):
    """A reference to one file, local or remote; the type parameter may say its format.

    Args:
        path: where the file lies.
        name: its name; the last part of the path unless given.
        format: its format, free text.
        hash: a hash of its content, which the cache uses in place of the path.

    Raises:
        InvalidValueError: if the path is empty.
        InvalidTypeError: if a field is no string.

    Example:
        >>> File(path="s3://bucket/a/data.csv").name
        'data.csv'
    """

    path: str = attrs.field(validator=_path)
    name: str | None = attrs.field(default=None)
    format: str = attrs.field(default="", validator=text)
    hash: str | None = attrs.field(default=None, validator=attrs.validators.optional(text))

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            object.__setattr__(self, "name", _last_part(self))

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> File[T]:
        """A reference to a file that is there already; nothing is copied.

        Args:
            remote_path: where it lies.
            file_cache_key: a hash of its content for the cache.

        Example:
            >>> File.from_existing_remote("s3://bucket/data.csv", "abc").hash
            'abc'
        """
        return cls(path=remote_path, hash=file_cache_key)


@attrs.frozen(kw_only=True)
class Dir(Reference, Generic[T]):
    """A reference to a folder of files, local or remote; the type parameter may say their format.

    Args:
        path: where the folder lies.
        name: its name; the last part of the path unless given.
        format: the files' format, free text.
        hash: a hash of its content, which the cache uses in place of the path.

    Raises:
        InvalidValueError: if the path is empty.
        InvalidTypeError: if a field is no string.

    Example:
        >>> Dir(path="s3://bucket/a/tree/").name
        'tree'
    """

    path: str = attrs.field(validator=_path)
    name: str | None = attrs.field(default=None)
    format: str = attrs.field(default="", validator=text)
    hash: str | None = attrs.field(default=None, validator=attrs.validators.optional(text))

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            object.__setattr__(self, "name", _last_part(self))

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> Dir[T]:
        """A reference to a folder that is there already; nothing is copied.

        Args:
            remote_path: where it lies.
            dir_cache_key: a hash of its content for the cache.

        Example:
            >>> Dir.from_existing_remote("s3://bucket/tree").format
            ''
        """
        return cls(path=remote_path, hash=dir_cache_key)
