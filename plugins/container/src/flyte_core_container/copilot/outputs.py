"""Files of an output folder as the outputs of a task, by their declared types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import FlyteCoreError
from flyte_core_container.copilot import scalars
from flyte_core_container.copilot.choices import UPLOAD_MODES, one_of
from flyte_core_container.copilot.control import Control, in_thread
from flyte_core_container.copilot.entries import Entry, Folder
from flyte_core_container.copilot.errors import CopilotError, CopilotVariableError, GrammarError
from flyte_core_container.copilot.files import read_file
from flyte_core_container.copilot.names import ERROR_FILE, decode_key, fault_of_variable
from flyte_core_container.copilot.transfers import Store, run_transfers

if TYPE_CHECKING:
    from flyteidl2.core.interface_pb2 import VariableMap
    from flyteidl2.core.literals_pb2 import Literal
    from flyteidl2.core.types_pb2 import LiteralType

__all__ = ["OutputReader", "read_outputs"]

_URI_LIMIT = 1 << 16


async def read_outputs(
    directory: Path,
    outputs: VariableMap,
    raw_prefix: str,
    *,
    lenient: bool = False,
    mode: str = "UPLOAD_ON_EXIT",
) -> dict[str, Literal]:
    """Read the outputs of a task from a folder, as Flyte CoPilot does when the task's container has ended.

    Args:
        directory: the folder.
        outputs: the declared outputs; each has to have its file.
        raw_prefix: the folder or URL below which files and folders are stored.
        lenient: whether times without an offset and durations as Python prints them are read too, with a warning.
        mode: ``DO_NOT_UPLOAD`` stores nothing: the file of a blob holds its URI. The other two store.

    Returns:
        The outputs by name.

    Raises:
        CopilotError: one or more outputs cannot be read; the message names all of them.
        InvalidValueError: a mode that does not exist.

    Example:
        >>> import asyncio, tempfile
        >>> from flyteidl2.core import interface_pb2, types_pb2
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "x").write_text("42\\\\n")
        >>> integer = interface_pb2.Variable(type=types_pb2.LiteralType(simple=types_pb2.INTEGER))
        >>> declared = interface_pb2.VariableMap(
        ...     variables=[interface_pb2.VariableEntry(key="x", value=integer)]
        ... )
        >>> asyncio.run(read_outputs(folder, declared, "s3://bucket/raw"))["x"].scalar.primitive.integer
        42
    """
    control = Control()
    reader = OutputReader(directory=directory, raw_prefix=raw_prefix, lenient=lenient, mode=mode, control=control)
    return await in_thread(control, lambda: reader.read(outputs))


@attrs.define(kw_only=True)
class OutputReader:
    """Reads the outputs of one task; see `read_outputs` for the arguments.

    Args:
        directory: the folder.
        raw_prefix: where files go.
        lenient: whether more texts are read.
        mode: of blobs.
        control: ends the work.
    """

    directory: Path = attrs.field(converter=Path)
    raw_prefix: str
    lenient: bool = False
    mode: str = attrs.field(default="UPLOAD_ON_EXIT", validator=one_of(UPLOAD_MODES))
    control: Control = attrs.field(factory=Control)
    _stores: list[Store] = attrs.field(init=False, factory=list)
    _root: Folder = attrs.field(init=False)

    def read(self, outputs: VariableMap) -> dict[str, Literal]:
        """Read everything, then store what is to be stored.

        Args:
            outputs: the declared outputs.

        Raises:
            CopilotError: an output cannot be read or stored; all faults are reported.
            CopilotCancelledError: the work was cancelled.
            CopilotDeadlineError: its time was over.
        """
        if not outputs.variables:
            return {}
        try:
            real = str(self.directory.resolve(strict=True))
            self._root = Folder(str(self.directory), real)
        except OSError as error:
            raise CopilotError("upload", [f"the output folder {self.directory} cannot be read: {error}"]) from error
        names = frozenset(entry.key for entry in outputs.variables) | {ERROR_FILE}
        found: dict[str, Literal] = {}
        problems: list[str] = []
        for entry in outputs.variables:
            self.control.check()
            try:
                found[entry.key] = self._variable(entry.key, entry.value.type, names)
            except FlyteCoreError as error:
                problems.append(str(error))
        problems = problems or run_transfers(self._stores, self.control)
        if problems:
            raise CopilotError("upload", problems)
        return found

    def _variable(self, name: str, declared: LiteralType, names: frozenset[str]) -> Literal:
        fault = fault_of_variable(name, frozenset({ERROR_FILE}))
        if fault is not None:
            raise CopilotVariableError(name, "", fault)
        return self._value(declared, self._root.find(name, name, name, names))

    def _value(self, declared: LiteralType, entry: Entry) -> Literal:
        kind = declared.WhichOneof("type")
        read = _READERS.get(kind or "")
        if read is None:
            raise entry.refusal(f"its declared type is {kind or 'nothing'}, which cannot be read from files")
        return read(self, declared, entry)

    def _simple(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Literal

        simple = int(declared.simple)
        if entry.is_folder:
            raise entry.refusal("it is a folder; a simple value has to be a file")
        try:
            data = b"" if simple == scalars.NONE else read_file(entry.path, scalars.content_limit(simple))
            scalar = scalars.scalar_of_bytes(simple, data, lenient=self.lenient, tag=entry.extension)
        except (ValueError, OSError) as error:
            raise entry.refusal(str(error)) from error
        return Literal(scalar=scalar)

    def _text(self, entry: Entry) -> str:
        if entry.is_folder:
            raise entry.refusal("it is a folder; this value has to be a file")
        try:
            return scalars.text_of(read_file(entry.path, scalars.content_limit(3)))
        except (ValueError, OSError) as error:
            raise entry.refusal(str(error)) from error

    def _enum(self, declared: LiteralType, entry: Entry) -> Literal:
        text = self._text(entry)
        values = list(declared.enum_type.values)
        for candidate in (text, text[:-1] if text.endswith("\n") else text, text.strip(" \n\t")):
            if candidate in values:
                return _string(candidate)
        raise entry.refusal(f"expected one of {', '.join(map(repr, values))}, got {text[:60]!r}")

    def _union(self, declared: LiteralType, entry: Entry) -> Literal:
        variants = list(declared.union_type.variants)
        tagged = [variant for variant in variants if entry.extension and variant.structure.tag == entry.extension]
        reasons = []
        for variant in tagged or sorted(variants, key=_rank):
            before = len(self._stores)
            try:
                value = self._variant(variant, entry)
            except CopilotVariableError as error:
                del self._stores[before:]
                reasons.append(error.reason)
            else:
                return _wrapped(value, variant)
        raise entry.refusal(f"it fits none of the union's {len(variants)} types: {'; '.join(dict.fromkeys(reasons))}")

    def _variant(self, variant: LiteralType, entry: Entry) -> Literal:
        is_none = variant.WhichOneof("type") == "simple" and variant.simple == scalars.NONE
        if is_none and self._text(entry).strip(" \n\t") != "null":
            raise entry.refusal("the value none is written as null")
        return self._value(variant, entry)

    def _collection(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Literal, LiteralCollection

        if not entry.is_folder:
            return self._from_json(declared, entry)
        folder = self._root.open(entry)
        items = []
        for index in range(len(folder.names)):
            self.control.check()
            name = str(index)
            item = folder.find(name, f"{entry.label}[{index}]", f"{entry.target}/{name}")
            items.append(self._value(declared.collection_type, item))
        return Literal(collection=LiteralCollection(literals=items))

    def _map(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Literal, LiteralMap

        if not entry.is_folder:
            return self._from_json(declared, entry)
        folder = self._root.open(entry)
        values: dict[str, Literal] = {}
        for name in sorted(folder.names):
            self.control.check()
            try:
                key = decode_key(name)
            except ValueError as error:
                raise entry.refusal(f"the name {name!a} in it is no text in UTF-8") from error
            if key in values:
                raise entry.refusal(f"two names in it stand for the key {key!r}")
            item = folder.entry(name, f"{entry.label}[{key}]", f"{entry.target}/{name}")
            values[key] = self._value(declared.map_value_type, item)
        return Literal(map=LiteralMap(literals=values))

    def _from_json(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyte_core_container.copilot.jsonvalues import literal_of_json

        try:
            value, _end = scalars.json_of(self._text(entry).strip(" \t\r\n"))
        except GrammarError as error:
            raise entry.refusal(f"{error}; a list or map is a folder or a file with JSON") from error
        return literal_of_json(declared, value, entry, lenient=self.lenient)

    def _blob(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Blob, BlobMetadata, Literal, Scalar
        from flyteidl2.core.types_pb2 import BlobType

        is_folder, uri = self._stored(entry, bool(declared.blob.dimensionality))
        # As on disk, whatever was declared; the Go loader does the same.
        found = BlobType(
            format=declared.blob.format, dimensionality=BlobType.MULTIPART if is_folder else BlobType.SINGLE
        )
        return Literal(scalar=Scalar(blob=Blob(uri=uri, metadata=BlobMetadata(type=found))))

    def _schema(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Literal, Scalar, Schema

        _is_folder, uri = self._stored(entry, True)
        return Literal(scalar=Scalar(schema=Schema(uri=uri, type=declared.schema)))

    def _structured_dataset(self, declared: LiteralType, entry: Entry) -> Literal:
        from flyteidl2.core.literals_pb2 import Literal, Scalar, StructuredDataset, StructuredDatasetMetadata

        _is_folder, uri = self._stored(entry, True)
        metadata = StructuredDatasetMetadata(structured_dataset_type=declared.structured_dataset_type)
        if not metadata.structured_dataset_type.format:
            metadata.structured_dataset_type.format = entry.extension
        return Literal(scalar=Scalar(structured_dataset=StructuredDataset(uri=uri, metadata=metadata)))

    def _stored(self, entry: Entry, declared_folder: bool) -> tuple[bool, str]:
        """Have a file or folder stored, and give whether it is a folder, and its URI."""
        from flyte_core.storage import join

        if self.mode == "DO_NOT_UPLOAD":
            return declared_folder, self._reference(entry)
        if entry.is_folder and not self._root.count_files(entry):
            raise entry.refusal(
                "the folder is empty, and storage has no empty folders; write at least one file into it"
            )
        url = join(self.raw_prefix, *entry.target.split("/"))
        self._stores.append(Store(variable=entry.label, path=Path(entry.path), url=url, is_folder=entry.is_folder))
        return entry.is_folder, url

    def _reference(self, entry: Entry) -> str:
        from flyte_core.storage import is_remote

        if entry.is_folder:
            raise entry.refusal("it is a folder; with DO_NOT_UPLOAD it has to be a file that holds a URI")
        uri = self._text(entry)[:_URI_LIMIT].strip(" \n\t")
        if not is_remote(uri) or any(char.isspace() for char in uri):
            raise entry.refusal(f"with DO_NOT_UPLOAD it has to hold the URI of a stored object, not {uri[:60]!r}")
        return uri


_READERS: dict[str, Callable[[OutputReader, Any, Entry], Any]] = {
    "simple": OutputReader._simple,
    "enum_type": OutputReader._enum,
    "union_type": OutputReader._union,
    "collection_type": OutputReader._collection,
    "map_value_type": OutputReader._map,
    "blob": OutputReader._blob,
    "schema": OutputReader._schema,
    "structured_dataset_type": OutputReader._structured_dataset,
}


def _rank(variant: LiteralType) -> int:
    """Order the variants of a union: none, then what takes certain texts only, then what takes any."""
    kind = variant.WhichOneof("type")
    if kind == "simple":
        if variant.simple == scalars.NONE:
            return 0
        return 1 if variant.simple in scalars.STRICT else 3
    return {"enum_type": 1, "collection_type": 2, "map_value_type": 2}.get(kind or "", 3)


def _string(text: str) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar

    return Literal(scalar=Scalar(primitive=Primitive(string_value=text)))


def _wrapped(value: Literal, variant: LiteralType) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, Scalar, Union

    return Literal(scalar=Scalar(union=Union(value=value, type=variant)))
