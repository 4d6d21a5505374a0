"""Files as outputs: how they are found, what they may hold, and what is refused."""

from __future__ import annotations

import os

import pytest
from flyte_core_container.copilot.errors import CopilotError
from flyte_core_container.copilot.outputs import OutputReader
from flyteidl2.core import types_pb2 as types

from ._values import blob, collection, declared, mapping, primitive, simple

INTEGER, STRING = simple(types.INTEGER), simple(types.STRING)
FILE = types.LiteralType(blob=types.BlobType())
FOLDER = types.LiteralType(blob=types.BlobType(dimensionality=1))


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def _read(out, entries=None, /, *, mode="UPLOAD_ON_EXIT", lenient=False, **more):
    reader = OutputReader(directory=out, raw_prefix=str(out.parent / "raw"), mode=mode, lenient=lenient)
    return reader.read(declared(entries, **more))


def _fault(out, **kinds):
    with pytest.raises(CopilotError) as caught:
        _read(out, **kinds)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hi", "hi"),
        (b"hi\n", "hi"),
        (b"hi\n\n", "hi\n"),
        (b" hi\t", " hi\t"),
        (b"hi\r\n", "hi\r"),
        (b"\n", ""),
        (b"", ""),
        ("é\u2028".encode(), "é\u2028"),
    ],
)
def test_a_string_loses_one_newline_and_nothing_else(content, text, out):
    (out / "s").write_bytes(content)
    assert _read(out, s=STRING)["s"] == primitive(string_value=text)


def test_a_long_string_is_read(out):
    (out / "s").write_bytes(b"x" * 2**20)
    assert len(_read(out, s=STRING)["s"].scalar.primitive.string_value) == 2**20


@pytest.mark.parametrize("content", [b"\xff", b"a\xc3", b"\xed\xa0\x80", bytes(range(256))])
def test_garbage_is_no_string_and_the_file_is_named(content, out):
    (out / "s").write_bytes(content)
    assert f"variable [s], file {out}/s: it is no text in UTF-8" in _fault(out, s=STRING)


def test_bytes_are_kept_and_their_extension_is_their_tag(out):
    (out / "b").write_bytes(b" \x0a\xff\n")
    (out / "c.cbor").write_bytes(b"\xa0")
    found = _read(out, b=simple(types.BINARY), c=simple(types.BINARY))
    assert (found["b"].scalar.binary.value, found["b"].scalar.binary.tag) == (b" \x0a\xff\n", "msgpack")
    assert found["c"].scalar.binary.tag == "cbor"


@pytest.mark.parametrize("content", [b'{"a": 1e2}', b' {"a":100} trailing', b'\n{"a":100.0}\n'])
def test_a_structure_is_a_json_object(content, out):
    (out / "g").write_bytes(content)
    assert _read(out, g=simple(types.STRUCT))["g"].scalar.generic["a"] == 100.0


_NOT_STRUCTURES = [
    *(b"", b"[1]", b"null", b"{", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}'),
    b"{" + b'"a":{' * 9999,
]


@pytest.mark.parametrize("content", _NOT_STRUCTURES)
def test_other_json_is_no_structure(content, out):
    (out / "g").write_bytes(content)
    assert f"variable [g], file {out}/g: " in _fault(out, g=simple(types.STRUCT))


def test_the_exact_name_goes_before_extensions(out):
    (out / "x").write_text("1")
    (out / "x.txt").write_text("2")
    assert _read(out, x=INTEGER)["x"] == primitive(integer=1)


def test_one_extension_is_enough_and_two_are_too_many(out):
    (out / "x.txt").write_text("2")
    assert _read(out, x=INTEGER)["x"] == primitive(integer=2)
    (out / "x.json").write_text("2")
    assert "more than one has an extension: x.json, x.txt" in _fault(out, x=INTEGER)


def test_the_file_of_another_variable_is_not_taken(out):
    (out / "x.y").write_text("2")
    with pytest.raises(CopilotError, match=r"variable \[x\].*file not found at path"):
        _read(out, {"x": INTEGER, "x.y": INTEGER})


