"""Everything without a literal type of its own goes pickled: small values in the literal, large ones as a file."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

from flyteidl2.core.types_pb2 import BlobType, LiteralType, SimpleType, TypeStructure, UnionType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import Codec
from flyte_core.types.mismatch import ValueMismatchError, describe, shown
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

__all__ = ["INLINE_LIMIT", "PICKLE", "FlytePickle", "read_file"]

T = TypeVar("T")

_FORMAT = "PythonPickle"
INLINE_LIMIT = 10 * 1024
"""Values whose ``sys.getsizeof`` is above this many bytes go as a file (``flyte`` 2.0.0b33)."""


def _dumps(value: Any) -> bytes:
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:  # __reduce__ is the user's code, and pickle itself raises several kinds
        raise ValueMismatchError(f"cannot pickle {shown(value)}: {error}") from error


def _loads(data: bytes, source: str) -> Any:
    import cloudpickle

    try:
        return cloudpickle.loads(data)
    except Exception as error:  # unpickling imports and runs the user's code
        raise ValueMismatchError(
            f"cannot unpickle {source} ({len(data)} bytes); it needs the Python and the modules that wrote it: {error}"
        ) from error


def _write(data: bytes) -> str:
    from hashlib import sha256

    folder = Path(tempfile.mkdtemp(prefix="flyte-pickle-"))
    path = folder / sha256(data).hexdigest()
    path.write_bytes(data)
    return str(path)


def read_file(uri: str) -> bytes:
    """The bytes of a pickle, or of an offloaded literal, that lies in a local file."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise TypeTransformerFailedError(f"cannot read {uri}: only local files can be read here")
    path = Path(unquote(parts.path) if parts.scheme else uri)
    try:
        return path.read_bytes()
    except OSError as error:
        raise TypeTransformerFailedError(f"cannot read {uri}: {error}") from error


class FlytePickle(Generic[T]):
    """Stands for a value of unknown type; ``FlytePickle[X]`` for a value of class X that is pickled all the same.

    Example:
        >>> FlytePickle[complex].python_type()
        <class 'complex'>
    """

    @classmethod
    def python_type(cls) -> type:
        """The class inside, or ``NoneType``."""
        return type(None)

    @classmethod
    def __class_getitem__(cls, python_type: Any) -> Any:
        if python_type is None or isinstance(python_type, TypeVar):
            return cls

        def own_type(_: Any) -> Any:
            return python_type

        return type("FlytePickle", (FlytePickle,), {"__origin__": FlytePickle, "python_type": classmethod(own_type)})

    @classmethod
    async def to_pickle(cls, python_val: Any) -> str:
        """Write a value to a file of its own and return where."""
        return _write(_dumps(python_val))

    @classmethod
    async def from_pickle(cls, uri: str) -> Any:
        """Read a value from a file that `to_pickle` wrote."""
        return _loads(read_file(uri), uri)


class _PickleCodec(Codec):
    """None is refused as in the reference: on the wire an absent value and a pickled None would be two things."""

    def put(self, value: Any, literal: Literal) -> None:
        if value is None:
            raise ValueMismatchError("cannot pickle None; declare the type Optional if the value may be absent")
        data = _dumps(value)
        if sys.getsizeof(value) > INLINE_LIMIT:
            literal.scalar.blob.metadata.type.format = _FORMAT
            literal.scalar.blob.uri = _write(data)
        else:
            literal.scalar.binary.value = data

    def decode(self, literal: Literal) -> Any:
        scalar = literal.scalar
        kind = scalar.WhichOneof("value")
        if kind == "union":
            return self.decode(scalar.union.value)
        if kind == "blob" and scalar.blob.uri:
            return _loads(read_file(scalar.blob.uri), scalar.blob.uri)
        if kind == "binary" and scalar.binary.value:
            return _loads(scalar.binary.value, "the literal")
        raise ValueMismatchError(f"expected a pickled value, got {describe(literal)}")


class _PickleTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("FlytePickle", FlytePickle)

    def codec(self, python_type: Any) -> Codec:
        structure = TypeStructure(tag=self.name)
        variants = [
            LiteralType(blob=BlobType(format=_FORMAT, dimensionality=BlobType.SINGLE), structure=structure),
            LiteralType(simple=SimpleType.BINARY, structure=structure),
        ]
        literal_type = LiteralType(union_type=UnionType(variants=variants))
        literal_type.metadata.update({"python_class_name": str(python_type)})
        return _PickleCodec(python_type, literal_type)

    def assert_type(self, t: Any, v: Any) -> None:
        """Everything can be pickled."""

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        kind = literal_type.WhichOneof("type")
        if kind == "blob" and literal_type.blob.format == _FORMAT:
            return FlytePickle
        if kind == "simple" and literal_type.simple == SimpleType.BINARY:
            return FlytePickle
        return super().guess_python_type(literal_type)


PICKLE = _PickleTransformer()
