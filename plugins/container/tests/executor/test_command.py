"""``flyte-core run --on docker``, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).with_name("project")
COMMAND = [sys.executable, "-m", "flyte_core", "run", "--on", "docker"]


@pytest.fixture
def environment(tasks_image: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "FLYTE_CORE_TEST_IMAGE": tasks_image,
        "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
    }


def test_a_run_prints_its_outputs_and_tells_each_task_as_a_line(environment: dict[str, str]) -> None:
    command = [*COMMAND, str(PROJECT / "work.py"), "some", "--salt", "command", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"task": "work.some", "outputs": {"o0": 3}}
    assert done.stderr.count("] started") == 4
    assert done.stderr.count("quick [") == 6


def test_a_failed_run_says_where_the_code_failed_and_what_it_printed(environment: dict[str, str]) -> None:
    command = [*COMMAND, str(PROJECT / "work.py"), "fails_after_printing", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["kind"]) == ("ZeroDivisionError", "user")
    traceback = "\n".join(error["traceback"])
    assert f'File "{PROJECT / "work.py"}", line' in traceback
    assert "about to divide" in traceback


def test_ctrl_c_ends_the_run_and_its_containers(environment: dict[str, str], docker_api: object) -> None:
    command = [*COMMAND, str(PROJECT / "work.py"), "waits"]
    told = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if "begun" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert any("cleaned up" in line for line in told)
    label = f"flyte-core.owner.pid={process.pid}"
    assert docker_api.containers(all=True, filters={"label": [label]}) == []  # type: ignore[attr-defined]
