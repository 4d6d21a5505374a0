"""`DataFrame`: a reference to a stored table, or a frame in memory that is about to be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from flyte_core._syncify import iterate, run_coroutine
from flyte_core.errors import InvalidTypeError, InvalidValueError, TypeTransformerFailedError
from flyte_core.io.reference import Reference, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flyteidl2.core.literals_pb2 import StructuredDataset, StructuredDatasetMetadata
    from flyteidl2.core.types_pb2 import LiteralType
    from typing_extensions import Self

    from flyte_core.io.datasets import DataFrameTransformerEngine

__all__ = ["DataFrame"]


def _or_empty(value: str | None) -> str:
    return "" if value is None else value


@attrs.frozen(kw_only=True)
class DataFrame(Reference):
    """A table: where it lies and in which format, or a frame in memory of any library whose plugin is installed.

    A frame in memory is stored when the value leaves the task. A stored table is read when `all` or `iter` asks for
    it, as a frame of the class given to `open`; columns in ``Annotated[DataFrame, {"a": int}]`` are the only ones
    read, and are checked.

    Args:
        uri: where it lies.
        format: its format, such as ``parquet``.

    Example:
        >>> DataFrame(uri="s3://bucket/t.parquet", format="parquet").format
        'parquet'
    """

    uri: str | None = attrs.field(default=None, validator=attrs.validators.optional(text))
    format: str | None = attrs.field(default="", converter=_or_empty, validator=text)
    # Two frames are compared by identity: most libraries' == gives a frame, not a bool.
    _value: Any = attrs.field(default=None, repr=False, eq=id, alias="_value")
    _literal: Any = attrs.field(default=None, repr=False, eq=False, alias="_literal")
    _metadata: Any = attrs.field(default=None, repr=False, eq=False, alias="_metadata")
    _wanted: Any = attrs.field(default=None, repr=False, eq=False, init=False)

    @classmethod
    def columns(cls) -> dict[str, type]:
        """The columns of this class; none, unless a subclass has some."""
        return {}

    @classmethod
    def column_names(cls) -> list[str]:
        """The names of `columns`."""
        return list(cls.columns())

    @classmethod
    def from_df(cls, val: Any = None, uri: str | None = None) -> Self:
        """Wrap a frame of any library; its plugin stores it when the value leaves the task.

        Args:
            val: the frame.
            uri: the folder to store it in; by default a new one among the run's own data.

        Example:
            >>> DataFrame.from_df([1, 2]).val
            [1, 2]
        """
        return cls(uri=uri, _value=val)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **kwargs: Any) -> Self:
        """A reference to a table that is there already; nothing is copied.

        Args:
            remote_path: a file, or a folder of files.
            format: its format; by the ending of its name, or else the default of the class it is opened as.
            **kwargs: further fields.

        Example:
            >>> DataFrame.from_existing_remote("s3://bucket/t.parquet", format="parquet").uri
            's3://bucket/t.parquet'
        """
        return cls(uri=remote_path, format=format or "", **kwargs)

    @property
    def val(self) -> Any:
        """The frame in memory, if there is one."""
        return self._value

    @property
    def literal(self) -> StructuredDataset | None:
        """The literal it was read from or stored as, if it was."""
        literal: StructuredDataset | None = self._literal
        return literal

    @property
    def metadata(self) -> StructuredDatasetMetadata | None:
        """Columns and format as the reading task declared them, if it was read from a literal."""
        metadata: StructuredDatasetMetadata | None = self._metadata
        return metadata

    def open(self, dataframe_type: type[Any]) -> Self:
        """Say as which class of frames `all` and `iter` are to read it.

        Args:
            dataframe_type: the class, such as ``pandas.DataFrame`` or ``polars.LazyFrame``.

        Returns:
            This object.

        Raises:
            InvalidTypeError: it is no class.
        """
        if not isinstance(dataframe_type, type):
            raise InvalidTypeError("DataFrame.open", "dataframe_type", dataframe_type, "a class of frames")
        object.__setattr__(self, "_wanted", dataframe_type)
        return self

    async def all(self) -> Any:
        """Read the whole table as a frame of the class given to `open`.

        Returns:
            The frame; the very one that was wrapped, where it is of that class.

        Raises:
            InvalidValueError: `open` was not called.
            TypeTransformerFailedError: nothing installed can read it so.
            DataFrameSchemaError: its columns are not those that are declared.
            StorageError: it cannot be read.
        """
        wanted = self._wanted_type()
        if isinstance(self.val, wanted):
            return self.val
        return await _engine().open_as(await self._settled(), wanted, self.metadata)

    def all_sync(self) -> Any:
        """`all`, without ``await``."""
        return run_coroutine(self.all())

    async def iter(self) -> AsyncIterator[Any]:
        """Read the table piece by piece, each piece a frame of the class given to `open`.

        Returns:
            An asynchronous iterator: ``async for piece in await df.open(pandas.DataFrame).iter()``.

        Raises:
            InvalidValueError: `open` was not called.
            TypeTransformerFailedError: nothing installed can read it so.
        """
        wanted = self._wanted_type()
        return await _engine().iter_as(await self._settled(), wanted, self.metadata)

    def iter_sync(self) -> Iterator[Any]:
        """`iter`, without ``await``; the pieces are read one at a time."""
        self._wanted_type()
        return iterate(self.iter)

    async def set_literal(self, expected: LiteralType) -> None:
        """Store the frame, if it is not stored yet, so that `literal` and `metadata` are there.

        Args:
            expected: the literal type of the output that it is for.
        """
        literal = await _engine().to_literal(self, type(self), expected)
        self.remember(literal.scalar.structured_dataset)

    def set_literal_sync(self, expected: LiteralType) -> None:
        """`set_literal`, without ``await``."""
        run_coroutine(self.set_literal(expected))

    def remember(self, literal: StructuredDataset) -> None:
        """Keep the literal it is stored as, so that it is not stored a second time; for encoders."""
        object.__setattr__(self, "_literal", literal)
        if self._metadata is None:
            object.__setattr__(self, "_metadata", literal.metadata)

    def as_literal(self) -> StructuredDataset:
        """What is known of a stored table, as a literal of its own.

        Raises:
            TypeTransformerFailedError: it is not stored.
        """
        from flyteidl2.core.literals_pb2 import StructuredDataset

        if not self.uri:
            raise TypeTransformerFailedError("this DataFrame is not stored; it has no uri")
        literal = StructuredDataset(uri=self.uri)
        literal.metadata.structured_dataset_type.format = self.format or ""
        return literal

    def _wanted_type(self) -> type[Any]:
        if self._wanted is None:
            raise InvalidValueError("DataFrame", "open()", None, "to be called with a class of frames before reading")
        wanted: type[Any] = self._wanted
        return wanted

    async def _settled(self) -> StructuredDataset:
        """The literal, the frame being stored first where it is in memory; a table that lies somewhere stays there."""
        if self.literal is None:
            if self.val is None:
                self.remember(self.as_literal())
            else:
                engine = _engine()
                await self.set_literal(engine.get_literal_type(type(self)))
        literal: StructuredDataset = self._literal
        return literal

    def _serialize(self) -> dict[str, Any]:
        engine = _engine()
        literal = run_coroutine(engine.to_literal(self, type(self), engine.get_literal_type(type(self))))
        dataset = literal.scalar.structured_dataset
        return {"uri": dataset.uri, "format": dataset.metadata.structured_dataset_type.format}

    @classmethod
    def _deserialize(cls, value: Any) -> Self:
        found = super()._deserialize(value)
        found.remember(found.as_literal())
        return found


def _engine() -> DataFrameTransformerEngine:
    from flyte_core.io.datasets import DataFrameTransformerEngine

    return DataFrameTransformerEngine()
