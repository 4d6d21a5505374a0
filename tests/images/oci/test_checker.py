"""The checker answers as the Flyte SDK's do, but for saying what is not known."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import pickle

import pytest

from flyte_core import errors
from flyte_core.errors import (
    InvalidTypeError,
    InvalidValueError,
    RegistryAnswerError,
    RegistryAuthError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnavailableError,
)
from flyte_core.images.oci import RegistryChecker, RegistrySettings
from tests.support.registries import Registry


def test_an_image_that_is_there_is_given_with_its_digest(registry: Registry, name: str) -> None:
    pushed = registry.push_index(f"{name}:1", "linux/amd64", "linux/arm64")
    repository = f"{registry.address}/{name}"
    expected = f"{repository}:1@{pushed.digest}"
    assert asyncio.run(RegistryChecker.image_exists(repository, "1")) == expected
    assert asyncio.run(RegistryChecker.image_exists(repository, "1", ("linux/amd64", "linux/arm64"))) == expected


def test_an_image_for_other_platforms_is_absent_and_the_log_says_which(
    registry: Registry, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.push(f"{name}:1", "linux/arm64")
    with caplog.at_level(logging.INFO, "flyte_core"):
        found = asyncio.run(
            RegistryChecker.image_exists(f"{registry.address}/{name}", "1", ("linux/arm64", "linux/amd64"))
        )
    assert found is None
    assert f"{name}:1 is there for linux/arm64, not for linux/amd64" in caplog.text


def test_an_image_that_is_not_there_is_absent(registry: Registry, name: str) -> None:
    assert asyncio.run(RegistryChecker.image_exists(f"{registry.address}/{name}", "1")) is None


def test_what_is_not_known_is_an_error() -> None:
    checker = RegistryChecker.with_settings(RegistrySettings(retries=0))
    with pytest.raises(RegistryUnavailableError):
        asyncio.run(checker.image_exists("localhost:1/app", "1"))


def test_a_wrong_tag_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="tag"):
        asyncio.run(RegistryChecker.image_exists("localhost:1/app", "-"))


def test_a_checker_with_other_settings_leaves_the_first_as_it_is(registry: Registry, name: str) -> None:
    pushed = registry.push(f"hub/{name}:1")
    settings = RegistrySettings(mirrors={"ghcr.io": f"{registry.address}/hub"})
    checker = RegistryChecker.with_settings(settings)
    assert issubclass(checker, RegistryChecker)
    assert checker.settings is settings
    assert RegistryChecker.settings == RegistrySettings()
    assert asyncio.run(checker.image_exists(f"ghcr.io/{name}", "1")) == f"ghcr.io/{name}:1@{pushed.digest}"


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"deadline": 30}, InvalidTypeError, "timedelta"),
        ({"deadline": dt.timedelta(0)}, InvalidValueError, "more than no time"),
        ({"connect_timeout": dt.timedelta(-1)}, InvalidValueError, "more than no time"),
        ({"retries": -1}, InvalidValueError, "at least 0"),
        ({"retries": True}, InvalidTypeError, "an int"),
        ({"insecure": "localhost"}, InvalidTypeError, "a list of hosts"),
        ({"insecure": ["http://a.io"]}, InvalidValueError, "a host"),
        ({"insecure": [7]}, InvalidTypeError, "a host"),
        ({"mirrors": {"docker.io": "https://a.io"}}, InvalidValueError, r"mirrors\['docker.io'\]"),
        ({"mirrors": {"docker.io": "a.io/Hub"}}, InvalidValueError, "for its repository: lower case"),
        ({"mirrors": {"docker.io": 7}}, InvalidTypeError, "a host"),
        ({"mirrors": {"docker.io/x": "a.io"}}, InvalidValueError, "a host"),
    ],
)
def test_settings_that_are_not_valid_are_refused(given: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        RegistrySettings(**given)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (RegistryUnavailableError, ConnectionError),
        (RegistryTimeoutError, TimeoutError),
        (RegistryAuthError, PermissionError),
        (RegistryAnswerError, ValueError),
    ],
)
def test_each_error_is_the_builtin_one_too_and_survives_pickling(kind: type[RegistryError], builtin: type) -> None:
    error = kind("a.io/b:1", "a.io", "asked https://u:pw@a.io/x", attempts=3)
    assert isinstance(error, (builtin, OSError))
    assert issubclass(kind, builtin)
    assert str(error) == "cannot look up the image a.io/b:1 at a.io after 3 attempts: asked https://***@a.io/x"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.host) == (kind, str(error), "a.io")
    assert kind.__name__ in errors.__all__
