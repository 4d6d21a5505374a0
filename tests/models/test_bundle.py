import pathlib
import pickle

import pytest

from flyte_core.errors import InvalidValueError
from flyte_core.models import CodeBundle


def test_a_bundle_is_an_archive_or_a_pickle():
    with pytest.raises(InvalidValueError, match="tgz"):
        CodeBundle(computed_version="c")
    assert CodeBundle(computed_version="c", pkl="p").destination == "."


def test_a_bundle_is_given_by_name():
    with pytest.raises(TypeError):
        CodeBundle("c", tgz="t")


def test_downloading_gives_another_bundle():
    bundle = CodeBundle(computed_version="c", tgz="t", destination="/app")
    downloaded = bundle.with_downloaded_path(pathlib.Path("/here"))
    assert (downloaded.downloaded_path, downloaded.tgz, downloaded.destination) == (pathlib.Path("/here"), "t", "/app")
    assert bundle.downloaded_path is None
    assert pickle.loads(pickle.dumps(downloaded)) == downloaded
    assert len({bundle, downloaded, CodeBundle(computed_version="c", tgz="t", destination="/app")}) == 2
