"""The table of the transformers that the core itself brings."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from flyte_core.types.transformer import RestrictedTypeTransformer

if TYPE_CHECKING:
    from flyte_core.types.transformer import TypeTransformer

__all__ = ["builtin_transformers"]


def builtin_transformers() -> dict[Any, TypeTransformer[Any]]:
    """Every built-in transformer by its type, in the order in which they are asked to guess a type."""
    from flyte_core.types.containers import container_transformers
    from flyte_core.types.enums import enum_transformers
    from flyte_core.types.messages import message_transformers
    from flyte_core.types.pickled import PICKLE, FlytePickle
    from flyte_core.types.simple import simple_transformers
    from flyte_core.types.unions import union_transformers

    return {
        **simple_transformers(),
        **container_transformers(),
        **union_transformers(),
        **enum_transformers(),
        **message_transformers(),
        tuple: RestrictedTypeTransformer("tuple", tuple),
        typing.Tuple: RestrictedTypeTransformer("tuple", typing.cast(Any, typing.Tuple)),  # noqa: UP006 - a key
        typing.NamedTuple: RestrictedTypeTransformer("named tuple", typing.cast(Any, typing.NamedTuple)),
        FlytePickle: PICKLE,
    }
