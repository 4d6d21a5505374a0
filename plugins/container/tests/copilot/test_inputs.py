"""Inputs as files: layouts, modes, names, and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import stat

import pytest
from flyte_core_container.copilot import write_inputs
from flyte_core_container.copilot.errors import CopilotError
from flyte_core_container.copilot.inputs import InputWriter
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from flyte_core.errors import InvalidValueError

from ._values import blob, collection, mapping, primitive, scalar, simple


def _tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _stored(tmp_path, name, data=b"data"):
    path = tmp_path / "bucket" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_modes_are_those_of_the_loader_without_the_umask(tmp_path, umask):
    literals = {"x": primitive(integer=1), "b": blob(_stored(tmp_path, "b")), "l": collection(primitive(integer=1))}
    InputWriter(directory=tmp_path / "in").write(literals)
    modes = {name: stat.S_IMODE((tmp_path / "in" / name).stat().st_mode) for name in ("x", "b", "l")}
    assert modes == {"x": 0o750, "b": 0o640, "l": 0o750}


def test_nested_values_are_nested_folders(tmp_path):
    value = mapping(a=collection(mapping(b=primitive(boolean=True)), collection()))
    InputWriter(directory=tmp_path / "in").write({"m": value})
    assert (tmp_path / "in/m/a/0/b").read_text() == "true"
    assert list((tmp_path / "in/m/a/1").iterdir()) == []
    assert (tmp_path / "in/inputs.json").read_text() == '{"m":{"a":[{"b":true},[]]}}'


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f", "2_f", "f"], ["f", "2_f", "2_2_f"]),
        (["f", "f", "1_f"], ["f", "1_f", "2_1_f"]),
        (["1", "x"], ["1", "x"]),
    ],
)
def test_a_name_that_was_made_unique_is_checked_again(names, expected, tmp_path):
    items = [blob(_stored(tmp_path, f"{index}/{name}", str(index).encode())) for index, name in enumerate(names)]
    InputWriter(directory=tmp_path / "in", layout="NAMED_DIR", local_dir="/in").write({"l": collection(*items)})
    assert json.loads((tmp_path / "in/inputs.json").read_text()) == {"l": [f"/in/l/{name}" for name in expected]}
    assert [(tmp_path / "in/l" / name).read_text() for name in expected] == [str(i) for i in range(len(names))]


def test_a_blob_gives_way_to_the_index_of_another_item(tmp_path):
    items = collection(blob(_stored(tmp_path, "a/1", b"blob")), primitive(string_value="text"))
    InputWriter(directory=tmp_path / "in", layout="NAMED_DIR").write({"l": items})
    assert (tmp_path / "in/l/0_1").read_bytes() == b"blob"
    assert (tmp_path / "in/l/1").read_bytes() == b"text"


def test_named_folders_are_for_plain_single_blobs_only(tmp_path):
    union = scalar(union=lit.Union(value=blob(_stored(tmp_path, "u.txt")), type=simple(types.STRING)))
    literals = {
        "u": union,
        "m": mapping(k=blob(_stored(tmp_path, "k.txt"))),
        "d": blob(str(tmp_path / "bucket"), multipart=True),
    }
    InputWriter(directory=tmp_path / "in", layout="NAMED_DIR").write(literals)
    assert (tmp_path / "in/u").is_file()
    assert (tmp_path / "in/m/k/k.txt").is_file()
    assert (tmp_path / "in/d/k.txt").is_file()


def test_nothing_is_downloaded_where_that_is_asked_for(tmp_path):
    literals = {"b": blob("s3://nowhere/b"), "l": collection(blob("s3://nowhere/c"))}
    InputWriter(directory=tmp_path / "in", mode="DO_NOT_DOWNLOAD").write(literals)
    assert (tmp_path / "in/inputs.json").read_text() == '{"b":"s3://nowhere/b","l":["s3://nowhere/c"]}'
    assert set(_tree(tmp_path / "in")) == {"inputs.json", "inputs.pb"}
    found = lit.LiteralMap.FromString((tmp_path / "in/inputs.pb").read_bytes()).literals
    assert dict(found) == literals


def test_a_stream_is_downloaded_before_the_task_starts(tmp_path):
    InputWriter(directory=tmp_path / "in", mode="DOWNLOAD_STREAM").write({"b": blob(_stored(tmp_path, "b"))})
    assert (tmp_path / "in/b").read_bytes() == b"data"


def _offloaded(tmp_path, name, literal):
    url = _stored(tmp_path, name, literal.SerializeToString())
    return lit.Literal(offloaded_metadata=lit.LiteralOffloadedMetadata(uri=url))


def test_an_offloaded_literal_is_resolved_anywhere(tmp_path):
    inner = _offloaded(tmp_path, "inner", primitive(integer=7))
    union = scalar(union=lit.Union(value=inner, type=simple(types.INTEGER)))
    literals = {
        "x": inner,
        "l": collection(inner),
        "u": union,
        "twice": _offloaded(tmp_path, "outer", collection(inner)),
    }
    InputWriter(directory=tmp_path / "in").write(literals)
    described = json.loads((tmp_path / "in/inputs.json").read_text())
    assert described == {"x": 7, "l": [7], "u": 7, "twice": [7]}


def test_an_offloaded_literal_that_leads_to_itself_is_refused(tmp_path):
    url = str(tmp_path / "bucket" / "loop")
    loop = lit.Literal(offloaded_metadata=lit.LiteralOffloadedMetadata(uri=url))
    _stored(tmp_path, "loop", loop.SerializeToString())
    with pytest.raises(CopilotError, match=r"\[x\].*nested deeper than 100 levels"):
        InputWriter(directory=tmp_path / "in").write({"x": loop})


def test_hash_and_metadata_of_literals_are_left_out(tmp_path):
    literal = primitive(integer=1)
    literal.hash = "h"
    literal.metadata["k"] = "v"
    InputWriter(directory=tmp_path / "in").write({"x": literal})
    found = lit.LiteralMap.FromString((tmp_path / "in/inputs.pb").read_bytes()).literals
    assert found["x"] == primitive(integer=1)


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b", "..", ".", "", "a\0b", "inputs.json", "inputs.pb", "inputs.yaml"]
)
def test_a_variable_that_would_leave_its_folder_or_hide_a_description_is_refused(name, tmp_path):
    with pytest.raises(CopilotError, match="its name"):
        InputWriter(directory=tmp_path / "a/b/in").write({name: primitive(integer=1)})
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/in"]


@pytest.mark.parametrize("key", ["../x", "/x", "..", "a/../b", "a\0b"])
def test_a_key_that_would_leave_its_folder_is_refused(key, tmp_path):
    with pytest.raises(CopilotError, match=r"variable \[m\["):
        InputWriter(directory=tmp_path / "in").write({"m": mapping({key: primitive(integer=1)})})


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a/b", "a%2Fb"),
        ("50%", "50%"),
        ("50%25", "50%2525"),
        ("", "%"),
        (".", "%2E"),
        ("%", "%25"),
        ("a:b ?#", "a:b ?#"),
    ],
)
def test_a_key_becomes_a_name_that_can_be_read_back(key, name, tmp_path):
    InputWriter(directory=tmp_path / "in").write({"m": mapping({key: primitive(string_value="v")})})
    assert (tmp_path / "in/m" / name).read_text() == "v"
    assert json.loads((tmp_path / "in/inputs.json").read_text()) == {"m": {key: "v"}}


def test_all_variables_that_failed_are_named_and_nothing_describes_the_rest(tmp_path):
    literals = {
        "good": primitive(integer=1),
        "nan": primitive(float_value=float("nan")),
        "late": primitive(datetime=Timestamp(seconds=253402300800)),
        "gone": blob(str(tmp_path / "nothing")),
        "empty": blob("", multipart=True),
    }
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "inputs.json").write_text("old")
    with pytest.raises(CopilotError) as caught:
        InputWriter(directory=folder).write(literals)
    assert len(caught.value.problems) == 4
    for name in set(literals) - {"good"}:
        assert f"variable [{name}]" in str(caught.value)
    assert set(_tree(folder)) == {"good"}


def test_nan_is_fine_where_nothing_is_json(tmp_path):
    InputWriter(directory=tmp_path / "in", format="PROTO").write({"x": primitive(float_value=float("nan"))})
    assert (tmp_path / "in/x").read_text() == "NaN"


def test_nan_in_a_structure_is_refused(tmp_path):
    struct = Struct()
    struct.update({"a": float("nan")})
    with pytest.raises(CopilotError, match=r"variable \[g\].*no form for the number nan"):
        InputWriter(directory=tmp_path / "in", format="PROTO").write({"g": scalar(generic=struct)})


def test_a_multipart_blob_without_objects_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CopilotError, match=r"variable \[d\].*no object below"):
        InputWriter(directory=tmp_path / "in").write({"d": blob(str(tmp_path / "empty"), multipart=True)})


def test_nothing_is_written_through_links(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in/x").symlink_to(tmp_path / "victim")
    (tmp_path / "in/l").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CopilotError) as caught:
        InputWriter(directory=tmp_path / "in").write({"x": primitive(integer=1), "l": collection(primitive(integer=1))})
    assert len(caught.value.problems) == 2
    assert (tmp_path / "victim").read_text() == "kept"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_name_that_is_too_long_is_an_error_with_the_variable(tmp_path):
    with pytest.raises(CopilotError, match=r"variable \[m\]"):
        InputWriter(directory=tmp_path / "in").write({"m": mapping({"k" * 300: primitive(integer=1)})})


@pytest.mark.parametrize("field", ["format", "layout", "mode"])
def test_an_unknown_setting_is_refused(field, tmp_path):
    with pytest.raises(InvalidValueError, match=f"{field} = 'json'"):
        asyncio.run(write_inputs({}, tmp_path, **{field: "json"}))
