"""Tables of pyarrow."""

from __future__ import annotations

import pyarrow as pa

from flyte_core_dataframe.tables import ArrowFrameTransformer

__all__ = ["TRANSFORMERS", "ArrowTransformer"]

flyte_core_api = ">=1.0,<2"


class ArrowTransformer(ArrowFrameTransformer[pa.Table]):
    """`pyarrow.Table`."""

    def __init__(self) -> None:
        super().__init__(pa.Table)

    def to_arrow(self, frame: pa.Table) -> pa.Table:
        """The table itself."""
        return frame

    def from_arrow(self, table: pa.Table) -> pa.Table:
        """The table itself."""
        return table

    def render(self, frame: pa.Table) -> str:
        """The columns with their types, and the first values of each."""
        return str(frame.to_string())


TRANSFORMERS = [ArrowTransformer]
