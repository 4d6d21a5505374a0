"""Names that one side can have and the other cannot: refused before anything is sent, decoded where they are escaped."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core import storage
from flyte_core.errors import StorageError, UnsafePathError
from flyte_core.storage.paths import object_name_fault, printable

BAD = ["new\nline", "tab\there", "bell\x07", "delete\x7f"]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_no_object_can_have_is_told_before_the_first_file_is_sent(bucket, tmp_path, name):
    root = tmp_path / "tree"
    (root / "deep").mkdir(parents=True)
    for other in ("a", "b", "z", f"deep/{name}"):
        (root / other).write_text("x")
    with pytest.raises(UnsafePathError) as told:
        storage.put_sync(root, f"{bucket}/tree", recursive=True)
    text = str(told.value)
    assert f"{bucket}/tree/deep/{printable(name)}" in text
    assert f"rename the file {root}/deep/{printable(name)}" in text
    assert "\n" not in text
    assert not storage.exists_sync(f"{bucket}/tree")


def test_all_names_that_no_object_can_have_are_told_together(bucket, tmp_path):
    for name in BAD:
        (tmp_path / name).write_text("x")
    with pytest.raises(UnsafePathError, match="4 of 4 files failed"):
        storage.put_sync(tmp_path, f"{bucket}/tree", recursive=True)


def test_a_single_file_of_such_a_name_is_refused_too(bucket, tmp_path):
    file = tmp_path / "new\nline.txt"
    file.write_text("x")
    with pytest.raises(UnsafePathError, match="rename the file"):
        storage.put_sync(file, f"{bucket}/")


@pytest.mark.parametrize("name", ["a\nb", "a//b", "a/../b", "./a", "a/.", "x\udcff"])
@pytest.mark.parametrize(
    "use",
    [
        storage.read_bytes_sync,
        functools.partial(storage.write_bytes_sync, data=b"x"),
        storage.exists_sync,
        storage.list_files_sync,
        storage.delete_sync,
        functools.partial(storage.delete_sync, recursive=True),
    ],
    ids=["read", "write", "exists", "list", "delete", "delete below"],
)
def test_a_url_with_such_a_name_is_one_of_our_errors(bucket, use, name):
    with pytest.raises(UnsafePathError, match="another name is needed") as told:
        use(f"{bucket}/{name}")
    assert str(told.value).isprintable()


@given(st.text(max_size=12))
def test_a_name_is_refused_as_the_client_library_refuses_it(name):
    obstore = pytest.importorskip("obstore")
    try:
        obstore.put(obstore.store.MemoryStore(), name.strip("/"), b"")
    except ValueError:
        assert object_name_fault(name.strip("/")) is not None
    except obstore.exceptions.BaseError:  # the empty name: the root itself
        assert not name.strip("/")
    else:
        assert object_name_fault(name.strip("/")) is None


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Not to the test's output."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server that lists its folders as HTML; its folder is ``site``."""
    root = tmp_path / "site"
    (root / "sub" / "deep").mkdir(parents=True)
    for name in ("b&c.txt", "new\nline.txt", "ä ö.txt", "50%25.txt", "deep/[1].csv"):
        (root / "sub" / name).write_text(name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_names_of_a_web_listing_are_decoded_for_local_files(site, tmp_path):
    storage.get_sync(f"{site}/sub", tmp_path / "got", recursive=True)
    found = {
        path.relative_to(tmp_path / "got").as_posix(): path.read_text() for path in (tmp_path / "got").rglob("*.*")
    }
    names = ["b&c.txt", "new\nline.txt", "ä ö.txt", "50%25.txt", "deep/[1].csv"]
    assert found == {name: name for name in names}


def test_the_name_of_a_single_web_file_is_decoded_too(site, tmp_path):
    assert storage.get_sync(f"{site}/sub/b%26c.txt", f"{tmp_path}/") == f"{tmp_path}/b&c.txt"
    assert Path(storage.get_sync(f"{site}/sub/b%26c.txt")).name == "b&c.txt"


def test_names_of_objects_stay_as_they_are(bucket, tmp_path):
    storage.write_bytes_sync(f"{bucket}/tree/b%26c.txt", b"x")
    storage.get_sync(f"{bucket}/tree", tmp_path / "got", recursive=True)
    assert (tmp_path / "got" / "b%26c.txt").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["%2e%2e%2fout", "..%2Fout", "%2fetc", "a%00b"])
def test_a_decoded_name_that_leads_out_is_refused(monkeypatch, tmp_path, name):
    from flyte_core.storage import folders
    from flyte_core.storage.engine import ObjectInfo

    with pytest.raises(StorageError):
        folders._plan("http://host/sub", tmp_path, [ObjectInfo(url=f"http://host/sub/{name}")])
