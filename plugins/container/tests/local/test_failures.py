"""The messages of failures: the code and what it means, the reason, the log."""

from __future__ import annotations

import pickle

import pytest
from flyte_core_container.errors import ContainerFailedError, ContainerLostError, ContainerOOMError
from flyte_core_container.local.container import ContainerSpec, Ending
from flyte_core_container.local.failures import failure, output_failure, shown_log, timeout_failure

SPEC = ContainerSpec(
    task="boxed", name="n", image="busybox:1", command=["a", "b c"], config={}, host={"Memory": 2**24}, mounts=()
)


@pytest.mark.parametrize(
    ("ending", "kind", "said"),
    [
        (Ending(exit_code=3), ContainerFailedError, ["exit code 3;", "['a', 'b c']", "busybox:1", "'boxed'"]),
        (Ending(exit_code=127), ContainerFailedError, ["exit code 127 (the command was not found"]),
        (Ending(exit_code=139), ContainerFailedError, ["exit code 139 (signal SIGSEGV)"]),
        (Ending(exit_code=255), ContainerFailedError, ["exit code 255;"]),
        (Ending(exit_code=1, reason="shim died"), ContainerFailedError, ["exit code 1: shim died;"]),
        (Ending(exit_code=137, out_of_memory=True), ContainerOOMError, ["16,777,216 bytes", "resources.memory"]),
        (Ending(exit_code=137, after_outage=True), ContainerLostError, ["SIGKILL", "run the task again"]),
    ],
)
def test_a_failure_says_its_code_its_reason_and_the_last_lines(
    ending: Ending, kind: type[Exception], said: list[str]
) -> None:
    error = failure(SPEC, ending, ["one", "two"])
    assert type(error) is kind
    assert all(part in str(error) for part in [*said, "its log:\n    one\n    two"])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)


def test_long_lines_are_cut_and_no_lines_are_said_so() -> None:
    assert len(shown_log(["x" * 10_000])) < 500
    assert shown_log([]) == "; the container printed nothing"


def test_what_a_container_reports_stands_beside_its_code() -> None:
    error = failure(SPEC, Ending(exit_code=4), [], "no such table")
    assert "exit code 4, and reported in the file _ERROR: User Error: no such table; its command" in str(error)


def test_a_timeout_and_a_bad_output_show_the_log_too() -> None:
    assert "timeout of 1.5 s" in str(timeout_failure(SPEC, 1.5, ["one"]))
    error = output_failure(SPEC, ValueError("y is no number"), ["one"], missing=True)
    assert isinstance(error, FileNotFoundError)
    assert "exit code 0, but y is no number; the last lines of its log:\n    one" in str(error)
