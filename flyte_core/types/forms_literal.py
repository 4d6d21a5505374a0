"""The JSON form of literals whose Python type is not at hand: what their literal type alone says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.forms import Form, form_for, same
from flyte_core.types.mismatch import ValueMismatchError, describe, mismatch, shown, under

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["literal_form"]

_PICKLE = "FlytePickle"
_VARIANT = "@variant"


def literal_form(literal_type: LiteralType) -> Form:
    """How literals of a type become JSON, and come back.

    Structs are what MessagePack holds, without the fields' types; pickles stay as they are, unread.

    Raises:
        TypeTransformerFailedError: if no Python type is known for the literal type.

    Example:
        >>> from flyte_core.types.codec import codec_for
        >>> codec = codec_for(dict[str, float])
        >>> literal_form(codec.literal_type).to(codec.encode({"a": 1.5}))
        {'a': 1.5}
    """
    kind = literal_type.WhichOneof("type")
    if kind == "collection_type":
        return _collection(literal_form(literal_type.collection_type))
    if kind == "map_value_type":
        return _map(literal_form(literal_type.map_value_type))
    if kind == "enum_type":
        return _enum(list(literal_type.enum_type.values))
    if kind == "union_type":
        return _pickle() if _is_pickle(literal_type) else _union(literal_type)
    if kind == "simple" and literal_type.simple == SimpleType.STRUCT:
        return _struct("pb_type" in literal_type.metadata)
    return _guessed(literal_type)


def _guessed(literal_type: LiteralType) -> Form:
    """Primitives, files, folders and tables."""
    from flyte_core.types.codec import codec_for
    from flyte_core.types.engine import TypeEngine

    t = TypeEngine.guess_python_type(literal_type)
    codec, form = codec_for(t), form_for(t)
    return Form(lambda literal: form.to(codec.decode(literal)), lambda obj: codec.encode(form.back(obj)))


def _collection(item: Form) -> Form:
    def to(literal: Literal) -> Any:
        if literal.WhichOneof("value") != "collection":
            raise ValueMismatchError(f"expected a collection, got {describe(literal)}")
        return [_at(f"[{n}]", item.to, one) for n, one in enumerate(literal.collection.literals)]

    def back(obj: Any) -> Literal:
        if not isinstance(obj, list):
            raise mismatch("a JSON array", obj)
        literal = Literal()
        literal.collection.SetInParent()
        literal.collection.literals.extend(_at(f"[{n}]", item.back, one) for n, one in enumerate(obj))
        return literal

    return Form(to, back)


def _map(item: Form) -> Form:
    def to(literal: Literal) -> Any:
        if literal.WhichOneof("value") != "map":
            raise ValueMismatchError(f"expected a map, got {describe(literal)}")
        literals = literal.map.literals
        return {key: _at(f"[{key!r}]", item.to, literals[key]) for key in sorted(literals)}

    def back(obj: Any) -> Literal:
        if not isinstance(obj, dict):
            raise mismatch("a JSON object", obj)
        literal = Literal()
        literal.map.SetInParent()
        for key, one in obj.items():
            literal.map.literals[key].CopyFrom(_at(f"[{key!r}]", item.back, one))
        return literal

    return Form(to, back)


def _at(step: str, convert: Callable[[Any], Any], item: Any) -> Any:
    try:
        return convert(item)
    except TypeTransformerFailedError as error:
        raise under(error, step) from error.__cause__


def _enum(values: list[str]) -> Form:
    def check(word: Any) -> str:
        if word not in values:
            raise ValueMismatchError(f"expected one of {', '.join(map(repr, values))}, got {shown(word)}")
        return str(word)

    def back(obj: Any) -> Literal:
        literal = Literal()
        literal.scalar.primitive.string_value = check(obj)
        return literal

    return Form(lambda literal: check(literal.scalar.primitive.string_value), back)


def _struct(is_message: bool) -> Form:
    untyped = form_for(Any)

    def to(literal: Literal) -> Any:
        from flyte_core.types.wire import unpack

        scalar = literal.scalar
        kind = scalar.WhichOneof("value")
        if kind == "generic":
            from google.protobuf.json_format import MessageToDict

            return untyped.to(MessageToDict(scalar.generic))
        if kind != "binary":
            raise ValueMismatchError(f"expected a struct, got {describe(literal)}")
        return untyped.to(unpack(scalar.binary))

    def back(obj: Any) -> Literal:
        from flyte_core.types.wire import MSGPACK, pack

        value = untyped.back(obj)
        literal = Literal()
        if is_message:
            if not isinstance(value, dict):
                raise mismatch("a JSON object", obj)
            literal.scalar.generic.SetInParent()
            literal.scalar.generic.update(value)
        else:
            literal.scalar.binary.value, literal.scalar.binary.tag = pack(value), MSGPACK
        return literal

    return Form(to, back)


def _is_pickle(literal_type: LiteralType) -> bool:
    variants = literal_type.union_type.variants
    return "python_class_name" in literal_type.metadata or all(v.structure.tag == _PICKLE for v in variants)


def _pickle() -> Form:
    """The pickle's bytes under ``@pickle``; where it lies, under ``@file``."""
    data = form_for(bytes)

    def to(literal: Literal) -> Any:
        kind = literal.scalar.WhichOneof("value")
        if kind == "blob":
            return {"@file": literal.scalar.blob.uri}
        if kind != "binary":
            raise ValueMismatchError(f"expected a pickle, got {describe(literal)}")
        return {"@pickle": data.to(literal.scalar.binary.value)}

    def back(obj: Any) -> Literal:
        literal = Literal()
        if isinstance(obj, dict) and obj.keys() == {"@file"} and isinstance(obj["@file"], str):
            literal.scalar.blob.metadata.type.format = "PythonPickle"
            literal.scalar.blob.uri = obj["@file"]
        elif isinstance(obj, dict) and obj.keys() == {"@pickle"}:
            literal.scalar.binary.value = data.back(obj["@pickle"])
        else:
            from flyte_core.types.pickled import dumps

            literal.scalar.binary.value = dumps(form_for(Any).back(obj))
        return literal

    return Form(to, back)


