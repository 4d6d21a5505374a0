"""`DataFrameTransformerEngine`: frames of every kind as structured datasets; names and signatures of the reference."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any, ClassVar

from flyteidl2.core.literals_pb2 import Literal, StructuredDataset, StructuredDatasetMetadata
from flyteidl2.core.types_pb2 import LiteralType, StructuredDatasetType

from flyte_core._syncify import run_coroutine
from flyte_core.errors import DuplicateHandlerError, InvalidValueError
from flyte_core.io.columns import dataset_type
from flyte_core.io.dataframe import DataFrame
from flyte_core.io.handlers import ANY_PROTOCOL, DataFrameDecoder, DataFrameEncoder, Handlers, check_handler
from flyte_core.storage import is_remote, scheme_of
from flyte_core.types.codec import AsyncCodec, type_name
from flyte_core.types.lookup import load_claimed, register_additional, underlying
from flyte_core.types.mismatch import ValueMismatchError, describe, mismatch
from flyte_core.types.transformer import TypeTransformer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flyte_core.types.codec import Codec
    from flyte_core.types.renderer import Renderable

    Handler = DataFrameEncoder[Any] | DataFrameDecoder[Any]

__all__ = ["DataFrameTransformerEngine"]


class DataFrameTransformerEngine(TypeTransformer[Any]):
    """The transformer of `DataFrame`, and of every class that frame handlers are registered for.

    A package that stores frames in a way of its own registers a `DataFrameEncoder` and a `DataFrameDecoder`; one
    that brings a new class of frames gives a `flyte_core.io.FrameTransformer` instead.

    Example:
        >>> DataFrameTransformerEngine().name
        'DataFrame Transformer'
    """

    ENCODERS: ClassVar[dict[type, dict[str, dict[str, DataFrameEncoder[Any]]]]] = Handlers.encoders
    DECODERS: ClassVar[dict[type, dict[str, dict[str, DataFrameDecoder[Any]]]]] = Handlers.decoders
    DEFAULT_PROTOCOLS: ClassVar[dict[type, str]] = Handlers.default_protocols
    DEFAULT_FORMATS: ClassVar[dict[type, str]] = Handlers.default_formats
    Renderers: ClassVar[dict[type, Renderable]] = {}

    def __init__(self, frame_type: type = DataFrame) -> None:
        super().__init__("DataFrame Transformer", frame_type, enable_type_assertions=False)

    # ---- handlers ------------------------------------------------------------------------------------

    @classmethod
    def register(
        cls,
        h: Handler,
        default_for_type: bool = False,
        override: bool = False,
        default_format_for_type: bool = False,
        default_storage_for_type: bool = False,
    ) -> None:
        """Register an encoder or decoder. One without a protocol serves all that storage reaches.

        Args:
            h: the handler.
            default_for_type: makes its format and protocol the defaults of its class; it needs a protocol then.
            override: lets it take the place of a handler that is registered already, and of the defaults.
            default_format_for_type: makes its format the default of its class, if there is none yet.
            default_storage_for_type: the same for its protocol.

        Raises:
            DuplicateHandlerError: a handler for the same class, protocol and format is registered; with no protocol
                the second one is left out silently, as in the reference.
            InvalidValueError: the protocol is empty, or ``default_for_type`` is given for all protocols.
            InvalidTypeError: it is neither an encoder nor a decoder.
        """
        check_handler(h)
        if h.protocol is not None:
            cls.register_for_protocol(
                h, h.protocol, default_for_type, override, default_format_for_type, default_storage_for_type
            )
            return
        if default_for_type:
            raise InvalidValueError(
                "DataFrameTransformerEngine.register", "default_for_type", True, "False for a handler of all protocols"
            )
        try:
            cls.register_for_protocol(
                h, ANY_PROTOCOL, False, override, default_format_for_type, default_storage_for_type
            )
        except DuplicateHandlerError:
            return

    @classmethod
    def register_for_protocol(
        cls,
        h: Handler,
        protocol: str,
        default_for_type: bool,
        override: bool,
        default_format_for_type: bool,
        default_storage_for_type: bool,
    ) -> None:
        """Register a handler for one protocol; see `register`.

        Raises:
            DuplicateHandlerError: a handler for the same class, protocol and format is registered.
        """
        protocol = "file" if protocol == "/" else protocol
        Handlers.add(h, protocol, override=override)
        Handlers.set_defaults(
            h,
            protocol,
            formats=default_format_for_type or default_for_type,
            protocols=default_storage_for_type or default_for_type,
            override=override,
        )
        register_additional(DataFrameTransformerEngine(h.python_type), h.python_type, override=True)

    @classmethod
    def register_renderer(cls, python_type: type, renderer: Renderable) -> None:
        """Say how frames of a class look in reports."""
        cls.Renderers[python_type] = renderer

    @classmethod
    def get_encoder(cls, df_type: type, protocol: str, format: str) -> DataFrameEncoder[Any]:
        """The encoder of a class of frames; its plugin is loaded first.

        Raises:
            TypeTransformerFailedError: there is none; the message says what there is, or what to install.
        """
        load_claimed(df_type)
        return Handlers.encoder(df_type, protocol, format)

    @classmethod
    def get_decoder(cls, df_type: type, protocol: str, format: str) -> DataFrameDecoder[Any]:
        """The decoder of a class of frames; its plugin is loaded first.

        Raises:
            TypeTransformerFailedError: there is none; the message says what there is, or what to install.
        """
        load_claimed(df_type)
        return Handlers.decoder(df_type, protocol, format)

    # ---- types ---------------------------------------------------------------------------------------

    def assert_type(self, t: Any, v: Any) -> None:
        """Accept everything: the encoders know better."""

    def get_literal_type(self, t: Any) -> LiteralType:
        """A structured dataset with the columns, format and arrow schema of the annotations."""
        return LiteralType(structured_dataset_type=dataset_type(t))

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """`DataFrame`, for every structured dataset."""
        if literal_type.WhichOneof("type") == "structured_dataset_type":
            return DataFrame
        return super().guess_python_type(literal_type)

    def codec(self, python_type: Any) -> Codec:
        """The codec for these columns and this format."""
        return _DatasetCodec(self, python_type)

    # ---- values --------------------------------------------------------------------------------------

    async def to_literal(self, python_val: Any, python_type: Any, expected: LiteralType | None) -> Literal:
        """Store a frame, unless it is stored already, and say where it lies.

        Args:
            python_val: a `DataFrame`, or a frame itself where the declared type is a class of frames.
            python_type: the declared type.
            expected: its literal type.

        Raises:
            TypeTransformerFailedError: the value is no frame, or nothing here can store it.
            StorageError: it cannot be written.
        """
        declared = StructuredDatasetType()
        declared.CopyFrom(expected.structured_dataset_type if expected is not None else dataset_type(python_type))
        if not isinstance(python_val, DataFrame):
            if _is_reference(python_type):
                raise mismatch("DataFrame (wrap a frame with DataFrame.from_df)", python_val)
            _check_is_frame(python_val, python_type)
            python_val = DataFrame.from_df(python_val)
        if python_val.literal is not None:  # passed through: nothing about the stored table changed
            return _as_literal(python_val.literal)
        if python_val.val is None:
            return await _stored(python_val, declared)
        return await self.encode(python_val, type(python_val.val), _protocol(python_val), declared.format, declared)

    async def encode(
        self,
        df: DataFrame,
        df_type: type,
        protocol: str,
        format: str,
        structured_literal_type: StructuredDatasetType,
    ) -> Literal:
        """Store a frame in memory with the encoder for it; `df` knows its literal from then on.

        Raises:
            TypeTransformerFailedError: there is no encoder for it.
        """
        handler = self.get_encoder(df_type, protocol, format)
        dataset = await handler.encode(df, structured_literal_type)
        found = dataset.metadata
        if not found.HasField("structured_dataset_type"):
            found.structured_dataset_type.CopyFrom(structured_literal_type)
        # what was written, also where a handler of any format was asked for another
        found.structured_dataset_type.format = handler.supported_format
        df.remember(dataset)
        return _as_literal(dataset)

    async def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        """A `DataFrame`, or the frame itself where the declared type is a class of frames.

        Raises:
            TypeTransformerFailedError: the literal is no table, or nothing here can read it.
            DataFrameSchemaError: its columns are not those that are declared.
            StorageError: it cannot be read.
        """
        codec = _DatasetCodec(self, expected_python_type)
        return await codec.adecode(lv)

    async def open_as(
        self, sd: StructuredDataset, df_type: type, updated_metadata: StructuredDatasetMetadata | None = None
    ) -> Any:
        """Read a stored table as a frame of a class.

        Args:
            sd: where it lies.
            df_type: the class.
            updated_metadata: what the reading task declares; by default what the literal says.

        Raises:
            TypeTransformerFailedError: nothing here can read it so.
        """
        decoder = self._decoder(sd, df_type)
        result = decoder.decode(sd, updated_metadata if updated_metadata is not None else sd.metadata)
        return await result if inspect.isawaitable(result) else result

    async def iter_as(
        self, sd: StructuredDataset, df_type: type, updated_metadata: StructuredDatasetMetadata | None = None
    ) -> AsyncIterator[Any]:
        """Read a stored table piece by piece, in as many frames as its decoder gives; one, if it gives only the whole.

        Args:
            sd: where it lies.
            df_type: the class of the frames.
            updated_metadata: what the reading task declares; by default what the literal says.

        Raises:
            TypeTransformerFailedError: nothing here can read it so.
        """
        metadata = updated_metadata if updated_metadata is not None else sd.metadata
        decoder = self._decoder(sd, df_type)
        pieces = getattr(decoder, "pieces", None)
        if pieces is not None:
            return typing.cast("AsyncIterator[Any]", pieces(sd, metadata))
        result = decoder.decode(sd, metadata)
        found = await result if inspect.isawaitable(result) else result
        return found if hasattr(found, "__anext__") else _one(found)

    def _decoder(self, sd: StructuredDataset, df_type: type) -> Any:
        # Any: published decoders are coroutines, plain functions and asynchronous generators
        found = sd.metadata.structured_dataset_type.format
        return self.get_decoder(df_type, scheme_of(sd.uri), found or _format_of(sd.uri))

    def to_html(self, python_val: Any, expected_python_type: Any) -> str:
        """The first rows of a frame; the columns of one that is not in memory."""
        frame = python_val.val if isinstance(python_val, DataFrame) else python_val
        if frame is None:
            return _columns_html(python_val)
        renderer = self._renderer(type(frame))
        if renderer is None:
            load_claimed(type(frame))
            renderer = self._renderer(type(frame))
        if renderer is not None:
            return renderer.to_html(frame)
        from html import escape

        return f"<pre>{escape(str(frame))}</pre>"

    def _renderer(self, frame_type: type) -> Renderable | None:
        return next((self.Renderers[base] for base in frame_type.__mro__ if base in self.Renderers), None)


class _DatasetCodec(AsyncCodec):
    """One declared type: what its annotations say is worked out once."""

    def __init__(self, engine: DataFrameTransformerEngine, python_type: Any) -> None:
        super().__init__(python_type, engine.get_literal_type(python_type))
        self._engine = engine
        self._is_reference = _is_reference(python_type)

    # Not the base class's: writing needs the context of the running task, which says where the data goes.
    def put(self, value: Any, literal: Literal) -> None:
        literal.CopyFrom(run_coroutine(self.aencode(value)))

    def encode(self, value: Any) -> Literal:
        return run_coroutine(self.aencode(value))

    def decode(self, literal: Literal) -> Any:
        return self._reference(literal) if self._is_reference else run_coroutine(self.adecode(literal))

    async def aencode(self, value: Any) -> Literal:
        return await self._engine.to_literal(value, self.python_type, self.literal_type)

    async def adecode(self, literal: Literal) -> Any:
        if self._is_reference:
            return self._reference(literal)
        dataset = self._dataset(literal)
        return await self._engine.open_as(dataset, underlying(self.python_type), self._updated(dataset.metadata))

    def _reference(self, literal: Literal) -> DataFrame:
        dataset = self._dataset(literal)
        kind: type[DataFrame] = underlying(self.python_type)
        return kind(
            uri=dataset.uri,
            format=dataset.metadata.structured_dataset_type.format,
            _literal=dataset,
            _metadata=self._updated(dataset.metadata),
        )

    def _dataset(self, literal: Literal) -> StructuredDataset:
        kind = literal.scalar.WhichOneof("value")
        if kind == "structured_dataset":
            return literal.scalar.structured_dataset
        if kind == "binary":  # an attribute of a dataclass, which the console or another SDK took out
            from flyte_core.types.wire import unpack

            return DataFrame._deserialize(unpack(literal.scalar.binary)).as_literal()
        raise ValueMismatchError(f"expected {type_name(self.python_type)}, got {describe(literal)}")

    def _updated(self, incoming: StructuredDatasetMetadata) -> StructuredDatasetMetadata:
        """What the writer said, with the columns and the schema that the reader declares instead of its own."""
        updated = StructuredDatasetMetadata()
        updated.CopyFrom(incoming)
        own, found = self.literal_type.structured_dataset_type, updated.structured_dataset_type
        if own.columns:
            del found.columns[:]
            found.columns.extend(own.columns)
        if own.external_schema_type:
            found.external_schema_type = own.external_schema_type
            found.external_schema_bytes = own.external_schema_bytes
        return updated


def _is_reference(python_type: Any) -> bool:
    bare = underlying(python_type)
    return isinstance(bare, type) and issubclass(bare, DataFrame)


def _check_is_frame(value: Any, python_type: Any) -> None:
    """Refuse what no encoder is for; frames of another class than the declared one are frames all the same."""
    load_claimed(type(value))
    if not any(base in Handlers.encoders for base in type(value).__mro__):
        raise mismatch(type_name(underlying(python_type)), value)


def _protocol(value: DataFrame) -> str:
    """The protocol that the frame's class wants, or that of the place it is going to."""
    wanted = Handlers.default_protocols.get(type(value.val))
    if wanted is not None:
        return wanted
    if value.uri:
        return scheme_of(value.uri)
    from flyte_core.context import ctx

    context = ctx()
    return "file" if context is None else scheme_of(context.raw_data_path.path)


