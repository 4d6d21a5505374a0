"""`DataFrame`: a reference to a stored table, or a frame in memory that is about to be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io.reference import Reference, text

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import StructuredDataset, StructuredDatasetMetadata

__all__ = ["DataFrame"]


def _or_empty(value: str | None) -> str:
    return "" if value is None else value


@attrs.frozen(kw_only=True)
class DataFrame(Reference):
    """A table: where it lies and in which format.

    Args:
        uri: where it lies.
        format: its format, such as ``parquet``.

    Example:
        >>> DataFrame(uri="s3://bucket/t.parquet", format="parquet").format
        'parquet'
    """

    uri: str | None = attrs.field(default=None, validator=attrs.validators.optional(text))
    format: str | None = attrs.field(default="", converter=_or_empty, validator=text)
    _value: Any = attrs.field(default=None, repr=False, eq=False, alias="_value")
    _literal: Any = attrs.field(default=None, repr=False, eq=False, alias="_literal")
    _metadata: Any = attrs.field(default=None, repr=False, eq=False, alias="_metadata")

    @classmethod
    def from_df(cls, val: Any = None, uri: str | None = None) -> DataFrame:
        """Wrap a frame of any library; its plugin stores it when the value leaves the task.

        Args:
            val: the frame.
            uri: where to store it; by default among the run's own data.
        """
        return cls(uri=uri, _value=val)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **kwargs: Any) -> DataFrame:
        """A reference to a table that is there already; nothing is copied.

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
        """The literal it was read from, if it was."""
        literal: StructuredDataset | None = self._literal
        return literal

    @property
    def metadata(self) -> StructuredDatasetMetadata | None:
        """Columns and format as the reading task declared them, if it was read from a literal."""
        metadata: StructuredDatasetMetadata | None = self._metadata
        return metadata

    def _serialize(self) -> dict[str, Any]:
        if not self.uri:
            raise TypeTransformerFailedError("a DataFrame inside another value must be stored already; it has no uri")
        return super()._serialize()
