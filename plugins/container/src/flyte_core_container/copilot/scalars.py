"""Files and JSON as scalars: what the content of an output may be for each simple type."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_core_container.copilot import grammar
from flyte_core_container.copilot.errors import GrammarError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Scalar
    from google.protobuf.struct_pb2 import Struct

__all__ = ["BYTES", "NONE", "STRICT", "content_limit", "kind_of_json", "scalar_of_bytes", "scalar_of_json", "text_of"]

T = TypeVar("T")

# Numbers of flyteidl2.core.SimpleType.
NONE, INTEGER, FLOAT, STRING, BOOLEAN, DATETIME, DURATION, BINARY, ERROR, STRUCT = range(10)

STRICT = frozenset({NONE, INTEGER, FLOAT, BOOLEAN, DATETIME, DURATION, STRUCT})
"""Types that take only certain texts; the others take any."""
BYTES = BINARY

_EXPECTED = (  # by the numbers of the types
    "null",
    "a whole number",
    "a number",
    "a text",
    "true or false",
    "a text with a time such as 2024-01-02T03:04:05Z",
    "a text with a duration such as 1h30m, or whole nanoseconds of 64 bits",
    "a text with bytes as base64",
    "a text with an error's message",
    "a JSON object",
)
_SHOWN = 60
_MEGABYTE = 1 << 20
_MESSAGE = 2**31 - 1 - _MEGABYTE  # what protobuf takes, with room for the rest
_NANOSECONDS = 1_000_000_000
_STRIPPED = " \n\t"  # not the carriage return: a value with one was written for other readers
_MSGPACK = "msgpack"


def content_limit(simple: int) -> int:
    """Give the most bytes that a file of a simple type may have."""
    return _MESSAGE if simple in (STRING, BINARY, ERROR, STRUCT) else _MEGABYTE


def text_of(data: bytes) -> str:
    """Decode the content of a file.

    Raises:
        GrammarError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GrammarError(f"it is no text in UTF-8: byte {error.start} is 0x{data[error.start]:02x}") from error


def scalar_of_bytes(simple: int, data: bytes, *, lenient: bool = False, tag: str = "") -> Scalar:
    """Read the content of a file as a value of a simple type.

    Args:
        simple: the type, a number of ``flyteidl2.core.SimpleType``.
        data: the content. Strings and errors lose one newline at their end, bytes nothing, all others spaces, tabs and
            newlines at both ends.
        lenient: whether times without an offset and durations as Python prints them are read too, with a warning.
        tag: of bytes, instead of ``msgpack``.

    Raises:
        GrammarError: the content is none of this type.

    Example:
        >>> scalar_of_bytes(1, b"42\\n").primitive.integer
        42
    """
    from flyteidl2.core.literals_pb2 import Binary, Scalar

    if simple == BINARY:
        return Scalar(binary=Binary(value=data, tag=tag or _MSGPACK))
    if simple == NONE:
        return _none()
    if simple == STRUCT:
        return _structure(data)
    text = text_of(data)
    if simple in (STRING, ERROR):
        return _scalar_of_text(simple, text[:-1] if text.endswith("\n") else text)
    return _scalar_of_text(simple, text.strip(_STRIPPED), lenient=lenient)


def _scalar_of_text(simple: int, text: str, *, lenient: bool = False) -> Scalar:
    from flyteidl2.core.literals_pb2 import Primitive, Scalar
    from flyteidl2.core.types_pb2 import Error

    if simple == ERROR:
        return Scalar(error=Error(message=text))
    if simple == STRING:
        return Scalar(primitive=Primitive(string_value=text))
    if simple == INTEGER:
        return Scalar(primitive=Primitive(integer=grammar.parse_integer(text)))
    if simple == FLOAT:
        return Scalar(primitive=Primitive(float_value=grammar.parse_float(text)))
    if simple == BOOLEAN:
        return Scalar(primitive=Primitive(boolean=grammar.parse_boolean(text)))
    if simple == DATETIME:
        return _datetime(_parsed(text, grammar.parse_datetime, grammar.parse_naive_datetime, lenient))
    if simple == DURATION:
        return _duration(_parsed(text, grammar.parse_duration, grammar.parse_python_duration, lenient))
    raise GrammarError(f"its declared type, simple type {simple}, is not known")


def _parsed(text: str, parse: Callable[[str], T], lenient_parse: Callable[[str], T], lenient: bool) -> T:
    try:
        return parse(text)
    except GrammarError:
        if not lenient:
            raise
        try:
            value = lenient_parse(text)
        except GrammarError:
            pass
        else:
            warnings.warn(
                f"{text!r} is read here, and refused on a cluster: write times with their offset, as in "
                f"2024-01-02T03:04:05Z, and durations with units, as in 1h30m",
                UserWarning,
                stacklevel=2,
            )
            return value
        raise


def _none() -> Scalar:
    from flyteidl2.core.literals_pb2 import Scalar, Void

    return Scalar(none_type=Void())


def _datetime(moment: grammar.Moment) -> Scalar:
    from flyteidl2.core.literals_pb2 import Primitive, Scalar
    from google.protobuf.timestamp_pb2 import Timestamp

    return Scalar(primitive=Primitive(datetime=Timestamp(seconds=moment.seconds, nanos=moment.nanoseconds)))


