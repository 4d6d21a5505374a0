"""Frames of pandas, polars and pyarrow as inputs and outputs of tasks; nothing here has to be imported to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_core_dataframe.tables import ArrowFrameTransformer as ArrowFrameTransformer

__all__ = ["ArrowFrameTransformer"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flyte_core_dataframe import tables

    value = globals()[name] = getattr(tables, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
