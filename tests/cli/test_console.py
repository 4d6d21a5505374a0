from __future__ import annotations

import io
import sys

import pytest

from flyte_core.cli import console


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Ascii(io.StringIO):
    encoding = "ascii"


@pytest.mark.parametrize(
    ("stream", "env", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (object(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(stream, env, expected, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert console.colourful(stream) is expected


def test_colours_are_taken_out_where_nobody_sees_them(capsys):
    console.out(console.styled("text", fg="red"))
    assert capsys.readouterr().out == "text\n"


def test_a_table_is_never_cut_where_no_terminal_limits_it():
    text = console.table(["name"], [["x" * 500]])
    assert "x" * 500 in text


def test_a_table_fits_the_terminal_and_loses_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = console.table(["name", "reason"], [["a", "x" * 100]])
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("x") == 100


def test_markup_in_cells_is_only_text():
    assert "[red]a[/red] :smile:" in console.table(["name"], [["[red]a[/red] :smile:"]])


def test_a_result_is_not_lost_to_the_encoding_of_the_stream(monkeypatch):
    stream = Ascii()
    monkeypatch.setattr(sys, "stdout", stream)
    console.out("é")
    assert stream.getvalue() == "\\xe9\n"
