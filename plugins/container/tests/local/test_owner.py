"""Whose a container is, and which ones may be removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyte_core_container.local.answers import EngineGone, EngineRefusal
from flyte_core_container.local.engine import Engine
from flyte_core_container.local.files import staging_root
from flyte_core_container.local.owner import ownership, process_start, reap


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


class Api:
    def __init__(self, *labels: dict[str, str], removal: Exception | None = None) -> None:
        self._found = [{"Id": f"c{number}", "Labels": found} for number, found in enumerate(labels)]
        self._removal = removal
        self.removed: list[str] = []

    def containers(self, *, all: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:
        assert all
        return self._found

    def remove_container(self, container: str, **given: Any) -> None:
        assert given == {"force": True, "v": True}
        if self._removal is not None:
            raise self._removal
        self.removed.append(container)


class PlainEngine(Engine):
    def call(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)


def labels(pid: int | str, **changes: str) -> dict[str, str]:
    found = {**ownership(""), "flyte-core.owner.pid": str(pid)}
    return {**found, **{f"flyte-core.{name.replace('_', '.')}": value for name, value in changes.items()}}


def test_only_containers_of_dead_processes_of_this_machine_are_removed(dead: int) -> None:
    api = Api(
        labels(os.getpid()),
        labels(dead),
        labels(os.getpid(), owner_start="another boot:1"),
        labels(dead, owner_host="elsewhere"),
        {**labels(dead), "flyte-core.owner.pid-namespace": "pid:[1]"},
        labels("none"),
        {},
    )
    assert reap(PlainEngine(api)) == ["c1", "c2"]
    assert api.removed == ["c1", "c2"]


def test_the_folder_of_a_dead_process_goes_too_if_it_is_one(dead: int, tmp_path: Path) -> None:
    own, foreign = staging_root() / "x", tmp_path / "foreign"
    own.mkdir(parents=True)
    foreign.mkdir()
    reap(PlainEngine(Api(labels(dead, folder=str(own)), labels(dead, folder=str(foreign)), labels(dead, folder=".."))))
    assert (own.exists(), foreign.exists()) == (False, True)
    escaping = f"{staging_root()}/../containers"
    reap(PlainEngine(Api(labels(dead, folder=escaping))))
    assert staging_root().exists()


@pytest.mark.parametrize("status", [404, 409])
def test_a_container_that_somebody_else_removes_is_no_fault(dead: int, status: int) -> None:
    reap(PlainEngine(Api(labels(dead), removal=EngineRefusal(status, "in progress"))))


def test_an_engine_looks_once_and_its_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    asked = []

    class Silent:
        def containers(self, **_: Any) -> None:
            asked.append(1)
            raise EngineGone("away")

    engine = PlainEngine(Silent())
    engine.reap_once()
    engine.reap_once()
    assert asked == [1]
    assert "away" in caplog.text


def test_a_process_has_one_start_and_a_dead_one_none(dead: int) -> None:
    assert process_start(os.getpid())
    assert process_start(os.getpid()) == process_start(os.getpid())
    assert process_start(dead) is None
