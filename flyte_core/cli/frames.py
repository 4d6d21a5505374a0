"""Frames as inputs: where a table lies, in place of the table."""

from __future__ import annotations

import typing
from typing import Any

from flyte_core.errors import TypeTransformerFailedError

__all__ = ["read_input"]

_NOTHING = ("none", "null")


def read_input(text: str, python_type: Any) -> Any:
    """Read the text of an input: a frame from the place that the text names, anything else as its type has it.

    Args:
        text: the text.
        python_type: the input's type.

    Raises:
        TypeTransformerFailedError: the text does not stand for a value of the type, there is no such file or folder, or
            the table cannot be read.
    """
    from flyte_core.types.text import from_jsonable, parse_text

    inner = _without_none(python_type)
    may_be_none = inner is not python_type and text.strip().lower() in _NOTHING
    if text.lstrip().startswith("{") or may_be_none or not _is_table(inner):
        return parse_text(text, python_type)
    _check_there(text)
    if _is_reference(inner):
        return parse_text(text, inner)
    # As a reference it is read where it is; messages then name the place that was given.
    return from_jsonable({"uri": text}, inner)


def _without_none(python_type: Any) -> Any:
    """Give ``T`` for ``T | None``; anything else stays."""
    from flyte_core.types import lookup

    if not lookup.is_union(python_type):
        return python_type
    variants = [variant for variant in typing.get_args(python_type) if variant is not type(None)]
    return variants[0] if len(variants) == 1 else python_type


def _is_table(python_type: Any) -> bool:
    from flyte_core.types.codec import codec_for

    return bool(codec_for(python_type).literal_type.WhichOneof("type") == "structured_dataset_type")


def _is_reference(python_type: Any) -> bool:
    from flyte_core.types import lookup

    return hasattr(lookup.underlying(python_type), "from_existing_remote")


def _check_there(text: str) -> None:
    from flyte_core.storage import is_remote, local_path

    if not is_remote(text) and not local_path(text).exists():
        raise TypeTransformerFailedError("no such file or folder; expected the path or URL of a table")
