"""CoPilot with a server that speaks the S3 protocol."""

from __future__ import annotations

import json

import pytest
from flyte_core_container.copilot.control import Control
from flyte_core_container.copilot.errors import CopilotError
from flyte_core_container.copilot.flags import apply_settings
from flyte_core_container.copilot.operations import Download, Upload
from flyteidl2.core import execution_pb2
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types

from ._values import blob, declared, primitive, scalar

FOLDER = types.LiteralType(blob=types.BlobType(dimensionality=1))


@pytest.fixture(scope="module")
def server():
    moto = pytest.importorskip("moto.server", reason="needs moto[server]")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(server):
    from flyte_core.storage.config import use_storage

    apply_settings(
        {
            "storage.stow.config": [f"endpoint={server}", "access_key_id=a,secret_key=b", "region=us-east-1"],
            "storage.stow.kind": ["s3"],
        }
    )
    boto3 = pytest.importorskip("boto3")
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    client.create_bucket(Bucket="copilot")
    yield client
    for found in client.list_objects_v2(Bucket="copilot").get("Contents", ()):
        client.delete_object(Bucket="copilot", Key=found["Key"])
    use_storage(None)


def _put(s3, **objects):
    for key, body in objects.items():
        s3.put_object(Bucket="copilot", Key=key, Body=body)


def _inputs(s3, **literals):
    _put(s3, **{"inputs.pb": lit.LiteralMap(literals=literals).SerializeToString()})


def _download(tmp_path):
    job = Download(
        from_remote="s3://copilot/inputs.pb", to_local_dir=tmp_path / "in", to_output_prefix="s3://copilot/meta"
    )
    job.run(Control(60))


def _get(s3, key):
    return s3.get_object(Bucket="copilot", Key=key)["Body"].read()


def test_blobs_come_and_go_under_any_name(s3, tmp_path):
    names = ("x%20?#:y", "n/é b")
    _put(s3, **{f"data/{name}": name.encode() for name in names}, **{"data2/z": b"other", "g%2F.fa": b"ACGT"})
    literals = {
        "d": blob("s3://copilot/data", multipart=True),
        "f": blob("s3://copilot/g%2F.fa"),
        "t": scalar(structured_dataset=lit.StructuredDataset(uri="s3://copilot/data2")),
    }
    _inputs(s3, **literals)
    _download(tmp_path)
    found = {str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*") if path.is_file()}
    assert found == {"d/x%20?#:y", "d/n/é b", "f", "t/z", "inputs.json", "inputs.pb"}
    outputs = declared(d=FOLDER, f=types.LiteralType(blob=types.BlobType()))
    job = Upload(
        from_local_dir=tmp_path / "in",
        to_output_prefix="s3://copilot/meta",
        to_raw_output="s3://copilot/raw",
        outputs=outputs,
    )
    job.run(Control(60))
    assert [_get(s3, f"raw/d/{name}") for name in names] == [name.encode() for name in names]
    assert _get(s3, "raw/f") == b"ACGT"
    literals = lit.LiteralMap.FromString(_get(s3, "meta/outputs.pb")).literals
    assert {key: literals[key].scalar.blob.uri for key in literals} == {
        "d": "s3://copilot/raw/d",
        "f": "s3://copilot/raw/f",
    }


@pytest.mark.parametrize("multipart", [True, False])
def test_a_prefix_is_no_beginning_of_another_name(multipart, s3, tmp_path):
    _put(s3, **{"data2/z": b"other"})
    _inputs(s3, d=blob("s3://copilot/data", multipart=multipart))
    with pytest.raises(CopilotError, match=r"variable \[d\]"):
        _download(tmp_path)
    error = execution_pb2.ErrorDocument.FromString(_get(s3, "meta/error.pb")).error
    assert error.code == "InputDownloadFailed"
    assert "s3://copilot/data" in error.message


def test_an_offloaded_literal_is_read_from_the_store(s3, tmp_path):
    _put(s3, offloaded=primitive(integer=7).SerializeToString())
    metadata = lit.LiteralOffloadedMetadata(uri="s3://copilot/offloaded")
    _inputs(s3, x=lit.Literal(offloaded_metadata=metadata))
    _download(tmp_path)
    assert json.loads((tmp_path / "in/inputs.json").read_text()) == {"x": 7}