async def _stored(value: DataFrame, declared: StructuredDatasetType) -> Literal:
    """The literal of a table that is stored already; a local one is copied to where other machines reach it."""
    if not value.uri:
        raise ValueMismatchError("a DataFrame without a frame needs a uri")
    uri = value.uri if is_remote(value.uri) else await _shared(value.uri)
    if not declared.format and value.format:
        declared.format = value.format
    metadata = StructuredDatasetMetadata(structured_dataset_type=declared)
    return _as_literal(StructuredDataset(uri=uri, metadata=metadata))


async def _shared(path: str) -> str:
    from flyte_core.context import ctx
    from flyte_core.storage import local_path, put

    context = ctx()
    source = local_path(path)
    base = context.raw_data_path.path if context is not None else None
    if base is not None and not is_remote(base) and source.resolve().is_relative_to(local_path(base).resolve()):
        return path  # written there by the task itself
    return str(await put(path, recursive=source.is_dir()))


def _as_literal(dataset: StructuredDataset) -> Literal:
    literal = Literal()
    literal.scalar.structured_dataset.CopyFrom(dataset)
    return literal


def _format_of(uri: str) -> str:
    """The format of a table whose writer said none, by the ending of its name; empty where it has no known one."""
    from flyte_core.io.handlers import CSV, GENERIC_FORMAT, PARQUET
    from flyte_core.storage import last_part

    name = last_part(uri).lower()
    endings = {".csv": CSV, ".csv.gz": CSV, ".parquet": PARQUET, ".pq": PARQUET}
    return next((form for ending, form in endings.items() if name.endswith(ending)), GENERIC_FORMAT)


async def _one(frame: Any) -> AsyncIterator[Any]:
    yield frame


def _columns_html(value: Any) -> str:
    from html import escape

    metadata = value.metadata if isinstance(value, DataFrame) else None
    columns = metadata.structured_dataset_type.columns if metadata is not None else ()
    if not columns:
        return f"<p>{escape(str(value))}</p>"
    rows = "".join(f"<tr><th>{escape(c.name)}</th><td>{escape(_kind(c.literal_type))}</td></tr>" for c in columns)
    return f'<table border="1" class="dataframe"><tr><th></th><th>column type</th></tr>{rows}</table>'


def _kind(literal_type: LiteralType) -> str:
    from flyteidl2.core.types_pb2 import SimpleType

    kind = literal_type.WhichOneof("type")
    return str(SimpleType.Name(literal_type.simple)).lower() if kind == "simple" else str(kind).removesuffix("_type")
