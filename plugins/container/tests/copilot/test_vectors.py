"""The 25 vectors of the loader's behaviour; 16, 17, 22 and 23 with the outcomes that are right."""

from __future__ import annotations

import base64
import json

import pytest
from flyte_core_container.copilot.control import Control
from flyte_core_container.copilot.errors import CopilotError, ReportedError
from flyte_core_container.copilot.inputs import InputWriter
from flyte_core_container.copilot.operations import Download, Upload
from flyte_core_container.copilot.outputs import OutputReader
from flyteidl2.core import execution_pb2
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from ._values import blob, collection, declared, mapping, primitive, scalar, simple


def _written(tmp_path, literals, **options):
    folder = tmp_path / "in"
    InputWriter(directory=folder, local_dir="/in", **options).write(literals)
    return folder


def _described(folder):
    return (folder / "inputs.json").read_text()


def _rewritten(folder):
    return lit.LiteralMap.FromString((folder / "inputs.pb").read_bytes()).literals


def _stored(tmp_path, name, text):
    path = tmp_path / "bucket" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def _struct(value):
    struct = Struct()
    struct.update(value)
    return struct


@pytest.mark.parametrize(
    ("number", "name", "literal", "text", "description"),
    [
        (1, "x", primitive(integer=9007199254740993), b"9007199254740993", '{"x":9007199254740993}'),
        (3, "f", primitive(float_value=1.0), b"1", '{"f":1}'),
        (4, "s", primitive(string_value="a<b"), b"a<b", '{"s":"a\\u003cb"}'),
        (
            5,
            "t",
            primitive(datetime=Timestamp(seconds=1704164645, nanos=120_000_000)),
            b"2024-01-02T03:04:05.12Z",
            '{"t":"2024-01-02T03:04:05.12Z"}',
        ),
        (6, "d", primitive(duration=Duration(seconds=90)), b"1m30s", '{"d":90000000000}'),
        (7, "n", scalar(none_type=lit.Void()), b"null", '{"n":null}'),
        (
            13,
            "g",
            scalar(generic=_struct({"b": 1, "a": [1.5, None]})),
            b'{"a":[1.5,null],"b":1}',
            '{"g":{"a":[1.5,null],"b":1}}',
        ),
        (14, "b", scalar(binary=lit.Binary(value=b"\x01\x02\xff")), b"\x01\x02\xff", '{"b":"AQL/"}'),
    ],
)
def test_a_value_has_its_text_and_its_description(number, name, literal, text, description, tmp_path):
    folder = _written(tmp_path, {name: literal})
    assert (folder / name).read_bytes() == text
    assert _described(folder) == description


def test_2_a_large_float_has_no_exponent_in_its_file_and_one_in_yaml(tmp_path):
    folder = _written(tmp_path, {"f": primitive(float_value=1e21)}, format="YAML")
    assert (folder / "f").read_text() == "1000000000000000000000"
    assert (folder / "inputs.yaml").read_text() == "f: 1e+21\n"


def test_8_a_blob_is_a_file_and_its_uri_the_local_path(tmp_path):
    folder = _written(tmp_path, {"fa": blob(_stored(tmp_path, "g.fa", "ACGT"))})
    assert (folder / "fa").read_text() == "ACGT"
    assert _described(folder) == '{"fa":"/in/fa"}'
    assert _rewritten(folder)["fa"].scalar.blob.uri == "/in/fa"


def test_9_a_blob_keeps_its_name_in_named_folders(tmp_path):
    folder = _written(tmp_path, {"fa": blob(_stored(tmp_path, "g.fa", "ACGT"))}, layout="NAMED_DIR")
    assert (folder / "fa" / "g.fa").read_text() == "ACGT"
    assert _described(folder) == '{"fa":"/in/fa/g.fa"}'


def test_10_a_multipart_blob_is_a_folder(tmp_path):
    _stored(tmp_path, "p/r.txt", "r")
    _stored(tmp_path, "p/n/x.txt", "x")
    folder = _written(tmp_path, {"d": blob(str(tmp_path / "bucket/p"), multipart=True)})
    assert (folder / "d/r.txt").read_text() == "r"
    assert (folder / "d/n/x.txt").read_text() == "x"
    assert _described(folder) == '{"d":"/in/d"}'


def test_11_a_repeated_name_in_a_collection_gets_its_index(tmp_path):
    items = collection(blob(_stored(tmp_path, "a/r.gz", "a")), blob(_stored(tmp_path, "b/r.gz", "b")))
    folder = _written(tmp_path, {"l": items}, layout="NAMED_DIR")
    assert (folder / "l/r.gz").read_text() == "a"
    assert (folder / "l/1_r.gz").read_text() == "b"
    assert _described(folder) == '{"l":["/in/l/r.gz","/in/l/1_r.gz"]}'


def test_12_a_map_is_a_folder_with_its_keys(tmp_path):
    folder = _written(tmp_path, {"m": mapping(k=primitive(string_value="v"))})
    assert (folder / "m/k").read_text() == "v"
    assert _described(folder) == '{"m":{"k":"v"}}'


