"""`File` and `Dir` as blobs: of one part, and of many."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from flyteidl2.core.types_pb2 import BlobType, LiteralType

from flyte_core.io.file import File
from flyte_core.types.codec import Codec
from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, describe
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

    from flyte_core.io.dir import Dir
    from flyte_core.io.place import Place

__all__ = ["BlobTransformer"]

_PICKLE = "PythonPickle"


class _BlobCodec(Codec):
    def __init__(self, python_type: Any, cls: type[Place[Any]], dimensionality: BlobType.BlobDimensionality) -> None:
        super().__init__(python_type, LiteralType(blob=BlobType(dimensionality=dimensionality)))
        self._cls = cls
        self._dimensionality = dimensionality

    def put(self, value: Any, literal: Literal) -> None:
        if not isinstance(value, self._cls):
            raise ValueMismatchError(self._cls._not(value))
        blob = literal.scalar.blob
        blob.metadata.type.format = value.format
        blob.metadata.type.dimensionality = self._dimensionality
        blob.uri = value._lasting_path
        if value.hash:
            literal.hash = value.hash

    def decode(self, literal: Literal) -> Any:
        if literal.scalar.WhichOneof("value") != "blob":
            return self.packed(literal)
        blob = literal.scalar.blob
        found = blob.metadata.type.dimensionality
        if found != self._dimensionality:
            wanted, other = _WORDS[self._dimensionality], _WORDS[found]
            raise ValueMismatchError(f"expected {self._cls.__name__}, a {wanted} blob, got a {other} one at {blob.uri}")
        if not blob.uri:
            raise ValueMismatchError(f"expected {self._cls.__name__}, got {describe(literal)} without a URI")
        try:
            return self._cls(path=blob.uri, format=blob.metadata.type.format, hash=literal.hash or None)
        except TypeError as error:  # a subclass whose own constructor wants more
            raise ValueMismatchError(f"cannot make a {self._cls.__name__} of {describe(literal)}: {error}") from error


_WORDS = {BlobType.SINGLE: "single part", BlobType.MULTIPART: "multipart"}


class BlobTransformer(CodecTransformer):
    """The transformer of `File` or of `Dir`.

    Args:
        cls: which of the two.
    """

    def __init__(self, cls: type[File[Any] | Dir[Any]]) -> None:
        super().__init__(cls.__name__, cls)
        self._cls = cls
        self._dimensionality = BlobType.SINGLE if cls is File else BlobType.MULTIPART

    def codec(self, python_type: Any) -> Codec:
        """The codec; the type's parameter says nothing on the wire, a subclass only what values are made of."""
        found = underlying(python_type)
        return _BlobCodec(found, typing.get_origin(found) or found, self._dimensionality)

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """The class, for a blob of its dimensionality that is no pickle."""
        blob = literal_type.blob if literal_type.WhichOneof("type") == "blob" else None
        if blob is not None and blob.dimensionality == self._dimensionality and blob.format != _PICKLE:
            return self._cls
        return super().guess_python_type(literal_type)
