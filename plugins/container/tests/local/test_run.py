"""What is wrong with a call before there is any container: the task is named, and nothing of this package's inside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from flyte_core_container import ContainerTask

import flyte_core
from flyte_core.errors import RuntimeUserError, SerializationError, TypeTransformerFailedError


class Closed:
    """A class whose values not even pickle takes."""

    def __reduce__(self) -> str:
        raise TypeError("never")


def told(python_type: Any, *command: str) -> ContainerTask:
    return ContainerTask(name="boxed", image="none", command=list(command), inputs={"x": python_type})


@pytest.mark.parametrize(
    ("python_type", "value", "kind"),
    [(list[dict[str, int]], [{"a": 1}], "map"), (list[int | None], [1], "union"), (type(None), None, "none_type")],
)
def test_a_value_that_has_no_word_is_told_by_template_and_input(python_type: Any, value: Any, kind: str) -> None:
    task = told(python_type, "echo", "--x={{.inputs.x}}")
    said = (
        rf"^task 'boxed': '--x=\{{\{{\.inputs\.x\}}\}}' in the command, input 'x': a \w+ of kind {kind} cannot stand "
        r"in a command; read it from its file in the input folder$"
    )
    with pytest.raises(SerializationError, match=said):
        asyncio.run(task.execute(x=value))
    with pytest.raises(RuntimeUserError, match=said) as failed:
        flyte_core.with_runcontext("local").run(task, x=value)
    assert failed.value.code == "SerializationError"


def test_inputs_that_cannot_be_encoded_are_told_with_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match=r"^task 'boxed': missing input 'x'$"):
        asyncio.run(told(int).execute())
    with pytest.raises(TypeTransformerFailedError):
        asyncio.run(told(Closed).execute(x=Closed()))
    assert "task 'boxed', input 'x' goes pickled" in caplog.text