def test_15_a_union_is_its_value_and_stays_a_union_in_the_message(tmp_path):
    union = scalar(union=lit.Union(value=primitive(string_value="q"), type=simple(types.STRING)))
    folder = _written(tmp_path, {"u": union})
    assert (folder / "u").read_text() == "q"
    assert _described(folder) == '{"u":"q"}'
    assert _rewritten(folder)["u"] == union


def test_16_a_structured_dataset_is_a_folder(tmp_path):
    _stored(tmp_path, "t/0.parquet", "PAR1")
    metadata = lit.StructuredDatasetMetadata(structured_dataset_type=types.StructuredDatasetType(format="parquet"))
    dataset = lit.StructuredDataset(uri=str(tmp_path / "bucket/t"), metadata=metadata)
    folder = _written(tmp_path, {"t": scalar(structured_dataset=dataset)})
    assert (folder / "t/0.parquet").read_text() == "PAR1"
    assert _described(folder) == '{"t":"/in/t"}'
    assert _rewritten(folder)["t"].scalar.structured_dataset.metadata == metadata


@pytest.mark.parametrize(
    ("format", "name", "text"), [("JSON", "inputs.json", "{}"), ("YAML", "inputs.yaml", "{}\n"), ("PROTO", None, None)]
)
def test_17_no_inputs_are_an_empty_object(format, name, text, tmp_path):
    source = tmp_path / "inputs.pb"
    source.write_bytes(lit.LiteralMap().SerializeToString())
    folder = tmp_path / "in"
    Download(from_remote=str(source), to_local_dir=folder, format=format).run(Control())
    assert {path.name for path in folder.iterdir()} == {"inputs.pb", name} - {None}
    if name:
        assert (folder / name).read_text() == text


def _read(tmp_path, kind, content, name="v"):
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    reader = OutputReader(directory=folder, raw_prefix=str(tmp_path / "raw"))
    return reader.read(declared(v=simple(kind)))["v"]


@pytest.mark.parametrize(
    ("number", "kind", "content", "expected"),
    [
        (18, types.INTEGER, b"42\n", primitive(integer=42)),
        (19, types.BOOLEAN, b"True", primitive(boolean=True)),
        (20, types.DURATION, b"1h30m", primitive(duration=Duration(seconds=5400))),
        (21, types.DATETIME, b"2024-01-02T03:04:05+02:00", primitive(datetime=Timestamp(seconds=1704157445))),
        (22, types.STRING, b" hi\n", primitive(string_value=" hi")),
        (22, types.STRING, b"x" * 1025, primitive(string_value="x" * 1025)),
    ],
)
def test_an_output_is_read(number, kind, content, expected, tmp_path):
    assert _read(tmp_path, kind, content) == expected


@pytest.mark.parametrize(
    ("number", "kind", "content"),
    [
        (18, types.INTEGER, b"42\r\n"),
        (19, types.BOOLEAN, b"yes"),
        (20, types.DURATION, b"1:30:00"),
        (21, types.DATETIME, b"2024-01-02T03:04:05"),
    ],
)
def test_an_output_is_refused_with_its_name_and_file(number, kind, content, tmp_path):
    with pytest.raises(CopilotError, match=r"variable \[v\], file .*/out/v: expected "):
        _read(tmp_path, kind, content)


@pytest.mark.parametrize("as_json", [False, True], ids=["folder", "JSON"])
def test_23_a_list_is_read(as_json, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    if as_json:
        (folder / "l.json").write_text(json.dumps([1, 2]))
    else:
        (folder / "l").mkdir()
        for index in range(2):
            (folder / "l" / str(index)).write_text(f"{index + 1}\n")
    kind = types.LiteralType(collection_type=simple(types.INTEGER))
    found = OutputReader(directory=folder, raw_prefix=str(tmp_path / "raw")).read(declared(l=kind))
    assert found["l"] == collection(primitive(integer=1), primitive(integer=2))


def test_24_an_extension_is_found_and_is_no_part_of_the_uri(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "r.csv").write_text("a,b")
    raw = str(tmp_path / "raw")
    kind = types.LiteralType(blob=types.BlobType(dimensionality=types.BlobType.SINGLE))
    found = OutputReader(directory=folder, raw_prefix=raw).read(declared(r=kind))["r"].scalar.blob
    assert (found.uri, found.metadata.type.format, found.metadata.type.dimensionality) == (f"{raw}/r", "", 0)
    assert (tmp_path / "raw" / "r").read_text() == "a,b"


def test_25_a_reported_failure_is_the_error_and_nothing_is_uploaded(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "_ERROR").write_text("boom")
    (folder / "x").write_text("1")
    job = Upload(
        from_local_dir=folder,
        to_output_prefix=str(tmp_path / "meta"),
        to_raw_output=str(tmp_path / "raw"),
        outputs=declared(x=simple(types.INTEGER)),
    )
    with pytest.raises(ReportedError):
        job.run(Control())
    assert [path.name for path in (tmp_path / "meta").iterdir()] == ["error.pb"]
    error = execution_pb2.ErrorDocument.FromString((tmp_path / "meta" / "error.pb").read_bytes()).error
    assert (error.code, error.message, error.origin) == ("OutputUploadFailed", "User Error: boom", 0)
    assert error.kind == execution_pb2.ContainerError.RECOVERABLE


def test_base64_in_descriptions_is_the_standard_one():
    assert base64.b64encode(b"\x01\x02\xff") == b"AQL/"
