"""flyte_core.storage.local_engine: local files as the protocol of engines wants them."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import InvalidValueError, StorageIntegrityError, StorageNotFoundError
from flyte_core.storage.engine import Engine, Transfer
from flyte_core.storage.engines import transfer_for


@pytest.fixture
def engine() -> Engine:
    return storage.engine_for("/tmp")


def test_an_upload_and_a_download_tell_their_progress(engine: Engine, tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 1)
    (tmp_path / "a").write_bytes(content)
    counts: list[int] = []
    transfer = Transfer(on_progress=counts.append)
    asyncio.run(engine.upload(tmp_path / "a", str(tmp_path / "b"), transfer, {"name": "is not kept"}))
    assert sum(counts) == len(content)
    counts.clear()
    draft = io.BytesIO()
    asyncio.run(engine.download(storage.info_sync(tmp_path / "b"), draft, transfer))
    assert draft.getvalue() == content
    assert sum(counts) == len(content)


def test_a_file_that_has_another_length_than_it_had_is_refused(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    info = storage.info_sync(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(StorageIntegrityError, match="1 bytes could be read, 3 were announced"):
        asyncio.run(engine.download(info, io.BytesIO(), Transfer()))


def test_a_handle_is_committed_or_discarded(engine: Engine, tmp_path: Path) -> None:
    url = str(tmp_path / "new" / "a")
    kept = engine.open_write(url, Transfer())
    assert kept.write(b"123") == 3
    assert not storage.exists_sync(url)
    kept.commit()
    kept.discard()
    lost = engine.open_write(url, Transfer())
    lost.write(b"other")
    lost.discard()
    lost.discard()
    handle = engine.open_read(url, Transfer())
    assert handle.seek(1) == handle.tell() == 1
    assert handle.read() == b"23"
    handle.close()
    assert os.listdir(tmp_path / "new") == ["a"]
    asyncio.run(engine.delete(url))
    with pytest.raises(StorageNotFoundError):
        asyncio.run(engine.info(url))


def test_the_file_that_the_system_makes_up_is_read_to_its_end(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has files of that kind")
    storage.get_sync("/proc/version", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == Path("/proc/version").read_bytes() != b""


@pytest.mark.parametrize("given", [{"chunk_size": 0}, {"max_concurrency": 0}, {"chunk_size": -1}])
def test_settings_of_nothing_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(InvalidValueError, match="at least 1"):
        transfer_for("/tmp/a", **given)


def test_given_settings_go_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_CORE_STORAGE_CONCURRENCY", "3")
    assert transfer_for("s3://bucket/a").concurrency == 3
    assert transfer_for("s3://bucket/a", max_concurrency=2).concurrency == 2
    assert transfer_for("s3://bucket/a", chunk_size=7 * 2**20).part_size == 7 * 2**20


def test_local_transfers_load_neither_fsspec_nor_obstore_nor_rich(tmp_path: Path) -> None:
    code = """if True:
        import asyncio, sys
        from flyte_core import storage
        path = storage.write_bytes_sync(sys.argv[1] + "/a", b"1")
        storage.get_sync(storage.put_sync(path))
        asyncio.run(storage.get(path))
        with storage.open_sync(path) as file:
            file.read()
        storage.list_files_sync(sys.argv[1])
        assert not {"fsspec", "obstore", "rich", "tenacity"} & set(sys.modules), sorted(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
