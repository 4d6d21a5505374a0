"""Files, folders and data frames as typed references: where the data lies and in which format.

Importing this package loads no protobuf, pydantic or data frame library; the transformers are made when one of
the types is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core.io.dataframe import DataFrame
from flyte_core.io.path import Dir, File
from flyte_core.types.lookup import register_lazily

if TYPE_CHECKING:
    from flyte_core.types.transformer import TypeTransformer

__all__ = ["DataFrame", "Dir", "File"]


def _blob(python_type: Any) -> TypeTransformer[Any]:
    from flyte_core.io.blobs import BlobTransformer

    return BlobTransformer(python_type)


def _dataset() -> TypeTransformer[Any]:
    from flyte_core.io.datasets import DataFrameTransformer

    return DataFrameTransformer()


register_lazily(File, lambda: _blob(File))
register_lazily(Dir, lambda: _blob(Dir))
register_lazily(DataFrame, _dataset)
