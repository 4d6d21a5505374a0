"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.s3 import S3Server, s3_server

__all__ = ["s3_server"]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the cache folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Give a function that makes URLs of a folder of the test's own: on this machine, and on an S3 server."""
    name = f"{request.node.name}".replace("[", "-").replace("]", "")
    if request.param == "local":
        base: Any = request.getfixturevalue("tmp_path")
        return lambda part: str(base / part)
    server: S3Server = request.getfixturevalue("s3_server")
    for key, value in server.environment.items():
        monkeypatch.setenv(key, value)
    return lambda part: f"{server.prefix}/frames/{name}/{part}"
