"""Where files lie: what counts as a part of a table, and what happens when the disk is full."""

from __future__ import annotations

import asyncio
import errno
import os
from concurrent.futures import wait
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from flyte_core_dataframe import places

from flyte_core.errors import StorageError, StorageNotFoundError
from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine

TABLE = pa.table({"a": range(1000)})
FRAMES = {
    "pandas": TABLE.to_pandas(),
    "polars": pl.from_arrow(TABLE),
    "lazy": pl.from_arrow(TABLE).lazy(),
    "arrow": TABLE,
}


def store(frame: Any, uri: str, form: str) -> None:
    t = Annotated[DataFrame, form]
    asyncio.run(TypeEngine.to_literal(DataFrame.from_df(frame, uri=uri), t, TypeEngine.to_literal_type(t)))


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("library", FRAMES)
def test_a_full_disk_is_an_error_of_the_storage_that_leaves_nothing(library, form, tmp_path, monkeypatch):
    whole = places._Sink.write

    def full(self, data):
        self._file = _Full(self._url)
        return whole(self, data)

    monkeypatch.setattr(places._Sink, "write", full)
    with pytest.raises(StorageError, match=r"cannot write .*/t/\w+.*No space left"):
        store(FRAMES[library], str(tmp_path / "t"), form)
    assert os.listdir(tmp_path / "t") == []


class _Full:
    def __init__(self, url: str) -> None:
        self._url = url

    def write(self, data: bytes) -> int:
        raise StorageError(self._url, "write", os.strerror(errno.ENOSPC))

    def tell(self) -> int:
        return 0


def test_what_the_disk_says_between_is_not_lost(tmp_path, monkeypatch):
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write() -> None:
        with places.writing(str(tmp_path), "parquet") as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            file.write(b"data")
            wait(file._syncs)

    monkeypatch.setattr(places, "_SYNC_AFTER", 1)
    with pytest.raises(StorageError, match="Input/output error"):
        write()
    assert os.listdir(tmp_path) == []


def test_an_exception_in_the_middle_leaves_nothing(tmp_path):
    def write() -> None:
        with places.writing(str(tmp_path), "parquet") as file:
            file.write(b"data")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert os.listdir(tmp_path) == []


def test_notes_of_other_programs_are_no_part_of_a_table(tmp_path):
    for name in ("k=_a/00000", "_SUCCESS", ".part.crc", "_temporary/0/x", "b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert places.files_below(str(tmp_path)) == [str(tmp_path / "b"), str(tmp_path / "k=_a" / "00000")]
    assert places.files_below(f"file://{tmp_path}") == places.files_below(str(tmp_path))


def test_a_folder_without_a_part_is_no_table(tmp_path):
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(StorageNotFoundError, match="no file of one"):
        DataFrame(uri=str(tmp_path), format="csv").open(pd.DataFrame).all_sync()


def test_the_file_system_for_arrow_only_reads():
    handler = places._Handler("s3")
    assert handler == places._Handler("s3")
    assert handler != places._Handler("gs")
    assert len({handler, places._Handler("s3")}) == 1
    assert handler.get_type_name() == "flyte_core.storage"
    with pytest.raises(NotImplementedError):
        handler.delete_file("x")