def _union(literal_type: LiteralType) -> Form:
    """The variant that would have written a JSON reads it; where that is another one, its tag and number are named."""
    variants = list(literal_type.union_type.variants)
    forms = [literal_form(variant) for variant in variants]

    def chosen(obj: Any) -> int:
        found: list[tuple[bool, int]] = []
        reasons = []
        for index, form in enumerate(forms):
            try:
                found.append((not same(form.to(form.back(obj)), obj), index))
            except TypeTransformerFailedError as error:  # noqa: PERF203 - each may be the one that fits
                reasons.append(str(error))
        if not found:
            raise ValueMismatchError(f"expected one of the union's variants, got {shown(obj)} ({'; '.join(reasons)})")
        return min(found)[1]

    def to(literal: Literal) -> Any:
        union = literal.scalar.union
        if union.type not in variants:
            raise ValueMismatchError(f"expected one of the union's variants, got {describe(literal)}")
        index = variants.index(union.type)
        obj = forms[index].to(union.value)
        return obj if chosen(obj) == index and not _is_named(obj) else {_VARIANT: [index, obj]}

    def back(obj: Any) -> Literal:
        index = obj[_VARIANT][0] if _is_named(obj) else chosen(obj)
        if type(index) is not int or not 0 <= index < len(forms):
            raise mismatch(f"the number of a variant, from 0 to {len(forms) - 1},", index)
        literal = Literal()
        literal.scalar.union.value.CopyFrom(forms[index].back(obj[_VARIANT][1] if _is_named(obj) else obj))
        literal.scalar.union.type.CopyFrom(variants[index])
        return literal

    return Form(to, back)


def _is_named(obj: Any) -> bool:
    return (
        isinstance(obj, dict)
        and obj.keys() == {_VARIANT}
        and isinstance(obj[_VARIANT], list)
        and len(obj[_VARIANT]) == 2
    )
