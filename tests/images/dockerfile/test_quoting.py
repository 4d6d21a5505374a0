"""Texts come back as they were: from a shell, and from the engine's own reading of a Dockerfile."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_core.errors import InvalidValueError
from flyte_core.images.dockerfile.quoting import (
    env_value,
    mount_value,
    path_word,
    run_text,
    shell_word,
    variables_in,
)

#: What shells, Dockerfiles and patterns give a meaning to, and some that they do not.
SIGNS = st.text(st.sampled_from("ab 1_$\"'\\`{}()[]<>|&;*?#!~=%,:@\té"), min_size=1, max_size=30)


def _printed(words: list[str], **env: str) -> list[str]:
    """Have a shell read words, and give what it has read."""
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {' '.join(words)}"], capture_output=True, check=True, env={"PATH": "/bin", **env}
    )
    return done.stdout.decode().split("\0")[:-1]


@settings(max_examples=60)
@given(st.lists(SIGNS, min_size=1, max_size=5))
def test_words_come_back_from_a_shell_as_they_were(words: list[str]) -> None:
    assert _printed([shell_word(word) for word in words]) == words


@settings(max_examples=60)
@given(SIGNS, SIGNS)
def test_only_the_named_variable_expands_in_a_word(before: str, after: str) -> None:
    word = f"{before}/$TOKEN/{after}/${{TOKEN}}"
    assert _printed([shell_word(word, ["TOKEN"])], TOKEN='s"e $x', HOME="wrong") == [f'{before}/s"e $x/{after}/s"e $x']


@pytest.mark.parametrize(
    "word",
    ["numpy<2", 'foo[bar]; python_version<"3.12"', "a @ https://example.com/a.whl#sha256=0", "x~=1.0,!=1.1"],
)
def test_requirements_come_back_from_a_shell(word: str) -> None:
    assert _printed([shell_word(word)]) == [word]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$A/${B}/${C:-x}", {"A", "B", "C"}),
        (r"\$A", set()),
        ("$5 $$ $( ${ ${a b} $", set()),
        (r"\\$A", set()),
    ],
)
def test_variables_of_a_text_are_those_that_expand(text: str, names: set[str]) -> None:
    assert variables_in(text) == names


def test_a_dollar_that_begins_no_variable_is_itself() -> None:
    assert env_value("$5 $$ ${ a$") == r'"\$5 \$\$ \${ a\$"'
    assert env_value(r"\$HOME") == r'"\$HOME"'
    assert path_word("/a b/it's") == r"/a b/it\'s"


def test_a_path_with_a_line_break_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="line breaks"):
        path_word("/a\nRUN evil")


@pytest.mark.parametrize("text", ["", "/a b", "/a,uid=0", "/a'b", "/a$b", "/a\\b"])
def test_what_a_mount_option_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        mount_value("mount", text)


@pytest.mark.parametrize(
    "command",
    ["cd /a\nmake", "a \\\n# b\n c", "a \\\n\nb", "echo 'a\\\nb'", "echo a\\", "echo a\\ ", "--help", '["x"]', "a\rb"],
)
def test_a_command_that_a_dockerfile_would_change_is_written_as_json(command: str) -> None:
    written = run_text(command)
    assert written.startswith('["/bin/sh", "-c", ')
    assert "\n" not in written


@pytest.mark.parametrize("command", ["make $X && echo 'a  b'", "a \\\n  b \\\n  c", "[ -f x ] || true"][:2])
def test_other_commands_are_written_as_they_are(command: str) -> None:
    assert run_text(command) == command
