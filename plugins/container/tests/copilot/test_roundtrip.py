"""What was written as an input is read as an output of the same type."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from flyte_core_container.copilot.inputs import InputWriter
from flyte_core_container.copilot.names import decode_key, encode_key
from flyte_core_container.copilot.outputs import OutputReader
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from ._values import blob, collection, declared, mapping, primitive, scalar, simple

_COLORS = types.LiteralType(enum_type=types.EnumType(values=["red", "light green", ""]))


def _back(literal, kind):
    with tempfile.TemporaryDirectory() as folder:
        InputWriter(directory=Path(folder) / "in", format="PROTO").write({"v": literal})
        reader = OutputReader(directory=Path(folder) / "in", raw_prefix=f"{folder}/raw")
        return reader.read(declared(v=kind))["v"]


def _generic(value):
    struct = Struct()
    struct.update(value)
    return scalar(generic=struct)


_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text().filter(lambda text: not text.endswith("\n"))
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
_SCALARS = st.one_of(
    st.tuples(st.integers(-(2**63), 2**63 - 1).map(lambda v: primitive(integer=v)), st.just(simple(types.INTEGER))),
    st.tuples(st.floats(allow_nan=False).map(lambda v: primitive(float_value=v)), st.just(simple(types.FLOAT))),
    st.tuples(_TEXTS.map(lambda v: primitive(string_value=v)), st.just(simple(types.STRING))),
    st.tuples(st.booleans().map(lambda v: primitive(boolean=v)), st.just(simple(types.BOOLEAN))),
    st.tuples(
        st.builds(Timestamp, seconds=st.integers(-62135596800, 253402300799), nanos=st.integers(0, 999_999_999)).map(
            lambda v: primitive(datetime=v)
        ),
        st.just(simple(types.DATETIME)),
    ),
    st.tuples(
        st.builds(
            lambda sign, seconds, nanos: Duration(seconds=sign * seconds, nanos=sign * nanos),
            st.sampled_from([1, -1]),
            st.integers(0, 315_575_999_999),
            st.integers(0, 999_999_999),
        ).map(lambda v: primitive(duration=v)),
        st.just(simple(types.DURATION)),
    ),
    st.tuples(st.just(scalar(none_type=lit.Void())), st.just(simple(types.NONE))),
    st.tuples(
        st.binary().map(lambda v: scalar(binary=lit.Binary(value=v, tag="msgpack"))), st.just(simple(types.BINARY))
    ),
    st.tuples(_TEXTS.map(lambda v: scalar(error=types.Error(message=v))), st.just(simple(types.ERROR))),
    st.tuples(st.dictionaries(st.text(), _JSON, max_size=3).map(_generic), st.just(simple(types.STRUCT))),
    st.tuples(st.sampled_from(["red", "light green", ""]).map(lambda v: primitive(string_value=v)), st.just(_COLORS)),
)


@given(_SCALARS)
@settings(deadline=None)
def test_every_scalar_comes_back(pair):
    literal, kind = pair
    assert _back(literal, kind) == literal


_KEYS = st.text(max_size=20).filter(
    lambda key: "\0" not in key and not key.startswith("/") and ".." not in key.split("/")
)


@given(_SCALARS, st.integers(0, 12))
@settings(deadline=None)
def test_every_collection_comes_back(pair, count):
    literal, kind = pair
    value = collection(*[literal] * count)
    assert _back(value, types.LiteralType(collection_type=kind)) == value


@given(_SCALARS, st.lists(_KEYS, max_size=5))
@settings(deadline=None)
def test_every_map_comes_back(pair, keys):
    literal, kind = pair
    value = mapping(dict.fromkeys(keys, literal))
    assert _back(value, types.LiteralType(map_value_type=kind)) == value


@given(_KEYS)
def test_every_key_comes_back(key):
    name = encode_key(key)
    assert decode_key(name) == key
    assert name
    assert "/" not in name
    assert name not in (".", "..")


def test_nan_comes_back():
    assert math.isnan(_back(primitive(float_value=math.nan), simple(types.FLOAT)).scalar.primitive.float_value)


def _union(value, variant):
    return scalar(union=lit.Union(value=value, type=variant))


_OPTIONAL = [simple(types.NONE), simple(types.INTEGER), simple(types.STRING)]


@pytest.mark.parametrize(
    ("value", "variant"),
    [
        (scalar(none_type=lit.Void()), _OPTIONAL[0]),
        (primitive(integer=5), _OPTIONAL[1]),
        (primitive(string_value="five"), _OPTIONAL[2]),
        (primitive(string_value=""), _OPTIONAL[2]),
    ],
)
def test_a_union_comes_back_as_the_first_type_that_takes_its_text(value, variant):
    kind = types.LiteralType(union_type=types.UnionType(variants=reversed(_OPTIONAL)))
    assert _back(_union(value, variant), kind) == _union(value, variant)


def test_a_union_of_folders_and_values_comes_back():
    listed = types.LiteralType(collection_type=simple(types.INTEGER))
    kind = types.LiteralType(union_type=types.UnionType(variants=[simple(types.STRING), listed]))
    value = _union(collection(primitive(integer=1)), listed)
    assert _back(value, kind) == value
    assert _back(_union(primitive(string_value="1"), simple(types.STRING)), kind).scalar.union.type == simple(
        types.STRING
    )


def test_a_dataclass_as_messagepack_comes_back():
    value = scalar(binary=lit.Binary(value=b"\x81\xa1a\x01", tag="msgpack"))
    assert _back(value, simple(types.STRUCT)) == value


def _files(uri):
    path = Path(uri)
    if path.is_file():
        return path.read_bytes()
    return {str(found.relative_to(path)): found.read_bytes() for found in path.rglob("*") if found.is_file()}


def _dataset(uri):
    column = types.StructuredDatasetType.DatasetColumn(name="a", literal_type=simple(types.INTEGER))
    kind = types.StructuredDatasetType(format="parquet", columns=[column])
    metadata = lit.StructuredDatasetMetadata(structured_dataset_type=kind)
    return scalar(structured_dataset=lit.StructuredDataset(uri=uri, metadata=metadata)), types.LiteralType(
        structured_dataset_type=kind
    )


def _schema(uri):
    kind = types.SchemaType(columns=[types.SchemaType.SchemaColumn(name="a", type=0)])
    return scalar(schema=lit.Schema(uri=uri, type=kind)), types.LiteralType(schema=kind)


def _blob(uri, multipart):
    return blob(uri, multipart=multipart, format="csv"), types.LiteralType(
        blob=types.BlobType(format="csv", dimensionality=int(multipart))
    )


@pytest.mark.parametrize(
    ("make", "source"),
    [
        (lambda uri: _blob(uri, False), "tree/a b%?#:.csv"),
        (lambda uri: _blob(uri, True), "tree"),
        (_dataset, "tree"),
        (_dataset, "tree/n/x"),
        (_schema, "tree"),
    ],
    ids=["blob", "multipart blob", "dataset of many objects", "dataset of one", "schema"],
)
@pytest.mark.parametrize("nesting", ["alone", "collection", "map"])
def test_what_lies_in_storage_comes_back_with_its_content(make, source, nesting, tmp_path):
    (tmp_path / "tree/n").mkdir(parents=True)
    (tmp_path / "tree/a b%?#:.csv").write_text("a")
    (tmp_path / "tree/n/x").write_bytes(b"\0\xff")
    literal, kind = make(str(tmp_path / source))
    if nesting == "collection":
        literal, kind = collection(literal, literal), types.LiteralType(collection_type=kind)
    elif nesting == "map":
        literal, kind = mapping({"a/b?#%:": literal}), types.LiteralType(map_value_type=kind)
    InputWriter(directory=tmp_path / "in").write({"v": literal})
    found = OutputReader(directory=tmp_path / "in", raw_prefix=str(tmp_path / "raw")).read(declared(v=kind))["v"]
    assert _without_uris(found) == _without_uris(literal)
    uris = _uris(found)
    assert all(uri.startswith(str(tmp_path / "raw")) for uri in uris)
    assert [_files(uri) for uri in uris] == [_files(str(tmp_path / source))] * len(uris)


def _references(literal):
    kind = literal.WhichOneof("value")
    if kind == "collection":
        for item in literal.collection.literals:
            yield from _references(item)
    elif kind == "map":
        for key in literal.map.literals:
            yield from _references(literal.map.literals[key])
    else:
        yield getattr(literal.scalar, literal.scalar.WhichOneof("value"))


def _uris(literal):
    return [reference.uri for reference in _references(literal)]


def _without_uris(literal):
    copy = lit.Literal()
    copy.CopyFrom(literal)
    for reference in _references(copy):
        reference.uri = ""
    return copy
