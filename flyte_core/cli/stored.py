"""Outputs that lie outside of their literal, as the run stored them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flyteidl2.core.literals_pb2 import Literal
    from flyteidl2.task.common_pb2 import Outputs

    from flyte_core.cli.tasks import Task

__all__ = ["StoredOutput", "stored_outputs"]


@attrs.frozen(kw_only=True)
class StoredOutput:
    """One output, as its literal has it.

    Args:
        form: the literal as JSON has it: of a frame its place and format.
        has_table: whether it is a frame, or has frames inside.
        uri: where the frame lies that it is; None for anything else.
        format: the frame's format.
    """

    form: Any
    has_table: bool = False
    uri: str | None = None
    format: str = ""


def stored_outputs(task: Task, literals: Outputs | None) -> dict[str, StoredOutput]:
    """Describe the outputs that need input or output to be read: frames, pickles.

    Args:
        task: the task.
        literals: what `flyte_core.runtime.Run.literals` is.

    Returns:
        By name; nothing for outputs whose value says it all, nor for types that only their own Python type explains.
    """
    return dict(_stored(task, literals)) if literals is not None else {}


def _stored(task: Task, literals: Outputs) -> Iterator[tuple[str, StoredOutput]]:
    from flyte_core.errors import TypeTransformerFailedError
    from flyte_core.types.codec import codec_for
    from flyte_core.types.text import literal_to_jsonable

    types = task.native_interface.outputs
    for named in literals.literals:
        codec = codec_for(types[named.name])
        if codec.is_sync:
            continue
        try:
            form = literal_to_jsonable(named.value, codec.literal_type)
        except TypeTransformerFailedError:
            continue
        yield named.name, _described(named.value, form)


def _described(literal: Literal, form: Any) -> StoredOutput:
    inner = literal
    while inner.scalar.WhichOneof("value") == "union":
        inner = inner.scalar.union.value
    if inner.scalar.WhichOneof("value") != "structured_dataset":
        return StoredOutput(form=form, has_table=_has_table(inner))
    table = inner.scalar.structured_dataset
    return StoredOutput(form=form, has_table=True, uri=table.uri, format=table.metadata.structured_dataset_type.format)


def _has_table(literal: Literal) -> bool:
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return any(map(_has_table, literal.collection.literals))
    if kind == "map":
        return any(map(_has_table, literal.map.literals.values()))
    scalar = literal.scalar
    if scalar.WhichOneof("value") == "union":
        return _has_table(scalar.union.value)
    return bool(scalar.WhichOneof("value") == "structured_dataset")