def test_a_name_is_no_pattern(out):
    (out / "xa.txt").write_text("2")
    with pytest.raises(CopilotError, match="file not found"):
        _read(out, {"x[a]": INTEGER})


@pytest.mark.parametrize("kind", [simple(types.NONE), INTEGER, FILE, types.LiteralType(map_value_type=INTEGER)])
def test_every_output_has_to_be_there(kind, out):
    assert f"variable [x], file {out}/x: file not found at path" in _fault(out, x=kind)


def test_what_none_holds_does_not_matter(out):
    (out / "n").write_bytes(b"\xff anything")
    assert _read(out, n=simple(types.NONE))["n"].scalar.HasField("none_type")


def test_all_faults_are_reported(out):
    (out / "x").write_text("one")
    message = _fault(out, x=INTEGER, y=INTEGER)
    assert "2 faults" in message
    assert "[x]" in message
    assert "[y]" in message


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "", "_ERROR"])
def test_a_variable_that_would_leave_the_folder_is_refused(name, out):
    (out.parent / "x").write_text("1")
    with pytest.raises(CopilotError, match="its name"):
        _read(out, {name: INTEGER})


@pytest.mark.parametrize("kind", [STRING, FILE, FOLDER, types.LiteralType(collection_type=STRING)])
def test_a_link_out_of_the_folder_is_refused(kind, out, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/0").write_text("secret")
    target = tmp_path / "secret/0" if kind in (STRING, FILE) else tmp_path / "secret"
    (out / "x").symlink_to(target)
    assert "it is a link that leads out of the output folder" in _fault(out, x=kind)


def test_a_link_deep_in_a_folder_is_refused_too(out, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (out / "d/n").mkdir(parents=True)
    (out / "d/n/x").symlink_to(tmp_path / "secret")
    assert "leads out of the output folder" in _fault(out, d=FOLDER)
    assert not (tmp_path / "raw").exists()


def test_links_inside_of_the_folder_are_followed(out):
    (out / "real").write_text("1")
    (out / "x").symlink_to("real")
    (out / "d").mkdir()
    (out / "d/x").symlink_to("../real")
    found = _read(out, x=INTEGER, d=FOLDER)
    assert found["x"] == primitive(integer=1)
    assert (out.parent / "raw/d/x").read_text() == "1"
    assert not (out.parent / "raw/d/x").is_symlink()


def test_a_link_to_a_folder_above_ends(out):
    (out / "d").mkdir()
    (out / "d/x").write_text("1")
    (out / "d/loop").symlink_to("..")
    assert _read(out, d=FOLDER)["d"].scalar.blob.uri


@pytest.mark.parametrize("kind", [STRING, FILE])
def test_a_pipe_is_refused_without_waiting(kind, out):
    os.mkfifo(out / "x")
    assert "it is neither a file nor a folder" in _fault(out, x=kind)


def test_a_folder_is_no_simple_value(out):
    (out / "x").mkdir()
    assert "it is a folder" in _fault(out, x=STRING)


def test_an_empty_folder_is_an_empty_list_and_no_blob(out):
    (out / "l").mkdir()
    (out / "m").mkdir()
    found = _read(out, l=types.LiteralType(collection_type=FILE), m=types.LiteralType(map_value_type=FILE))
    assert found == {"l": collection(), "m": mapping()}
    (out / "d/n").mkdir(parents=True)
    assert "the folder is empty" in _fault(out, d=FOLDER)


def test_a_blob_has_the_dimensionality_that_is_on_disk(out):
    (out / "d.data").mkdir()
    (out / "d.data/x").write_text("1")
    (out / "f").write_text("1")
    found = _read(out, d=FILE, f=FOLDER)
    raw = out.parent / "raw"
    assert found == {"d": blob(f"{raw}/d", multipart=True), "f": blob(f"{raw}/f")}
    assert (raw / "d/x").read_text() == "1"


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "a:b", "a b", "é", "a%"])
def test_any_name_is_the_name_in_storage(name, out):
    (out / "d").mkdir()
    (out / "d" / name).write_text("1")
    (out / name).write_text("2")
    _read(out, {name: FILE, "d": FOLDER})
    assert (out.parent / "raw" / name).read_text() == "2"
    assert (out.parent / "raw/d" / name).read_text() == "1"


