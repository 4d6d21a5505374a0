"""The wording of what is wrong with outputs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from flyte_core_container.copilot.errors import CopilotError
from flyte_core_container.local.outputs import missing_outputs, told_as_inside

THERE = PurePosixPath("/var/outputs")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "file /var/outputs/total: none; /var/outputs is empty"),
        (["totl.txt"], "none (did you mean totl.txt?); /var/outputs holds totl.txt"),
        (["rows.csv", "zzz"], "file /var/outputs/total: none; /var/outputs holds rows.csv, zzz"),
        ([f"x{i:02}" for i in range(12)], "x09 and 2 more"),
    ],
)
def test_a_missing_output_comes_with_what_is_there(tmp_path: Path, files: list[str], said: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    error = CopilotError("upload", [f"variable [total], file {tmp_path}/total: none"])
    assert said in told_as_inside(error, tmp_path, THERE, ["total", "rows"])


def test_an_output_that_is_there_comes_without(tmp_path: Path) -> None:
    (tmp_path / "x.json").touch()
    assert missing_outputs(tmp_path, ["x", "y"]) == ["y"]
    assert told_as_inside(OSError(f"{tmp_path}/x: no"), tmp_path, THERE, ["x"]) == (
        "reading the outputs failed: /var/outputs/x: no"
    )


def test_several_faults_are_counted(tmp_path: Path) -> None:
    told = told_as_inside(CopilotError("upload", ["a", "b"]), tmp_path, THERE, [])
    assert told == "reading the outputs failed: 2 faults: a; b"
