import pathlib
import random

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import PathRewrite, RawDataPath


def test_a_rewrite_is_read_from_a_text():
    rewrite = PathRewrite.from_str("s3://bucket->/mnt/bucket")
    assert rewrite == PathRewrite("s3://bucket", "/mnt/bucket")
    assert repr(rewrite) == "s3://bucket->/mnt/bucket"


@pytest.mark.parametrize("pattern", ["", "a", "a->", "->b", "a->a", "a->b->c"])
def test_a_rewrite_from_nothing_to_nothing_or_to_itself_is_refused(pattern):
    with pytest.raises(InvalidValueError, match="PathRewrite"):
        PathRewrite.from_str(pattern)


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_a_local_folder_is_made(tmp_path, kind):
    folder = tmp_path / "a" / "b"
    assert RawDataPath.from_local_folder(kind(folder)).path == str(folder)
    assert folder.is_dir()


def test_a_url_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert RawDataPath.from_local_folder("s3://bucket/raw").path == "s3://bucket/raw"
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_a_new_one_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, two = (RawDataPath.from_local_folder().path for _ in range(2))
    assert one != two
    assert pathlib.Path(one).is_dir()


def test_a_folder_of_another_type_is_refused():
    with pytest.raises(InvalidTypeError, match="local_folder"):
        RawDataPath.from_local_folder(5)


@pytest.mark.parametrize(("base", "prefix"), [("s3://b/raw", "s3://b/raw/"), ("s3://b/raw/", "s3://b/raw/")])
def test_a_random_path_is_below_the_url(base, prefix):
    path = RawDataPath(path=base).get_random_remote_path("a.txt")
    assert path.startswith(prefix)
    assert path.endswith("/a.txt")
    assert RawDataPath(path=base).get_random_remote_path().count("/") == path.count("/") - 1


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("name", [None, "a.txt"])
def test_a_random_local_path_can_be_written(tmp_path, scheme, name):
    path = pathlib.Path(RawDataPath(path=f"{scheme}{tmp_path}/new").get_random_remote_path(name))
    path.write_text("x")
    assert tmp_path in path.parents


def test_a_seeded_task_does_not_write_over_its_own_files():
    def path():
        random.seed(1)
        return RawDataPath(path="s3://b").get_random_remote_path()

    assert path() != path()