@pytest.mark.parametrize("names", [["0", "2"], ["a"], ["0", "1", "x"], ["0", "0.txt"]])
def test_a_list_has_every_index_and_nothing_else(names, out):
    (out / "l").mkdir()
    for name in names:
        (out / "l" / name).write_text("1")
    assert "variable [l[" in _fault(out, l=types.LiteralType(collection_type=INTEGER))


def test_items_may_have_extensions_and_keys_are_whole_names(out):
    for folder in ("l", "m"):
        (out / folder).mkdir()
        (out / folder / "0.txt").write_text("1")
    found = _read(out, l=types.LiteralType(collection_type=INTEGER), m=types.LiteralType(map_value_type=INTEGER))
    assert found == {"l": collection(primitive(integer=1)), "m": mapping({"0.txt": primitive(integer=1)})}


def test_two_names_of_one_key_are_refused(out):
    (out / "m").mkdir()
    (out / "m/a%2fb").write_text("1")
    (out / "m/a%2Fb").write_text("1")
    assert "two names in it stand for the key 'a/b'" in _fault(out, m=types.LiteralType(map_value_type=INTEGER))


def test_a_name_that_is_no_text_is_refused(out):
    (out / "m").mkdir()
    try:
        (out / "m" / os.fsdecode(b"\xff")).write_text("1")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    assert "is no text in UTF-8" in _fault(out, m=types.LiteralType(map_value_type=INTEGER))


def _json(out, kind, text):
    (out / "v.json").write_text(text)
    return _read(out, v=kind)["v"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (types.INTEGER, "9007199254740993", primitive(integer=9007199254740993)),
        (types.FLOAT, "1", primitive(float_value=1.0)),
        (types.FLOAT, "1e-7", primitive(float_value=1e-7)),
        (types.STRING, '" 1\\n"', primitive(string_value=" 1\n")),
        (types.BOOLEAN, "true", primitive(boolean=True)),
    ],
)
def test_lists_and_maps_may_stand_in_one_json_file(kind, text, value, out):
    assert _json(out, types.LiteralType(collection_type=simple(kind)), f"[{text}]\n") == collection(value)
    assert _json(out, types.LiteralType(map_value_type=simple(kind)), f'{{"../k": {text}}}') == mapping({"../k": value})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (types.INTEGER, "1.0"),
        (types.INTEGER, "true"),
        (types.INTEGER, "9" * 5000),
        (types.INTEGER, str(2**63)),
        (types.FLOAT, "NaN"),
        (types.FLOAT, '"1"'),
        (types.FLOAT, "1e999"),
        (types.BOOLEAN, "1"),
        (types.STRING, "1"),
        (types.STRING, '"\\ud800"'),
        (types.DATETIME, '"2024-01-02"'),
        (types.BINARY, '"%"'),
        (types.STRUCT, "[]"),
        (types.NONE, "0"),
    ],
)
def test_other_json_is_refused(kind, text, out):
    (out / "v").write_text(f"[{text}]")
    assert f"file {out}/v: " in _fault(out, v=types.LiteralType(collection_type=simple(kind)))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (types.INTEGER, '"two"', 'variable [v[1]], file {file}: expected a whole number, got the text "two"'),
        (types.INTEGER, "1.5", "expected a whole number, got the number 1.5"),
        (types.BOOLEAN, "1", "expected true or false, got the number 1"),
        (types.STRING, "true", "expected a text, got the boolean true"),
        (types.STRING, "null", "expected a text, got null"),
        (types.STRUCT, "[1]", "expected a JSON object, got an array"),
        (types.FLOAT, "{}", "expected a number, got an object"),
        (types.FLOAT, f'"{"x" * 100}"', "expected a number, got a long text"),
    ],
)
def test_other_json_is_named_in_plain_words(kind, text, message, out):
    (out / "v.json").write_text(f"[{_FITS[kind]}, {text}]")
    found = _fault(out, v=types.LiteralType(collection_type=simple(kind)))
    assert message.format(file=out / "v.json") in found


