import base64
import gzip
import json
import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import ActionID, ImageCache, RawDataPath, SerializationContext, TaskContext


def context(**changes):
    given = {
        "action": ActionID(name="a"),
        "version": "v",
        "raw_data_path": RawDataPath(path="s3://b"),
        "output_path": "o",
        "run_base_dir": "r",
        "report": None,
    }
    return TaskContext(**{**given, **changes})


@given(st.dictionaries(st.text(), st.text()))
def test_an_image_cache_survives_the_command_line(lookup):
    cache = ImageCache(lookup)
    back = ImageCache.from_transport(cache.to_transport)
    assert back.image_lookup == lookup
    assert back.to_transport == cache.to_transport


def test_an_image_cache_is_gzipped_json_of_its_lookup():
    text = ImageCache(image_lookup={"basics": "reg/app:built"}).to_transport
    assert json.loads(gzip.decompress(base64.b64decode(text))) == {"image_lookup": {"basics": "reg/app:built"}}


def test_the_form_that_was_read_is_handed_on():
    assert ImageCache({}, serialized_form="as it was").to_transport == "as it was"


@pytest.mark.parametrize("seed", ["0", "12345"])
def test_the_same_cache_is_the_same_text_in_every_process(seed):
    code = "from flyte_core.models import ImageCache; print(ImageCache({'b': '2', 'a': '1'}).to_transport)"
    env = {**os.environ, "PYTHONHASHSEED": seed}
    got = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True, text=True)
    assert got.stdout.strip() == ImageCache({"a": "1", "b": "2"}).to_transport


def packed(content):
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "AAAA",
        base64.b64encode(b"plain").decode(),
        packed(b"x"),
        packed(b"[]"),
        packed(b"{}"),
        packed(b"\xff"),
        packed(b'{"image_lookup": []}'),
        packed(b"{}")[:-8],
    ],
)
def test_a_text_that_is_no_image_cache_is_refused(text):
    with pytest.raises(InvalidValueError, match="ImageCache"):
        ImageCache.from_transport(text)


def test_a_serialization_context_takes_its_version_by_position():
    sctx = SerializationContext("v1", project="p")
    assert (sctx.version, sctx.project, sctx.input_path, sctx.output_path) == (
        "v1",
        "p",
        "{{.input}}",
        "{{.outputPrefix}}",
    )
    sctx.domain = "d"
    assert pickle.loads(pickle.dumps(sctx)) == sctx == SerializationContext("v1", "p", "d")


@pytest.mark.parametrize(
    ("given", "path"),
    [(None, "/opt/venv/bin/runtime.py"), ("/usr/bin/python", "/usr/bin/runtime.py"), ("", "runtime.py")],
)
def test_the_entry_point_is_beside_the_interpreter(given, path):
    assert SerializationContext("v").get_entrypoint_path(given) == path


def test_a_task_context_merges_its_data():
    one = context(data={"a": 1, "b": 1})
    two = one.replace(data={"b": 2}, version="w")
    assert (two.data, two.version, two.action) == ({"a": 1, "b": 2}, "w", one.action)
    assert (one.data, one.version) == ({"a": 1, "b": 1}, "v")
    assert one.replace(data=None).data == one.data
    assert (two["b"], two["nothing"]) == (2, None)


def test_a_task_context_has_the_fields_it_has():
    with pytest.raises(InvalidTypeError, match="colour"):
        context().replace(colour="red")
    with pytest.raises(AttributeError):
        context().version = "w"


@pytest.mark.parametrize(("mode", "expected"), [("remote", True), ("local", False), ("hybrid", False)])
def test_only_a_remote_task_is_in_a_cluster(mode, expected):
    assert context(mode=mode).is_in_cluster() is expected
    assert context().is_in_cluster()