def _duration(nanoseconds: int) -> Scalar:
    from flyteidl2.core.literals_pb2 import Primitive, Scalar
    from google.protobuf.duration_pb2 import Duration

    seconds, rest = divmod(abs(nanoseconds), _NANOSECONDS)
    sign = -1 if nanoseconds < 0 else 1
    return Scalar(primitive=Primitive(duration=Duration(seconds=sign * seconds, nanos=sign * rest)))


def _structure(data: bytes) -> Scalar:
    from flyteidl2.core.literals_pb2 import Binary, Scalar

    # Flyte 2 holds dataclasses as MessagePack, and an input of that kind is written so. No JSON begins like its maps.
    if data[:1] and (0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF)):
        return Scalar(binary=Binary(value=data, tag=_MSGPACK))
    text = text_of(data).lstrip(" \t\r\n")
    if not text.startswith("{"):
        raise GrammarError("expected a JSON object")
    value, _end = json_of(text, trailing=True)
    return Scalar(generic=structure_of(value))


def json_of(text: str, *, trailing: bool = False) -> tuple[Any, int]:
    """Read JSON with all digits of its integers; NaN and infinities are none.

    Args:
        text: begins with the value.
        trailing: whether more text may follow it, which the Go loader ignores.

    Raises:
        GrammarError: it is no JSON.
    """
    decoder = json.JSONDecoder(parse_float=grammar.parse_float, parse_constant=_no_constant)
    try:
        value, end = decoder.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise GrammarError(f"it is no JSON: {error}") from error
    rest = text[end:].strip()
    if rest and not trailing:
        raise GrammarError(f"it is no JSON: there is more behind its end, at character {end}")
    return value, end


def _no_constant(name: str) -> Any:
    raise GrammarError(f"{name} is no JSON")


def structure_of(value: dict[str, Any]) -> Struct:
    """Give a JSON object as a protobuf structure.

    Raises:
        GrammarError: a number is too large for a float, or a text has half a character.
    """
    from google.protobuf.struct_pb2 import Struct

    struct = Struct()
    try:
        struct.update(value)
    except (OverflowError, UnicodeError, RecursionError) as error:
        raise GrammarError(f"its JSON cannot be a structure: {error}") from error
    return struct


def scalar_of_json(simple: int, value: Any, *, lenient: bool = False) -> Scalar:
    """Read a plain object, as an item of a list in a JSON file is, as a value of a simple type.

    Args:
        simple: the type.
        value: a JSON value as `json_of` gives it. Times and durations are texts as in files, or, as in
            ``inputs.json``, durations whole nanoseconds and bytes base64.
        lenient: as for files.

    Raises:
        GrammarError: it is none of this type.

    Example:
        >>> scalar_of_json(6, 90_000_000_000).primitive.duration.seconds
        90
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if simple == NONE and value is None:
        return _none()
    if simple == INTEGER and whole:
        return _scalar_of_text(INTEGER, _digits(value))
    if simple == FLOAT and (whole or isinstance(value, float)):
        return _scalar_of_text(FLOAT, repr(value) if isinstance(value, float) else _digits(value))
    if simple == BOOLEAN and isinstance(value, bool):
        return _scalar_of_text(BOOLEAN, "true" if value else "false")
    if simple == DURATION and whole and abs(value) < 2**63:
        return _duration(value)
    if simple == STRUCT and isinstance(value, dict):
        from flyteidl2.core.literals_pb2 import Scalar

        return Scalar(generic=structure_of(value))
    if simple == BINARY and isinstance(value, str):
        return scalar_of_bytes(BINARY, _from_base64(value))
    if simple in (STRING, ERROR, DATETIME, DURATION) and isinstance(value, str):
        return _scalar_of_text(simple, _whole_characters(value), lenient=lenient)
    if simple >= len(_EXPECTED):
        raise GrammarError(f"its declared type, simple type {simple}, is not known")
    raise GrammarError(f"expected {_EXPECTED[simple]}, got {kind_of_json(value)}")


def kind_of_json(value: Any) -> str:
    """Name a JSON value in a message: what it is and, where it is short, its text.

    Example:
        >>> kind_of_json("two"), kind_of_json(None), kind_of_json([1, 2])
        ('the text "two"', 'null', 'an array')
    """
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return "an array" if isinstance(value, list) else "an object"
    text = _digits(value) if isinstance(value, int) and not isinstance(value, bool) else json.dumps(value)
    kind = "text" if isinstance(value, str) else "boolean" if isinstance(value, bool) else "number"
    return f"the {kind} {text}" if len(text) <= _SHOWN else f"a long {kind}"


def _digits(value: int) -> str:
    # Python refuses to print thousands of digits, and no type holds them.
    return str(value) if value.bit_length() < 2048 else "more than 600 digits"


def _whole_characters(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise GrammarError("the text has half a character, a lone surrogate, in it") from error
    return text


def _from_base64(text: str) -> bytes:
    import base64
    import binascii

    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise GrammarError(f"expected bytes as base64: {error}") from error
