"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.dists import site, site_maker
from tests.support.s3 import s3_server

__all__ = ["s3_server", "site", "site_maker"]

# How long an example takes says what else the machine does; the measurements are in the benchmarks.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", _UNTIMED)
settings.register_profile("brief", _UNTIMED, max_examples=25)
settings.load_profile(os.environ.get("FLYTE_CORE_TEST_PROFILE", "full"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the cache folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """In CI, make a test fail that an absent package would skip: there every package is to be had."""
    report = yield
    reason = str(report.longrepr)
    if os.environ.get("CI") == "true" and report.skipped and "could not import" in reason:
        report.outcome, report.longrepr = "failed", f"skipped in CI: {reason}"
    return report
