"""Files, folders and data frames as typed references: where the data lies and in which format.

Importing this package loads no protobuf, pydantic or data frame library; the transformers are made when one of
the types is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core._lazy import lazy_names
from flyte_core.io.dataframe import DataFrame
from flyte_core.io.dir import Dir
from flyte_core.io.file import File
from flyte_core.types.lookup import register_lazily

if TYPE_CHECKING:
    from flyte_core.io.datasets import DataFrameTransformerEngine
    from flyte_core.io.frames import FrameTransformer
    from flyte_core.io.handlers import CSV, PARQUET, DataFrameDecoder, DataFrameEncoder
    from flyte_core.storage.hashing import HashlibAccumulator, HashMethod, PrecomputedValue
    from flyte_core.types.transformer import TypeTransformer

__all__ = [
    "CSV",
    "PARQUET",
    "DataFrame",
    "DataFrameDecoder",
    "DataFrameEncoder",
    "DataFrameTransformerEngine",
    "Dir",
    "File",
    "FrameTransformer",
    "HashMethod",
    "HashlibAccumulator",
    "PrecomputedValue",
    "lazy_import_dataframe_handler",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "CSV": ".handlers",
        "DataFrameDecoder": ".handlers",
        "DataFrameEncoder": ".handlers",
        "DataFrameTransformerEngine": ".datasets",
        "FrameTransformer": ".frames",
        "PARQUET": ".handlers",
        "HashMethod": "flyte_core.storage.hashing",
        "HashlibAccumulator": "flyte_core.storage.hashing",
        "PrecomputedValue": "flyte_core.storage.hashing",
    },
)


def _blob(python_type: Any) -> TypeTransformer[Any]:
    from flyte_core.io.blobs import BlobTransformer

    return BlobTransformer(python_type)


def _dataset() -> TypeTransformer[Any]:
    from flyte_core.io.datasets import DataFrameTransformerEngine

    return DataFrameTransformerEngine()


def lazy_import_dataframe_handler() -> None:
    """Do nothing: the plugin of a class of frames is found and loaded when the class is first met."""


register_lazily(File, lambda: _blob(File))
register_lazily(Dir, lambda: _blob(Dir))
register_lazily(DataFrame, _dataset)
