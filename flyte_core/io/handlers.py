"""Encoders and decoders of frames, and which one serves a class, protocol and format.

Names, signatures and the order of the look-up are those of ``flyte.io`` 2.0.0b33, so that published encoders and
decoders work unchanged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from flyte_core._logging import logger
from flyte_core.errors import DuplicateHandlerError, InvalidTypeError, InvalidValueError, TypeTransformerFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flyteidl2.core.literals_pb2 import StructuredDataset, StructuredDatasetMetadata
    from flyteidl2.core.types_pb2 import StructuredDatasetType

    from flyte_core.io.dataframe import DataFrame

__all__ = ["ANY_PROTOCOL", "CSV", "GENERIC_FORMAT", "PARQUET", "DataFrameDecoder", "DataFrameEncoder", "Handlers"]

F = TypeVar("F")
H = TypeVar("H", "DataFrameEncoder[Any]", "DataFrameDecoder[Any]")

PARQUET = "parquet"
CSV = "csv"
GENERIC_FORMAT = ""
"""The format of a handler that serves every format, and of a table that says none."""
ANY_PROTOCOL = "fsspec"
"""Where handlers without a protocol stand, as in the reference."""


class _Handler(Generic[F]):
    """What encoders and decoders share: the class, protocol and format they are for."""

    def __init__(self, python_type: type[F], protocol: str | None, supported_format: str | None) -> None:
        self._python_type = python_type
        self._protocol = protocol.replace("://", "") if protocol else protocol
        self._supported_format = supported_format or GENERIC_FORMAT

    @property
    def python_type(self) -> type[F]:
        """The class of the frames."""
        return self._python_type

    @property
    def protocol(self) -> str | None:
        """The protocol of the URLs, such as ``s3``; None for all."""
        return self._protocol

    @property
    def supported_format(self) -> str:
        """The format; empty for all."""
        return self._supported_format

    def __repr__(self) -> str:
        place = f"{self.protocol or 'any protocol'}, {self.supported_format or 'any format'}"
        return f"<{type(self).__name__} for {self.python_type.__module__}.{self.python_type.__qualname__}, {place}>"


class DataFrameEncoder(_Handler[F], ABC):
    """Stores frames of one class; subclasses give `encode` and are registered with `DataFrameTransformerEngine`.

    Args:
        python_type: the class of the frames.
        protocol: of the URLs it writes to, such as ``bq``; None for all that storage reaches.
        supported_format: the format it writes, such as ``parquet``; None for any.

    Example:
        >>> import csv
        >>> from flyteidl2.core.literals_pb2 import StructuredDataset
        >>> from flyte_core import storage
        >>> from flyte_core.io import DataFrameTransformerEngine
        >>> class Rows(list): ...
        >>> class RowsToTsv(DataFrameEncoder):
        ...     def __init__(self): super().__init__(Rows, None, "tsv")
        ...     async def encode(self, dataframe, structured_dataset_type):
        ...         uri = dataframe.uri or storage.new_path("rows.tsv")
        ...         with storage.open_sync(uri, "w") as file:
        ...             csv.writer(file, delimiter="\\t").writerows(dataframe.val)
        ...         return StructuredDataset(uri=uri)
        >>> DataFrameTransformerEngine.register(RowsToTsv(), default_format_for_type=True)
    """

    def __init__(self, python_type: type[F], protocol: str | None = None, supported_format: str | None = None) -> None:
        super().__init__(python_type, protocol, supported_format)

    @abstractmethod
    async def encode(self, dataframe: DataFrame, structured_dataset_type: StructuredDatasetType) -> StructuredDataset:
        """Store a frame.

        Args:
            dataframe: the wrapper; ``val`` is the frame, ``uri`` where it is wanted, if that was said.
            structured_dataset_type: what the task's interface declares; a copy, free to be changed.

        Returns:
            Where it lies. Metadata that is not set is filled in.
        """
        raise NotImplementedError


class DataFrameDecoder(_Handler[F], ABC):
    """Reads frames of one class; subclasses give `decode` and are registered with `DataFrameTransformerEngine`.

    Args:
        python_type: the class of the frames.
        protocol: of the URLs it reads from; None for all that storage reaches.
        supported_format: the format it reads; None for any.
        additional_protocols: accepted as in the reference, which does not use it.
    """

    def __init__(
        self,
        python_type: type[F],
        protocol: str | None = None,
        supported_format: str | None = None,
        additional_protocols: list[str] | None = None,
    ) -> None:
        super().__init__(python_type, protocol, supported_format)

    @abstractmethod
    async def decode(
        self, flyte_value: StructuredDataset, current_task_metadata: StructuredDatasetMetadata
    ) -> F | AsyncIterator[F]:
        """Read a stored table.

        Args:
            flyte_value: where it lies and what its writer said of it.
            current_task_metadata: what the reading task declares; its columns are those to be read.

        Returns:
            The frame, or an asynchronous iterator of frames.
        """
        raise NotImplementedError


class Handlers:
    """All handlers of the process; `DataFrameTransformerEngine` has the same tables under the reference's names."""

    encoders: ClassVar[dict[type, dict[str, dict[str, DataFrameEncoder[Any]]]]] = {}
    decoders: ClassVar[dict[type, dict[str, dict[str, DataFrameDecoder[Any]]]]] = {}
    default_protocols: ClassVar[dict[type, str]] = {}
    default_formats: ClassVar[dict[type, str]] = {}
    #: Those that a plugin brings by itself; any other handler for the same place silently takes theirs.
    replaceable: ClassVar[set[int]] = set()

    @classmethod
    def add(cls, handler: Any, protocol: str, *, override: bool, replaceable: bool = False) -> None:
        """Put a handler into its table; a replaceable one gives way to any that is there already.

        Raises:
            DuplicateHandlerError: another handler stands there, and ``override`` is false.
        """
        tables: Any = cls.encoders if isinstance(handler, DataFrameEncoder) else cls.decoders
        by_format = tables.setdefault(handler.python_type, {}).setdefault(protocol, {})
        existing = by_format.get(handler.supported_format)
        if existing is not None and not override and id(existing) not in cls.replaceable:
            if replaceable:
                return
            raise DuplicateHandlerError(repr(existing), repr(handler))
        by_format[handler.supported_format] = handler
        if replaceable:
            cls.replaceable.add(id(handler))

    @classmethod
    def set_defaults(cls, handler: Any, protocol: str, *, formats: bool, protocols: bool, override: bool) -> None:
        """Make a handler's format or protocol the default of its class, unless there is one."""
        if formats and handler.supported_format != GENERIC_FORMAT:
            _default(cls.default_formats, handler, handler.supported_format, override)
        if protocols:
            _default(cls.default_protocols, handler, protocol, override)

    @classmethod
    def encoder(cls, frame_type: type, protocol: str, format: str) -> DataFrameEncoder[Any]:
        """The encoder for a class, or for the nearest of its bases.

        Raises:
            TypeTransformerFailedError: there is none; the message says what there is.
        """
        for base in frame_type.__mro__:
            if base in cls.encoders:
                found = _find(cls.encoders[base], cls.default_formats.get(base), protocol, format)
                if found is not None:
                    return found
        raise _not_found("write", cls.encoders, frame_type, protocol, format)

    @classmethod
    def decoder(cls, frame_type: type, protocol: str, format: str) -> DataFrameDecoder[Any]:
        """The decoder for exactly this class: one for a base would give frames of the base.

        Raises:
            TypeTransformerFailedError: there is none; the message says what there is.
        """
        found = _find(cls.decoders.get(frame_type, {}), cls.default_formats.get(frame_type), protocol, format)
        if found is None:
            raise _not_found("read", cls.decoders, frame_type, protocol, format)
        return found


