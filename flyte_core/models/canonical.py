"""One injective byte encoding for values that are hashed: two different values never encode alike.

Joining texts before hashing lets ``("a", "bc")`` and ``("ab", "c")`` collide. Here every item is written with its kind
and its length, in the manner of netstrings (https://cr.yp.to/proto/netstrings.txt).
"""

from __future__ import annotations

from collections.abc import Mapping

from flyte_core.errors import InvalidTypeError

__all__ = ["digest", "encode"]


def encode(value: object) -> bytes:
    """Encode a value so that equal encodings mean equal values.

    Mappings keep their order, for which of two variables is set first can matter; sets are sorted.

    Args:
        value: None, bool, int, float, str, bytes, or a tuple, list, set, frozenset or mapping of such.

    Returns:
        The encoding: kind, length and content of every item.

    Raises:
        InvalidTypeError: when a part of the value is of another type.

    Example:
        >>> encode(("a", "bc"))
        b't11:s1:a,s2:bc,,'
    """
    kind, body = _parts(value)
    return b"%s%d:%s," % (kind, len(body), body)


def _parts(value: object) -> tuple[bytes, bytes]:
    if value is None:
        return b"n", b""
    if isinstance(value, bool):
        return b"b", b"1" if value else b"0"
    if isinstance(value, int):
        return b"i", str(int(value)).encode()
    if isinstance(value, float):
        return b"f", float.hex(value).encode()
    if isinstance(value, str):
        return b"s", value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return b"y", value
    if isinstance(value, Mapping):
        return b"m", b"".join(encode(key) + encode(item) for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return b"t", b"".join(map(encode, value))
    if isinstance(value, (set, frozenset)):
        return b"e", b"".join(sorted(map(encode, value)))
    raise InvalidTypeError("encode", "value", value, "None, bool, int, float, str, bytes or a collection of these")


def digest(value: object) -> str:
    """SHA-256 of `encode`, in hexadecimal: the same in every process and on every machine."""
    import hashlib

    return hashlib.sha256(encode(value)).hexdigest()
