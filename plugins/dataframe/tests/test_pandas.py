"""What pandas has and the other frameworks have not: index, nullable types, names that are no texts."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import logging
from typing import Annotated, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine


def encode(value: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_literal(value, t, TypeEngine.to_literal_type(t)))


def decode(literal: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_python_value(literal, t))


def back(frame: pd.DataFrame, t: Any = pd.DataFrame) -> pd.DataFrame:
    return decode(encode(frame, t), t)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="k")),
        pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)], names=["k", None])),
        pd.DataFrame({"a": [1, 2]}, index=[5, 3]),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")}),
        pd.DataFrame({"a": pd.array(["x", None], dtype="string")}),
        pd.DataFrame({"a": pd.Categorical(["x", "y", "x"], categories=["y", "x"], ordered=True)}),
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01T00:00:00.123456789"]).tz_localize("Europe/Berlin")}),
        pd.DataFrame({"a": pd.to_timedelta([1], unit="ns")}),
        pd.DataFrame({"a": pd.period_range("2020-01", periods=2, freq="M")}),
        pd.DataFrame([[1, 2]], columns=[0, 1]),
        pd.DataFrame([[1]], columns=pd.to_datetime(["2020-01-01"])),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
        pd.DataFrame({"a": [None, None]}),
        pd.DataFrame(),
    ],
    ids=lambda frame: f"{frame.columns.tolist()} {[str(t) for t in frame.dtypes]} {type(frame.index).__name__}",
)
def test_frames_survive_as_in_pandas_own_parquet(frame):
    pd.testing.assert_frame_equal(back(frame), frame)


def test_the_index_comes_with_a_subset_of_columns():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=pd.Index(["x", "y"], name="k"))
    found = decode(encode(frame, pd.DataFrame), Annotated[pd.DataFrame, {"b": int}])
    pd.testing.assert_frame_equal(found, frame[["b"]])


def test_the_index_of_pieces_is_kept():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="k"))
    pieces = list(decode(encode(frame, pd.DataFrame), DataFrame).open(pd.DataFrame).iter_sync())
    pd.testing.assert_frame_equal(pieces[0], frame)


def test_csv_says_that_an_index_is_lost(caplog):
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    with caplog.at_level(logging.WARNING, "flyte_core"):
        found = back(frame, Annotated[pd.DataFrame, "csv"])
    assert "reset_index" in caplog.text
    assert list(found["a"]) == [1, 2]


def test_durations_come_back_from_csv_where_they_are_declared():
    t = Annotated[pd.DataFrame, "csv", {"a": dt.timedelta}]
    assert back(pd.DataFrame({"a": pd.to_timedelta(["1 days"])}), t)["a"][0] == pd.Timedelta(days=1)


def test_names_that_are_the_same_as_texts_are_refused():
    with pytest.raises(TypeTransformerFailedError, match="several columns named '1'"):
        back(pd.DataFrame([[1, 2]], columns=[1, "1"]))


class Own(pd.DataFrame):
    """A derived class, as geopandas has one."""


def test_a_derived_class_is_stored_as_its_base():
    literal = encode(DataFrame.from_df(Own({"a": [1]})), DataFrame)
    assert type(decode(literal, pd.DataFrame)) is pd.DataFrame
    with pytest.raises(TypeTransformerFailedError, match=r"its base pandas.* can be; read that"):
        decode(literal, Own)


COLUMNS = st.one_of(
    st.just(("int64", st.integers(-(2**63), 2**63 - 1))),
    st.just(("float64", st.floats(allow_nan=True))),
    st.just(("bool", st.booleans())),
    st.just(("str", st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))))),
    st.just(("Int64", st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)))),
    st.just(("boolean", st.one_of(st.none(), st.booleans()))),
    st.just(("datetime64[ns, UTC]", st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))),
    st.just(("timedelta64[ns]", st.timedeltas(dt.timedelta(days=-(10**4)), dt.timedelta(days=10**4)))),
    st.just(("category", st.sampled_from(["x", "y", "z"]))),
    st.just(("object", st.one_of(st.none(), st.binary()))),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)


@st.composite
def frames(draw) -> pd.DataFrame:
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    columns = {}
    for name in names:
        dtype, values = draw(COLUMNS)
        data = draw(st.lists(values, min_size=rows, max_size=rows))
        if dtype.startswith("datetime64"):
            columns[name] = pd.Series(pd.to_datetime(data, utc=True)).astype(dtype)
        else:
            columns[name] = pd.Series(data, dtype=dtype)
    return pd.DataFrame(columns)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_any_frame_comes_back_as_it_was(frame):
    """Without rows as from pandas' own Parquet, which forgets the types of empty categories and indexes."""
    expected = frame if len(frame) else pd.read_parquet(io.BytesIO(frame.to_parquet()))
    pd.testing.assert_frame_equal(back(frame), expected)
