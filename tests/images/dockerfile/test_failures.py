"""What is said of a build that failed."""

from __future__ import annotations

import pytest

from flyte_core.images.dockerfile import Plan, Step, build_error, hint, step_of

PLAN = Plan(
    text="",
    steps=(
        Step(text="FROM base", origin="The base image"),
        Step(text='RUN --mount=type=secret,id=x \\\n    export A="$(cat /x)"; go $PATH', origin="Layer 1: commands"),
        Step(text='RUN ["/bin/sh", "-c", "a\\nb"]', origin="Layer 2: commands"),
    ),
)


@pytest.mark.parametrize(
    ("shown", "origin"),
    [
        ("FROM base", "The base image"),
        ('RUN --mount=type=secret,id=x     export A="$(cat /x)"; go /a:/b', "Layer 1: commands"),
        ('RUN ["/bin/sh", "-c", "a\\nb"]', "Layer 2: commands"),
        ("RUN something else", None),
    ],
)
def test_an_instruction_is_found_as_a_builder_shows_it(shown: str, origin: str | None) -> None:
    step = step_of(PLAN, shown)
    assert (step and step.origin) == origin


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "disk is full"),
        ("exec /bin/sh: exec format error", "another architecture"),
        ("denied: requested access to the resource is denied", "docker login"),
        ("manifest for python:9 not found: manifest unknown", "check its name and tag"),
        ('short-name "nope" did not resolve to an alias', "check its name and tag"),
        ("dial tcp: lookup example.com: no such host", "proxies"),
        ("curl: (6) Could not resolve host: example.com", "proxies"),
        ("ERROR: No matching distribution found for nope==9", "package was not found"),
        ("E: Unable to locate package nope", "package was not found"),
        ("/bin/sh: python3: not found", "images.uv"),
        ("error: No interpreter found for Python 3.14 in search path", "clone(python_version=...)"),
        ("mkdir: can't create directory '/x': Permission denied", "mode and owner"),
        ("rpc error: code = Unavailable desc = transport is closing", "engine went away"),
        ("Killed", "want of memory"),
        ("all is well", ""),
    ],
)
def test_a_failure_comes_with_what_to_do_about_it(line: str, words: str) -> None:
    told = hint(["before", line])
    assert words in told
    assert bool(words) == bool(told)


def test_an_error_has_instruction_layer_last_lines_and_hint_and_no_credentials() -> None:
    lines = [f"line {number}" for number in range(50)] + ["from https://me:hidden@example.com: no such host"]
    error = build_error(
        "app:1", PLAN, lines, failed='RUN ["/bin/sh", "-c", "a\\nb"]', reason="It ended with exit code 1."
    )
    told = str(error)
    assert told.startswith('app:1: building failed at layer 2: commands\n    RUN ["/bin/sh"')
    assert "line 31\n" in told
    assert "line 30\n" not in told
    assert "hidden" not in told
    assert "It ended with exit code 1.\nThe network did not answer" in told
