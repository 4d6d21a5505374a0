"""The one template engine: what a cluster replaces in the words of a container's command.

The tokens, their order and their values are those of Flyte's own engine; one defect of it is not: a ``$`` in a path
stays a ``$``. Words are rendered one by one and never pass a shell, so nothing needs quoting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import frozen

from flyte_core.errors import SerializationError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

__all__ = ["TOKEN_NAMES", "TemplateValues", "render", "template_inputs", "unknown_tokens"]

#: The tokens that are no inputs, as they are written in the documentation of Flyte.
TOKEN_NAMES = (
    "input",
    "outputPrefix",
    "inputPrefix",
    "rawOutputDataPrefix",
    "prevCheckpointPrefix",
    "checkpointOutputPrefix",
    "perRetryUniqueKey",
    "taskTemplatePath",
    "namespace",
)

_BRACES = re.compile(r"\{\{([^{}]*)\}\}")

# Go's \s, which knows no vertical tab, whatever the flags.
_SPACE = r"[\t\n\f\r ]*"


def _token(name: str) -> re.Pattern[str]:
    return re.compile(rf"\{{\{{{_SPACE}[.$]{name}{_SPACE}\}}\}}", re.IGNORECASE | re.ASCII)


_INPUT_VARIABLE = _token(r"Inputs\.([^}\t\n\f\r ]+)")


@frozen(kw_only=True)
class TemplateValues:
    """What the tokens of a command stand for; a path is a URL or a folder.

    Args:
        input_path: ``{{.input}}``, the file of the inputs.
        input_prefix: ``{{.inputPrefix}}``, the folder of the inputs.
        output_prefix: ``{{.outputPrefix}}``, the folder of the outputs.
        raw_output_prefix: ``{{.rawOutputDataPrefix}}``, the folder of files and large values.
        prev_checkpoint: ``{{.prevCheckpointPrefix}}``; an empty one becomes two quote characters.
        checkpoint_output: ``{{.checkpointOutputPrefix}}``.
        retry_key: ``{{.perRetryUniqueKey}}``, made into an identifier.
        task_template_path: ``{{.taskTemplatePath}}``, asked for only when the token is there; it may raise.
        namespace: ``{{.namespace}}``.
        inputs: ``{{.inputs.NAME}}``; None leaves those tokens as they are.

    Example:
        >>> render(["{{.outputPrefix}}/x", "{{ $namespace }}"], TemplateValues(output_prefix="s3://b", namespace="ns"))
        ['s3://b/x', 'ns']
    """

    input_path: str = ""
    input_prefix: str = ""
    output_prefix: str = ""
    raw_output_prefix: str = ""
    prev_checkpoint: str = ""
    checkpoint_output: str = ""
    retry_key: str = ""
    task_template_path: Callable[[], str] | None = None
    namespace: str = ""
    inputs: Mapping[str, Literal] | None = None


def _retry_key(values: TemplateValues) -> str:
    # It may become part of the name of a table or a function.
    return re.sub(r"[^a-zA-Z0-9_]+", "_", re.sub(r"^[^a-zA-Z_]+", "a", values.retry_key))


def _task_template_path(values: TemplateValues) -> str:
    if values.task_template_path is None:
        raise SerializationError(
            "{{.taskTemplatePath}} stands in the command, but no task template is stored here; leave it out"
        )
    return values.task_template_path()


# In the engine's order: what an earlier token puts in may hold a later one.
_TOKENS: tuple[tuple[re.Pattern[str], Callable[[TemplateValues], str]], ...] = (
    (_token("Input"), lambda values: values.input_path),
    (_token("OutputPrefix"), lambda values: values.output_prefix),
    (_token("InputPrefix"), lambda values: values.input_prefix),
    (_token("RawOutputDataPrefix"), lambda values: values.raw_output_prefix),
    (_token("PrevCheckpointPrefix"), lambda values: values.prev_checkpoint or '""'),
    (_token("CheckpointOutputPrefix"), lambda values: values.checkpoint_output),
    (_token("PerRetryUniqueKey"), _retry_key),
    (_token("TaskTemplatePath"), _task_template_path),
    (_token("Namespace"), lambda values: values.namespace),
)


def render(words: Iterable[str], values: TemplateValues) -> list[str]:
    """Replace the tokens in each word; a word stays one word.

    Args:
        words: command and arguments.
        values: what the tokens stand for.

    Returns:
        The words; tokens that the engine does not know stay as they are.

    Raises:
        SerializationError: (a ValueError) for an input that is not there, or whose value cannot stand in a command;
            the word is named.

    Example:
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> n = Literal(scalar=Scalar(primitive=Primitive(integer=3)))
        >>> render(["head", "-n{{.inputs.n}}", "{{.foo}}"], TemplateValues(inputs={"n": n}))
        ['head', '-n3', '{{.foo}}']
    """
    return [_render_word(word, values) if "{{" in word else word for word in words]


def _render_word(word: str, values: TemplateValues) -> str:
    rendered = word
    for pattern, value in _TOKENS:
        if pattern.search(rendered):
            text = value(values)
            # A function, since in a replacement text backslashes would mean groups.
            rendered = pattern.sub(lambda _, text=text: text, rendered)  # type: ignore[misc] # bound early on purpose
    if values.inputs is None:
        return rendered
    inputs = values.inputs
    return _INPUT_VARIABLE.sub(lambda match: _input_text(word, match[1], inputs), rendered)


def _input_text(word: str, name: str, inputs: Mapping[str, Literal]) -> str:
    from flyte_core_container.values import literal_text

    if name not in inputs:
        known = ", ".join(inputs) or "none"
        raise SerializationError(f"{word!r} in the command names input {name!r}, and the inputs are: {known}")
    try:
        return literal_text(inputs[name])
    except SerializationError as e:
        raise SerializationError(f"{word!r} in the command, input {name!r}: {e}") from e


@lru_cache(maxsize=256)
def template_inputs(word: str) -> tuple[str, ...]:
    """Name the inputs whose tokens stand in a word.

    Example:
        >>> template_inputs("--{{.inputs.a}}={{ $INPUTS.b }}")
        ('a', 'b')
    """
    return tuple(_INPUT_VARIABLE.findall(word)) if "{{" in word else ()


def unknown_tokens(word: str) -> tuple[str, ...]:
    """Give what stands in double braces in a word and is no token, so that a cluster leaves it as it is.

    Example:
        >>> unknown_tokens("{{.inputs.a}} {{ inputs.a }} {{.foo}}")
        (' inputs.a ', '.foo')
    """
    for pattern in (*(pattern for pattern, _ in _TOKENS), _INPUT_VARIABLE):
        word = pattern.sub("", word)
    return tuple(_BRACES.findall(word))
