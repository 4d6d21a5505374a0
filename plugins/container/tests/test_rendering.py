"""The template engine: tokens, their order, and what stays as it is."""

from __future__ import annotations

import pytest
from flyte_core_container.rendering import TemplateValues, render, template_inputs
from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import SerializationError


def text(value: str) -> Literal:
    return Literal(scalar=Scalar(primitive=Primitive(string_value=value)))


VALUES = TemplateValues(
    input_path="s3://b/inputs.pb",
    input_prefix="s3://b/in",
    output_prefix="s3://b/out",
    raw_output_prefix="s3://b/raw",
    prev_checkpoint="s3://b/prev",
    checkpoint_output="s3://b/next",
    retry_key="r-1.a0",
    task_template_path=lambda: "s3://b/task.pb",
    namespace="proj-dev",
    inputs={"x": text("value"), "a.b[0]": text("dots")},
)


@pytest.mark.parametrize(
    ("word", "rendered"),
    [
        ("{{.input}}", "s3://b/inputs.pb"),
        ("{{.inputPrefix}}", "s3://b/in"),
        ("{{.outputPrefix}}", "s3://b/out"),
        ("{{.rawOutputDataPrefix}}", "s3://b/raw"),
        ("{{.prevCheckpointPrefix}}", "s3://b/prev"),
        ("{{.checkpointOutputPrefix}}", "s3://b/next"),
        ("{{.perRetryUniqueKey}}", "r_1_a0"),
        ("{{.taskTemplatePath}}", "s3://b/task.pb"),
        ("{{.namespace}}", "proj-dev"),
        ("{{.inputs.x}}", "value"),
        ("{{.inputs.a.b[0]}}", "dots"),
        ("{{ $INPUTS.x\t}}", "value"),
        ("{{\n.OUTPUTPREFIX }}/x", "s3://b/out/x"),
        ("a{{.inputs.x}}b{{.inputs.x}}c", "avaluebvaluec"),
    ],
)
def test_a_token_is_replaced_wherever_it_stands_in_either_form_and_any_case(word: str, rendered: str) -> None:
    assert render([word], VALUES) == [rendered]


@pytest.mark.parametrize(
    "word",
    ["{{.foo}}", "{{inputs.x}}", "{.inputs.x}", "{{.inputs}}", "{{.inputs.}}", "{{\v.input}}", "{{..input}}", "$x"],
)
def test_what_is_no_token_stays_as_it_is(word: str) -> None:
    assert render([word], VALUES) == [word]


def test_an_input_that_is_not_there_is_an_error_naming_the_word_and_the_inputs() -> None:
    with pytest.raises(SerializationError, match=r"'-\{\{\.inputs\.y\}\}'.*'y'.*x, a\.b\[0\]"):
        render(["-{{.inputs.y}}"], VALUES)


def test_without_inputs_their_tokens_stay() -> None:
    assert render(["{{.inputs.x}}"], TemplateValues()) == ["{{.inputs.x}}"]


def test_an_empty_previous_checkpoint_becomes_two_quotes() -> None:
    assert render(["{{.prevCheckpointPrefix}}"], TemplateValues()) == ['""']


@pytest.mark.parametrize("path", ["s3://b/$1/${2}", r"C:\1\g<0>", "{{.outputPrefix}}"])
def test_a_path_is_taken_literally(path: str) -> None:
    assert render(["{{.outputPrefix}}"], TemplateValues(output_prefix=path)) == [path]


def test_an_earlier_token_may_put_in_a_later_one() -> None:
    values = TemplateValues(input_path="{{.namespace}}/{{.inputs.x}}", namespace="ns", inputs={"x": text("v")})
    assert render(["{{.input}}"], values) == ["ns/v"]


def test_the_value_of_an_input_is_not_looked_through_again() -> None:
    values = TemplateValues(inputs={"x": text("{{.inputs.y}}{{.input}}"), "y": text("no")})
    assert render(["{{.inputs.x}}"], values) == ["{{.inputs.y}}{{.input}}"]


@pytest.mark.parametrize(
    ("key", "rendered"), [("12-ab", "aab"), ("_a", "_a"), ("a--b..c", "a_b_c"), ("", ""), ("123", "a")]
)
def test_the_key_of_an_attempt_becomes_an_identifier(key: str, rendered: str) -> None:
    assert render(["{{.perRetryUniqueKey}}"], TemplateValues(retry_key=key)) == [rendered]


def test_the_path_of_the_task_template_is_asked_for_only_when_it_is_wanted() -> None:
    def refuse() -> str:
        raise OSError("no such store")

    values = TemplateValues(task_template_path=refuse)
    assert render(["{{.input}}x"], values) == ["x"]
    with pytest.raises(OSError, match="no such store"):
        render(["{{.taskTemplatePath}}"], values)
    with pytest.raises(SerializationError, match="taskTemplatePath"):
        render(["{{.taskTemplatePath}}"], TemplateValues())


@given(st.lists(st.text()), st.text())
def test_words_stay_as_many_and_values_stay_whole(words: list[str], value: str) -> None:
    rendered = render([*words, "{{.inputs.x}}"], TemplateValues(inputs={"x": text(value)}))
    assert len(rendered) == len(words) + 1
    assert rendered[-1] == value


@given(st.text(st.characters(exclude_characters="{")))
def test_a_text_without_braces_is_never_changed(word: str) -> None:
    assert render([word], VALUES) == [word]


def test_the_inputs_of_a_word_are_named_in_their_order() -> None:
    assert template_inputs("{{.inputs.b}}{{$Inputs.a}}{{.input}}") == ("b", "a")
    assert template_inputs("plain") == ()
