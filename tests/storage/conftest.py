"""Fixtures of the tests of remote storage."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator

import pytest

from flyte_core.storage.config import S3, use_storage
from tests.support.faults import FaultyProxy, faulty
from tests.support.s3 import S3Server

__all__ = ["faulty"]


@pytest.fixture(autouse=True)
def _own_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the environment's credentials, and no configuration left behind."""
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_CA_BUNDLE",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    use_storage(None)
    yield
    use_storage(None)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """URL of an empty prefix on the S3 server, which is reached by it."""
    use_storage(s3_server.config())
    return f"{s3_server.prefix}/{secrets.token_hex(6)}"


@pytest.fixture
def reach(s3_server: S3Server, faulty: FaultyProxy) -> Callable[..., str]:
    """Reaches the S3 server by way of the proxy, with quick repetitions; gives the URL of an empty prefix."""

    def by_proxy(**options: object) -> str:
        settings: dict[str, object] = {
            "endpoint": f"http://127.0.0.1:{faulty.port}",
            "backoff": dt.timedelta(milliseconds=20),
            "part_size": 5 * 2**20,
            **options,
        }
        config: S3 = s3_server.config(**settings)
        use_storage(config)
        return f"{s3_server.prefix}/{secrets.token_hex(6)}"

    return by_proxy