def check_handler(handler: object) -> None:
    """Refuse what is neither an encoder nor a decoder, and an empty protocol.

    Raises:
        InvalidTypeError: it is something else.
        InvalidValueError: its protocol is the empty text.
    """
    if not isinstance(handler, (DataFrameEncoder, DataFrameDecoder)):
        raise InvalidTypeError(
            "DataFrameTransformerEngine.register", "h", handler, "a DataFrameEncoder or DataFrameDecoder"
        )
    if handler.protocol == "":
        raise InvalidValueError("DataFrameTransformerEngine.register", "h.protocol", "", "None for all protocols")


def _default(table: dict[type, str], handler: Any, wanted: str, override: bool) -> None:
    existing = table.get(handler.python_type)
    if existing is None or override:
        table[handler.python_type] = wanted
    elif existing != wanted:
        logger.info("%r does not become the default: %s is", handler, existing)


def _find(by_protocol: dict[str, dict[str, H]], default: str | None, protocol: str, format: str) -> H | None:
    """The reference's order: this protocol and format; this protocol, any format; any protocol; what is left.

    One place differs: a handler of this protocol for another format does not hide one of this very format.
    """
    own, general = by_protocol.get(protocol, {}), by_protocol.get(ANY_PROTOCOL, {})
    for found in (own.get(format), own.get(GENERIC_FORMAT), general.get(format), general.get(GENERIC_FORMAT)):
        if found is not None:
            return found
    unsaid = format == GENERIC_FORMAT
    for found in (own.get(default or format), general.get(default or format) if unsaid else None):
        if found is not None:
            return found
    if unsaid and len(general) == 1:
        return next(iter(general.values()))
    return next(iter(own.values())) if len(own) == 1 else None


def _not_found(
    what: str, tables: dict[type, dict[str, dict[str, Any]]], frame_type: type, protocol: str, format: str
) -> TypeTransformerFailedError:
    name = f"{frame_type.__module__}.{frame_type.__qualname__}"
    wanted = f"{format or 'its default format'} of protocol {protocol}"
    known = sorted(set(_described(tables.get(frame_type, {}))))
    if known:
        reason = f"there are handlers for {', '.join(known)}"
    else:
        bases = [base for base in frame_type.__mro__[1:] if base in tables]
        reason = (
            f"its base {bases[0].__module__}.{bases[0].__qualname__} can be; read that, or register a DataFrameDecoder"
            if bases
            else _install(frame_type)
        )
    return TypeTransformerFailedError(f"cannot {what} a {name} as {wanted}: {reason}")


def _described(by_protocol: dict[str, dict[str, Any]]) -> Iterator[str]:
    for protocol, handlers in by_protocol.items():
        of = "" if protocol == ANY_PROTOCOL else f" of protocol {protocol}"
        yield from (f"{format or 'any format'}{of}" for format in handlers)


def _install(frame_type: type) -> str:
    """What to install for a class that nothing here serves."""
    from flyte_core.types.lookup import provider_hint

    return provider_hint(frame_type) or (
        "no installed plugin knows this class; flyte-core-dataframe knows pandas, polars and arrow, and its guide says "
        "how to add another"
    )
