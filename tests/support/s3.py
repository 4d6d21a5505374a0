"""A real S3 protocol server for tests: moto's, in a process of its own, one for each pytest worker."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator

import attrs
import pytest

from flyte_core.storage.config import S3
from tests.support.ports import free_port

__all__ = ["S3Server", "free_port", "s3_server", "serve_s3"]

_KEY, _SECRET, _REGION = "testing", "testing-secret", "us-east-1"


@attrs.frozen(kw_only=True)
class S3Server:
    """A running server with one bucket.

    Args:
        port: its port on this machine.
        bucket: the bucket.
    """

    port: int
    bucket: str = "tests"

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def prefix(self) -> str:
        """The bucket's URL, without a slash at its end."""
        return f"s3://{self.bucket}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which any S3 client reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def config(self, **options: object) -> S3:
        """Give the configuration that reaches it, with other options."""
        values: dict[str, object] = {
            "endpoint": self.endpoint,
            "access_key_id": _KEY,
            "secret_access_key": _SECRET,
            "region": _REGION,
            **options,
        }
        return S3(**values)  # type: ignore[arg-type] # options of a test

    def client(self):
        """Give boto3's client, which goes another way than what is tested."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_SECRET,
            region_name=_REGION,
        )


#: It takes its port itself, so that nobody else can have it, and ends when its input does.
_PROGRAM = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def serve_s3() -> Iterator[S3Server]:
    """Start a server, and end it after the one step of this generator."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            if not port:
                log.seek(0)
                raise RuntimeError(f"moto's server does not start: {log.read().decode()[-2000:]}")
            server = S3Server(port=int(port))
            _make_bucket(server)
            yield server
        finally:
            process.kill()


def _make_bucket(server: S3Server) -> None:
    request = urllib.request.Request(f"{server.endpoint}/{server.bucket}", method="PUT")
    request.add_header("Authorization", f"AWS4-HMAC-SHA256 Credential={_KEY}/20200101/{_REGION}/s3/aws4_request")
    # Not by way of a proxy that the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=60).close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that speaks S3; tests share it, so each uses names of its own."""
    missing = [name for name in ("moto", "flask", "flask_cors") if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"could not import {', '.join(missing)}: pip install 'moto[s3,server]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield from serve_s3()


if __name__ == "__main__":  # for measurements: prints the port, and serves until its input ends
    for running in serve_s3():
        sys.stdout.write(f"{running.port}\n")
        sys.stdout.flush()
        sys.stdin.read()
