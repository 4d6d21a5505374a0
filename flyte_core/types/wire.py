"""MessagePack bytes of plain objects; imports msgpack, so it is loaded with the first struct only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from flyte_core.types.mismatch import ValueMismatchError, shown

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Binary

__all__ = ["MSGPACK", "pack", "unpack"]

MSGPACK = "msgpack"


def pack(plain: object) -> bytes:
    """Plain objects as MessagePack.

    Raises:
        TypeTransformerFailedError: if something in it has no MessagePack form.
    """
    try:
        return msgpack.packb(plain)  # type: ignore[no-any-return] # msgpack is looked at only where it is used
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueMismatchError(f"expected what MessagePack can hold, got {shown(plain)}: {error}") from error


def unpack(binary: Binary) -> Any:
    """Plain objects from a binary scalar.

    Raises:
        TypeTransformerFailedError: if it is not MessagePack, or broken.
    """
    if binary.tag != MSGPACK:
        raise ValueMismatchError(f"expected a binary tagged {MSGPACK!r}, got one tagged {binary.tag!r}")
    try:
        # keys of an untyped dict may be numbers
        return msgpack.unpackb(binary.value, strict_map_key=False)
    except ValueError as error:
        raise ValueMismatchError(f"expected MessagePack, got {len(binary.value)} broken bytes: {error}") from error