_FITS = {types.INTEGER: "1", types.BOOLEAN: "true", types.STRING: '"a"', types.FLOAT: "1.5", types.STRUCT: "{}"}


@pytest.mark.parametrize("text", ["", "[1", "[1] 2", "{}", "1"])
def test_what_is_no_json_array_is_no_list(text, out):
    (out / "v").write_text(text)
    assert "variable [v]" in _fault(out, v=types.LiteralType(collection_type=INTEGER))


def test_files_have_no_form_in_json(out):
    (out / "v").write_text('["/etc/passwd"]')
    assert "cannot stand in JSON" in _fault(out, v=types.LiteralType(collection_type=FILE))


def _tagged(kind, tag):
    return types.LiteralType(simple=kind, structure=types.TypeStructure(tag=tag))


def test_the_tag_of_a_unions_type_as_extension_chooses_it(out):
    kind = types.LiteralType(
        union_type=types.UnionType(variants=[_tagged(types.INTEGER, "int"), _tagged(types.STRING, "str")])
    )
    (out / "u.str").write_text("5")
    assert _read(out, u=kind)["u"].scalar.union.value == primitive(string_value="5")
    (out / "u.str").rename(out / "u")
    assert _read(out, u=kind)["u"].scalar.union.value == primitive(integer=5)


def test_a_union_that_nothing_fits_says_why(out):
    kind = types.LiteralType(union_type=types.UnionType(variants=[INTEGER, simple(types.NONE)]))
    (out / "u").write_text("five")
    message = _fault(out, u=kind)
    assert "it fits none of the union's 2 types" in message
    assert "expected a decimal integer" in message


def test_an_enum_takes_its_values_only(out):
    kind = types.LiteralType(enum_type=types.EnumType(values=["red", "green"]))
    (out / "e").write_text(" red\n")
    assert _read(out, e=kind)["e"] == primitive(string_value="red")
    (out / "e").write_text("blue")
    assert "expected one of 'red', 'green', got 'blue'" in _fault(out, e=kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(types.DATETIME, "2024-01-02T03:04:05"), (types.DURATION, "1:30:00"), (types.DATETIME, "2024-01-02 03:04:05.5\n")],
)
def test_local_runs_read_more_with_a_warning(kind, text, out):
    (out / "v").write_text(text)
    with pytest.raises(CopilotError):
        _read(out, v=simple(kind))
    with pytest.warns(UserWarning, match="refused on a cluster"):
        _read(out, lenient=True, v=simple(kind))


def test_references_are_read_where_nothing_is_uploaded(out):
    (out / "f").write_text("s3://bucket/f#1\n")
    (out / "x").write_text("1")
    found = _read(out, mode="DO_NOT_UPLOAD", f=FILE, x=INTEGER)
    assert found == {"f": blob("s3://bucket/f#1"), "x": primitive(integer=1)}
    assert not (out.parent / "raw").exists()
    (out / "f").write_text("/tmp/f")
    with pytest.raises(CopilotError, match="has to hold the URI"):
        _read(out, mode="DO_NOT_UPLOAD", f=FILE)


def test_nothing_is_stored_when_a_value_is_wrong(out):
    (out / "f").write_text("1")
    (out / "x").write_text("one")
    _fault(out, f=FILE, x=INTEGER)
    assert not (out.parent / "raw").exists()


def test_a_missing_folder_is_an_error_unless_nothing_is_declared(tmp_path):
    assert _read(tmp_path / "nothing") == {}
    assert "cannot be read" in _fault(tmp_path / "nothing", x=INTEGER)


def test_a_type_that_is_unknown_is_refused(out):
    (out / "x").write_text("1")
    assert "its declared type is nothing" in _fault(out, x=types.LiteralType())
