"""Everything without a literal type of its own goes pickled: small values in the literal, large ones as a file."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Generic, TypeVar

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import BlobType, LiteralType, SimpleType, TypeStructure, UnionType

from flyte_core import storage
from flyte_core.errors import StorageError, TypeTransformerFailedError
from flyte_core.types.codec import AsyncCodec, Codec, type_name
from flyte_core.types.mismatch import ValueMismatchError, describe, shown
from flyte_core.types.simple import CodecTransformer

__all__ = ["INLINE_LIMIT", "PICKLE", "FlytePickle", "aread_file", "dumps", "loads", "read_file"]

T = TypeVar("T")

_FORMAT = "PythonPickle"
INLINE_LIMIT = 10 * 1024
"""Values whose ``sys.getsizeof`` is above this many bytes go as a file (``flyte`` 2.0.0b33)."""


def dumps(value: Any) -> bytes:
    """A value pickled.

    Raises:
        TypeTransformerFailedError: if it cannot be.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:  # __reduce__ is the user's code, and pickle itself raises several kinds
        raise ValueMismatchError(f"cannot pickle {shown(value)}: {error}") from error


def loads(data: bytes, source: str) -> Any:
    """A pickled value; ``source`` says where it came from, should it be unreadable.

    Raises:
        TypeTransformerFailedError: if it cannot be read.
    """
    import cloudpickle

    try:
        return cloudpickle.loads(data)
    except Exception as error:  # unpickling imports and runs the user's code
        raise ValueMismatchError(
            f"cannot unpickle {source} ({len(data)} bytes); it needs the Python and the modules that wrote it: "
            f"{type(error).__name__}: {error}"
        ) from error


def _new_path(data: bytes) -> str:
    from hashlib import sha256

    return storage.new_path(sha256(data).hexdigest())


def _write(data: bytes) -> str:
    path = _new_path(data)
    try:
        storage.write_bytes_sync(path, data)
    except StorageError as error:
        raise TypeTransformerFailedError(f"the pickled value cannot be stored: {error}") from error
    return path


async def _awrite(data: bytes) -> str:
    path = await asyncio.to_thread(_new_path, data)
    try:
        await storage.write_bytes(path, data)
    except StorageError as error:
        raise TypeTransformerFailedError(f"the pickled value cannot be stored: {error}") from error
    return path


def read_file(uri: str) -> bytes:
    """The bytes of a pickle, or of an offloaded literal, from a path or URL.

    Raises:
        TypeTransformerFailedError: if it cannot be read.
    """
    try:
        return storage.read_bytes_sync(uri)
    except StorageError as error:
        raise TypeTransformerFailedError(str(error)) from error


async def aread_file(uri: str) -> bytes:
    """`read_file` without blocking the event loop."""
    try:
        return await storage.read_bytes(uri)
    except StorageError as error:
        raise TypeTransformerFailedError(str(error)) from error


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
        """Write a value to a file of its own, among the running task's raw data, and return where."""
        return await _awrite(await asyncio.to_thread(dumps, python_val))

    @classmethod
    async def from_pickle(cls, uri: str) -> Any:
        """Read a value from a file that `to_pickle` wrote."""
        return await asyncio.to_thread(loads, await aread_file(uri), uri)


class _PickleCodec(AsyncCodec):
    """None is refused as in the reference: on the wire an absent value and a pickled None would be two things.

    Values of no more than a few bytes pass directly; to pickle others takes a time that cannot be told beforehand.
    """

    def put(self, value: Any, literal: Literal) -> None:
        data = dumps(_present(value))
        if sys.getsizeof(value) > INLINE_LIMIT:
            _put_uri(literal, _write(data))
        else:
            literal.scalar.binary.value = data

    def encode(self, value: Any) -> Literal:
        literal = Literal()
        self.put(value, literal)
        return literal

    async def aencode(self, value: Any) -> Literal:
        if type(value) in _QUICK:
            return self.encode(value)
        literal = Literal()
        data = await asyncio.to_thread(dumps, _present(value))
        if sys.getsizeof(value) > INLINE_LIMIT:
            _put_uri(literal, await _awrite(data))
        else:
            literal.scalar.binary.value = data
        return literal

    def decode(self, literal: Literal) -> Any:
        uri, data = _pickle_in(literal, self.python_type)
        source = self._source(uri)
        return loads(data if uri is None else read_file(uri), source)

    async def adecode(self, literal: Literal) -> Any:
        uri, data = _pickle_in(literal, self.python_type)
        source = self._source(uri)
        if uri is not None:
            return await asyncio.to_thread(loads, await aread_file(uri), source)
        if len(data) > INLINE_LIMIT:
            return await asyncio.to_thread(loads, data, source)
        return loads(data, source)

    def _source(self, uri: str | None) -> str:
        return f"{uri or 'the literal'}, where {type_name(self.python_type)} was expected"


#: Classes whose instances are small, or refused.
_QUICK = frozenset({bool, complex, float, int, type(None)})


def _present(value: Any) -> Any:
    if value is None:
        raise ValueMismatchError("cannot pickle None; declare the type Optional if the value may be absent")
    return value


def _put_uri(literal: Literal, uri: str) -> None:
    literal.scalar.blob.metadata.type.format = _FORMAT
    literal.scalar.blob.uri = uri


def _pickle_in(literal: Literal, expected: Any) -> tuple[str | None, bytes]:
    """Where the pickle lies, or the pickle."""
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind == "union":
        return _pickle_in(scalar.union.value, expected)
    if kind == "blob" and scalar.blob.uri:
        return scalar.blob.uri, b""
    if kind == "binary" and scalar.binary.value:
        return None, scalar.binary.value
    raise ValueMismatchError(f"expected {type_name(expected)}, pickled, got {describe(literal)}")


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
