"""Tokens that nothing replaces: which of them are worth a warning, and what it says."""

from __future__ import annotations

import pytest
from flyte_core_container import ContainerTask


def declared(*command: str) -> ContainerTask:
    return ContainerTask(
        name="boxed", image="busybox:1", command=command, inputs={"rows": int}, outputs={"x": int}, output_data_dir="/o"
    )


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("{{inputs.rows}}", "did you mean {{.inputs.rows}}?"),
        ("{{.input.rows}}", "did you mean {{.inputs.rows}}?"),
        ("{{ .imputs.row }}", "did you mean {{.inputs.rows}}?"),
        ("{{ rows }}", "did you mean {{.inputs.rows}}?"),
        ("{{.row}}", "did you mean {{.inputs.rows}}?"),
        ("{{.inputs.}}", "did you mean {{.inputs.rows}}?"),
        ("{{.outputs.x}}", "write /o/x"),
        ("{{.outputs}}", "write /o/NAME"),
        ("{{.output_prefix}}", "did you mean {{.outputPrefix}}?"),
        ("{{rawOutputDataPrefix}}", "did you mean {{.rawOutputDataPrefix}}?"),
        ("{{..input}}", "did you mean {{.input}}?"),
    ],
)
def test_a_token_that_is_almost_one_is_warned_of_once(token: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    task = declared("echo", f"a{token}b {{{{.inputs.rows}}}}")
    assert len(caplog.records) == 1
    assert token in caplog.text
    assert said in caplog.text
    assert token in task.command[1]


@pytest.mark.parametrize(
    "word", ["{{.foo}}", "{{.Name}}", "{{ item.x }}", "{{}}", "{{.inputs.rows}}{{ $OutputPrefix }}", "{rows}", "rows"]
)
def test_what_other_programs_may_replace_is_left_alone(word: str, caplog: pytest.LogCaptureFixture) -> None:
    declared("echo", word)
    assert caplog.records == []


def test_a_task_without_inputs_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    ContainerTask(name="boxed", image="busybox:1", command=["{{inputs.x}}"])
    assert "the task has no inputs" in caplog.text
