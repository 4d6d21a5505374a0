"""`FrameTransformer`: what a plugin gives for one class of frames; everything else follows from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from flyteidl2.core.literals_pb2 import StructuredDataset

from flyte_core.io.datasets import DataFrameTransformerEngine
from flyte_core.io.handlers import ANY_PROTOCOL, CSV, PARQUET, DataFrameDecoder, DataFrameEncoder, Handlers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flyteidl2.core.literals_pb2 import StructuredDatasetMetadata
    from flyteidl2.core.types_pb2 import StructuredDatasetType

    from flyte_core.io.dataframe import DataFrame

__all__ = ["FrameTransformer"]

F = TypeVar("F")


class FrameTransformer(DataFrameTransformerEngine, Generic[F]):
    """Frames of one class: how they are written to a folder, read from it, and shown.

    A plugin's module lists an instance, or a subclass without arguments, under ``TRANSFORMERS``; an entry point of
    group ``flyte_core.type_transformers`` whose name is the frame's top-level package and class name leads to it.
    The methods are synchronous and run in worker threads. Handlers that somebody registers by hand for the same
    class, protocol and format come before these.

    Args:
        frame_type: the class of the frames.

    Attributes:
        formats: what `write` and `read` know; the first is the default.

    Example:
        >>> from flyte_core import storage
        >>> class Lines(list): ...
        >>> class LinesTransformer(FrameTransformer[Lines]):
        ...     formats = ("lines",)
        ...     def write(self, frame, url, format):
        ...         with storage.open_sync(storage.join(url, "lines.txt"), "w") as file:
        ...             file.write("\\n".join(frame))
        ...     def read(self, url, format, declared):
        ...         with storage.open_sync(storage.join(url, "lines.txt"), "r") as file:
        ...             return Lines(file.read().splitlines())
        >>> from flyte_core.io import DataFrame
        >>> from flyte_core.types import TypeEngine
        >>> TypeEngine.register(LinesTransformer(Lines))
        >>> df = DataFrame.from_df(Lines(["a", "b"]))
        >>> df.set_literal_sync(TypeEngine.to_literal_type(DataFrame))
        >>> DataFrame(uri=df.literal.uri, format="lines").open(Lines).all_sync()
        ['a', 'b']
    """

    formats: ClassVar[tuple[str, ...]] = (PARQUET, CSV)

    def __init__(self, frame_type: type[F]) -> None:
        super().__init__(frame_type)
        for form in self.formats:
            for handler in (_Encoder(self, form), _Decoder(self, form)):
                Handlers.add(handler, ANY_PROTOCOL, override=False, replaceable=True)
        Handlers.default_formats.setdefault(frame_type, self.formats[0])
        self.Renderers.setdefault(frame_type, _Renderer(self))

    def write(self, frame: F, url: str, format: str) -> None:
        """Write a frame.

        Args:
            frame: the frame.
            url: the folder to write it into, a path or URL; it may not be there yet.
            format: one of `formats`.

        Raises:
            TypeTransformerFailedError: the format cannot hold it; say why.
            StorageError: it cannot be written; `flyte_core.storage` raises it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no write")

    def read(self, url: str, format: str, declared: StructuredDatasetType) -> F:
        """Read a frame.

        Args:
            url: the folder or file, a path or URL.
            format: one of `formats`.
            declared: what the reading task declares; if there are columns, these are to be read and no others.

        Raises:
            DataFrameSchemaError: the columns are not those that are declared.
            StorageError: it cannot be read; `flyte_core.storage` raises it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no read")

    def read_pieces(self, url: str, format: str, declared: StructuredDatasetType) -> Iterator[F]:
        """Read a frame piece by piece; arguments and errors as `read`. The whole at once, unless overridden."""
        yield self.read(url, format, declared)

    def render(self, frame: F) -> str:
        """The first rows as HTML, for reports."""
        from html import escape

        return f"<pre>{escape(str(frame))}</pre>"


class _Renderer:
    """The transformer's own way, as the value that the table of renderers holds."""

    def __init__(self, transformer: FrameTransformer[Any]) -> None:
        self._transformer = transformer

    def to_html(self, python_value: Any) -> str:
        return self._transformer.render(python_value)


class _Encoder(DataFrameEncoder[Any]):
    def __init__(self, transformer: FrameTransformer[Any], format: str) -> None:
        super().__init__(transformer.python_type, None, format)
        self._transformer = transformer

    async def encode(self, dataframe: DataFrame, structured_dataset_type: StructuredDatasetType) -> StructuredDataset:
        from flyte_core.storage import new_path

        uri = dataframe.uri or new_path()
        await asyncio.to_thread(self._transformer.write, dataframe.val, uri, self.supported_format)
        dataset = StructuredDataset(uri=uri)
        dataset.metadata.structured_dataset_type.CopyFrom(structured_dataset_type)
        return dataset


class _Decoder(DataFrameDecoder[Any]):
    def __init__(self, transformer: FrameTransformer[Any], format: str) -> None:
        super().__init__(transformer.python_type, None, format)
        self._transformer = transformer

    async def decode(self, flyte_value: StructuredDataset, current_task_metadata: StructuredDatasetMetadata) -> Any:
        declared = current_task_metadata.structured_dataset_type
        return await asyncio.to_thread(self._transformer.read, flyte_value.uri, self.supported_format, declared)

    async def pieces(
        self, flyte_value: StructuredDataset, current_task_metadata: StructuredDatasetMetadata
    ) -> AsyncIterator[Any]:
        """One piece after another, each read in a worker thread when it is asked for."""
        declared = current_task_metadata.structured_dataset_type
        found = self._transformer.read_pieces(flyte_value.uri, self.supported_format, declared)
        ended = object()
        try:
            while (piece := await asyncio.to_thread(next, found, ended)) is not ended:
                yield piece
        finally:
            close = getattr(found, "close", None)
            if close is not None:
                await asyncio.to_thread(close)
