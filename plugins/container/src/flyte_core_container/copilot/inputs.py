"""Inputs of a task as files: one for each variable, and one that describes them all."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import FlyteCoreError, without_secrets
from flyte_core_container.copilot import gojson
from flyte_core_container.copilot.choices import DOWNLOAD_MODES, FORMATS, LAYOUTS, one_of
from flyte_core_container.copilot.control import Control, in_thread
from flyte_core_container.copilot.errors import CopilotError, CopilotVariableError, GrammarError
from flyte_core_container.copilot.files import HOPELESS, make_folder, write_text
from flyte_core_container.copilot.literals import plain_struct, primitive_forms
from flyte_core_container.copilot.names import RESERVED_INPUTS, encode_key, fault_of_variable
from flyte_core_container.copilot.transfers import Fetch, read_all, run_transfers

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal, Scalar

    from flyte_core_container.copilot.gojson import Json

__all__ = ["InputWriter", "write_inputs"]

_DEPTH = 100  # of nested literals; protobuf itself reads no deeper


async def write_inputs(
    literals: Mapping[str, Literal],
    directory: Path,
    *,
    format: str = "JSON",
    layout: str = "DIRECT",
    mode: str = "DOWNLOAD_EAGER",
    local_dir: str | None = None,
) -> None:
    """Write the inputs of a task into a folder, as Flyte CoPilot does before the task's container starts.

    Args:
        literals: the inputs by name.
        directory: the folder; it is made.
        format: what describes all inputs beside ``inputs.pb``: ``JSON`` for ``inputs.json``, ``YAML`` for
            ``inputs.yaml``, ``PROTO`` for nothing.
        layout: ``DIRECT`` puts a file at ``<variable>``, ``NAMED_DIR`` at ``<variable>/<its name>``.
        mode: ``DO_NOT_DOWNLOAD`` leaves blobs where they are and keeps their URIs. The other two download: nobody
            could feed a stream, for the loader ends before the task's container starts.
        local_dir: the folder's path inside of the container, for the paths in the descriptions. Default: its own.

    Raises:
        CopilotError: one or more variables cannot be written; the message names all of them.
        InvalidValueError: a format, layout or mode that does not exist.

    Example:
        >>> import asyncio, tempfile
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> folder = Path(tempfile.mkdtemp())
        >>> x = Literal(scalar=Scalar(primitive=Primitive(integer=42)))
        >>> asyncio.run(write_inputs({"x": x}, folder))
        >>> (folder / "x").read_text(), (folder / "inputs.json").read_text()
        ('42', '{"x":42}')
    """
    control = Control()
    writer = InputWriter(
        directory=directory, format=format, layout=layout, mode=mode, local_dir=local_dir, control=control
    )
    await in_thread(control, lambda: writer.write(literals))


@attrs.frozen(kw_only=True)
class _Place:
    """Where a literal goes.

    Args:
        label: its variable, with keys and indexes, for messages.
        name: its path relative to the folder.
        names: of the blobs in the same collection, in the layout with names; ``None`` for the layout without.
        index: its index in that collection.
        depth: how deep it is nested.
    """

    label: str
    name: str
    names: set[str] | None = None
    index: int | None = None
    depth: int = 0

    def inside(self, label: str, name: str, names: set[str] | None = None, index: int | None = None) -> _Place:
        """Give the place of an item."""
        if self.depth >= _DEPTH:
            raise CopilotVariableError(self.label, "", f"it is nested deeper than {_DEPTH} levels")
        return _Place(
            label=f"{self.label}[{label}]", name=f"{self.name}/{name}", names=names, index=index, depth=self.depth + 1
        )


@attrs.define(kw_only=True)
class InputWriter:
    """Writes the inputs of one task; see `write_inputs` for the arguments.

    Args:
        directory: the folder.
        format: of the description.
        layout: of blobs.
        mode: of blobs.
        local_dir: the folder inside of the container.
        control: ends the work.
    """

    directory: Path = attrs.field(converter=Path)
    format: str = attrs.field(default="JSON", validator=one_of(FORMATS))
    layout: str = attrs.field(default="DIRECT", validator=one_of(LAYOUTS))
    mode: str = attrs.field(default="DOWNLOAD_EAGER", validator=one_of(DOWNLOAD_MODES))
    local_dir: str | None = None
    control: Control = attrs.field(factory=Control)
    _fetches: list[Fetch] = attrs.field(init=False, factory=list)
    _base: str = attrs.field(init=False)
    _shown: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._base = str(self.directory)
        self._shown = (self.local_dir or self._base).rstrip("/")

    def write(self, literals: Mapping[str, Literal]) -> None:
        """Write everything; the descriptions last, so that they are there only when all else is.

        Args:
            literals: the inputs by name.

        Raises:
            CopilotError: something cannot be written; all faults are reported.
            CopilotCancelledError: the work was cancelled.
            CopilotDeadlineError: its time was over.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for name in RESERVED_INPUTS:
                (self.directory / name).unlink(missing_ok=True)
        except OSError as error:
            raise CopilotError("download", [f"the folder {self._base} cannot be used: {error}"]) from error
        values: dict[str, Json] = {}
        rewritten: dict[str, Literal] = {}
        problems: list[str] = []
        for name, literal in literals.items():
            self.control.check()
            try:
                values[name], rewritten[name] = self._variable(name, literal)
            except FlyteCoreError as error:
                problems.append(str(error))
            except OSError as error:
                problems.append(str(CopilotVariableError(name, os.path.join(self._base, name), str(error))))  # noqa: PTH118
                if error.errno in HOPELESS:
                    raise CopilotError("download", problems) from error
        problems += run_transfers(self._fetches, self.control)
        if problems:
            raise CopilotError("download", problems)
        self._describe(values, rewritten)

    def _describe(self, values: dict[str, Json], rewritten: dict[str, Literal]) -> None:
        from flyteidl2.core.literals_pb2 import LiteralMap

        from flyte_core.storage import atomic_write

        files = {"inputs.pb": LiteralMap(literals=rewritten).SerializeToString(deterministic=True)}
        if self.format == "JSON":
            files["inputs.json"] = gojson.dumps(values).encode()
        elif self.format == "YAML":
            from flyte_core_container.copilot import goyaml

            files["inputs.yaml"] = goyaml.dumps(values).encode()
        try:
            for name, data in files.items():
                atomic_write(self.directory / name, data, sync=False)
        except OSError as error:
            raise CopilotError("download", [f"the description of the inputs cannot be written: {error}"]) from error

    def _variable(self, name: str, literal: Literal) -> tuple[Json, Literal]:
        fault = fault_of_variable(name, RESERVED_INPUTS)
        if fault is not None:
            raise CopilotVariableError(name, "", fault)
        return self._visit(literal, _Place(label=name, name=name))

    def _visit(self, literal: Literal, place: _Place) -> tuple[Json, Literal]:
        from flyteidl2.core.literals_pb2 import Literal as Message

        kind = literal.WhichOneof("value")
        if kind == "scalar":
            value, scalar = self._scalar(literal.scalar, place)
            return value, Message(scalar=scalar)
        if kind == "collection":
            return self._collection(literal, place)
        if kind == "map":
            return self._map(literal, place)
        if kind == "offloaded_metadata":
            return self._offloaded(literal, place)
        self._write(place, b"null")
        return None, Message()

    def _collection(self, literal: Literal, place: _Place) -> tuple[Json, Literal]:
        from flyteidl2.core.literals_pb2 import Literal as Message
        from flyteidl2.core.literals_pb2 import LiteralCollection

        self._folder(place)
        names: set[str] = set()
        if self.layout == "NAMED_DIR":
            # Items that keep their index as their name come first; a blob gives way to them.
            items = enumerate(literal.collection.literals)
            names |= {str(index) for index, item in items if not _is_single_blob(item)}
        values: list[Json] = []
        literals: list[Literal] = []
        for index, item in enumerate(literal.collection.literals):
            inner = place.inside(str(index), str(index), names, index)
            value, rewritten = self._visit(item, inner)
            values.append(value)
            literals.append(rewritten)
        return values, Message(collection=LiteralCollection(literals=literals))

    def _map(self, literal: Literal, place: _Place) -> tuple[Json, Literal]:
        from flyteidl2.core.literals_pb2 import Literal as Message
        from flyteidl2.core.literals_pb2 import LiteralMap

        self._folder(place)
        values: dict[str, Json] = {}
        literals: dict[str, Literal] = {}
        for key in sorted(literal.map.literals):
            try:
                name = encode_key(key)
            except GrammarError as error:
                raise CopilotVariableError(f"{place.label}[{key}]", "", str(error)) from error
            values[key], literals[key] = self._visit(literal.map.literals[key], place.inside(key, name))
        return values, Message(map=LiteralMap(literals=literals))

    def _offloaded(self, literal: Literal, place: _Place) -> tuple[Json, Literal]:
        from flyteidl2.core.literals_pb2 import Literal as Message
        from google.protobuf.message import DecodeError

        uri = literal.offloaded_metadata.uri
        if self.mode == "DO_NOT_DOWNLOAD":
            return uri, Message(offloaded_metadata=literal.offloaded_metadata)
        if place.depth >= _DEPTH:
            raise CopilotVariableError(place.label, "", f"it is nested deeper than {_DEPTH} levels")
        try:
            inner = Message.FromString(read_all(uri, self.control))
        except OSError as error:
            raise CopilotVariableError(place.label, "", f"its offloaded literal cannot be read: {error}") from error
        except DecodeError as error:
            raise CopilotVariableError(
                place.label, "", f"there is no literal at {without_secrets(uri)}: {error}"
            ) from error
        return self._visit(inner, attrs.evolve(place, depth=place.depth + 1))

    def _scalar(self, scalar: Scalar, place: _Place, *, wrapped: bool = False) -> tuple[Json, Scalar]:
        from flyteidl2.core.literals_pb2 import Literal as Message
        from flyteidl2.core.literals_pb2 import Scalar, Union

        kind = scalar.WhichOneof("value")
        if kind in ("blob", "schema", "structured_dataset"):
            return self._reference(scalar, kind, place, wrapped=wrapped)
        if kind != "union":
            return self._text(scalar, kind, place), scalar
        inner = scalar.union.value
        if inner.WhichOneof("value") == "scalar":
            value, rewritten = self._scalar(inner.scalar, place, wrapped=True)
            literal = Message(scalar=rewritten)
        else:
            value, literal = self._visit(inner, place)
        return value, Scalar(union=Union(value=literal, type=scalar.union.type))

    def _text(self, scalar: Scalar, kind: str | None, place: _Place) -> Json:
        """Write a scalar that is a text or bytes, and give what describes it."""
        value: Json
        if kind == "primitive":
            try:
                text, value = primitive_forms(scalar.primitive)
            except GrammarError as error:
                raise CopilotVariableError(place.label, "", str(error)) from error
            self._require_describable(value, place)
            self._write(place, text.encode())
        elif kind == "binary":
            self._write(place, scalar.binary.value)
            value = base64.b64encode(scalar.binary.value).decode()
        elif kind == "generic":
            value = plain_struct(scalar.generic)
            try:
                self._write(place, gojson.dumps(value).encode())
            except GrammarError as error:
                raise CopilotVariableError(place.label, "", str(error)) from error
        elif kind == "error":
            value = scalar.error.message
            self._write(place, scalar.error.message.encode())
        else:
            value = None
            self._write(place, b"null")
        return value

    def _require_describable(self, value: Json, place: _Place) -> None:
        if isinstance(value, float) and value - value != 0 and self.format != "PROTO":
            raise CopilotVariableError(
                place.label, "", f"{self.format} has no form for the number {value}; the format PROTO has"
            )

    def _reference(self, scalar: Scalar, kind: str, place: _Place, *, wrapped: bool) -> tuple[Json, Scalar]:
        """Have what a literal refers to downloaded, and let the literal refer to the local path."""
        from flyteidl2.core.literals_pb2 import Scalar

        rewritten = Scalar()
        rewritten.CopyFrom(scalar)
        reference = getattr(rewritten, kind)
        if self.mode == "DO_NOT_DOWNLOAD":
            return str(reference.uri), rewritten
        if not reference.uri:
            raise CopilotVariableError(place.label, "", "its URI is empty")
        is_folder = _is_folder(scalar, kind)
        name = place.name
        if self.layout == "NAMED_DIR" and not wrapped and kind == "blob" and not is_folder:
            name = self._named(reference.uri, place)
        path = Path(f"{self._base}/{name}")
        self._fetches.append(Fetch(variable=place.label, url=reference.uri, path=path, is_folder=is_folder))
        reference.uri = f"{self._shown}/{name}"
        return str(reference.uri), rewritten

    def _named(self, uri: str, place: _Place) -> str:
        from flyte_core.storage import last_part

        name = last_part(uri)
        fault = fault_of_variable(name)
        if fault is not None:
            raise CopilotVariableError(
                place.label, "", f"the last part of {without_secrets(uri)} is no name for a file"
            )
        if place.names is None or place.index is None:
            self._folder(place)
            return f"{place.name}/{name}"
        while name in place.names:
            name = f"{place.index}_{name}"
        place.names.add(name)
        return f"{place.name.rpartition('/')[0]}/{name}"

    def _folder(self, place: _Place) -> None:
        self.control.check()
        make_folder(f"{self._base}/{place.name}")

    def _write(self, place: _Place, data: bytes) -> None:
        write_text(f"{self._base}/{place.name}", data)


def _is_folder(scalar: Scalar, kind: str) -> bool | None:
    if kind == "blob":
        return int(scalar.blob.metadata.type.dimensionality) == 1
    # A structured dataset may be one object, or many below a prefix.
    return True if kind == "schema" else None


def _is_single_blob(literal: Literal) -> bool:
    return (
        literal.WhichOneof("value") == "scalar"
        and literal.scalar.WhichOneof("value") == "blob"
        and not _is_folder(literal.scalar, "blob")
    )
