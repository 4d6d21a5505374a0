from __future__ import annotations

import inspect
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.cli.arguments import Input, read_arguments, take_own

EMPTY = inspect.Parameter.empty
OWN = {"--json": False, "--on": True, "--no-cache": False}


def one(name, type_, default=EMPTY):
    return Input(name=name, type=type_, default=default, description=None)


def read(inputs, *words):
    return read_arguments(inputs, words, OWN)


def test_values_may_stand_behind_an_equals_sign_or_a_blank():
    found = read([one("a", int), one("b", str)], "--a=1", "--b", "x=y")
    assert (found.values, found.problems) == ({"a": 1, "b": "x=y"}, [])


@pytest.mark.parametrize("type_", [bool, bool | None, Optional[bool]])  # noqa: UP045 - written both ways
@pytest.mark.parametrize(
    ("word", "value"),
    [("--on-time", True), ("--no-on-time", False), ("--no_on_time", False), ("--on_time=false", False)],
)
def test_flags_are_given_by_name_and_negation(type_, word, value):
    assert read([one("on_time", type_)], word).values == {"on_time": value}


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False)])
def test_a_flag_takes_the_word_true_or_false_after_it(word, value):
    assert read([one("flag", bool)], "--flag", word).values == {"flag": value}


def test_a_flag_takes_no_other_value():
    found = read([one("flag", bool)], "--flag=maybe")
    assert found.problems == ["--flag 'maybe': takes no value; expected --flag or --no-flag"]


def test_a_negation_takes_no_value():
    assert read([one("flag", bool)], "--no-flag=true").problems


def test_an_input_wins_over_a_negation_of_another():
    found = read([one("cache", bool, True), one("no_cache", int)], "--no-cache", "3", "--cache")
    assert found.values == {"no_cache": 3, "cache": True}


def test_names_that_differ_in_hyphens_alone_are_told_apart():
    found = read([one("a-b", int), one("a_b", int)], "--a-b", "1", "--a_b", "2")
    assert found.values == {"a-b": 1, "a_b": 2}


def test_a_negative_number_is_a_value():
    assert read([one("n", int)], "--n", "-5").values == {"n": -5}


def test_another_option_is_not_taken_for_a_value():
    found = read([one("s", str), one("n", int)], "--s", "--n", "1")
    assert found.values == {"n": 1}
    assert found.problems == ["--s: has no value; expected str"]


def test_a_value_that_looks_like_an_option_is_given_with_an_equals_sign():
    assert read([one("s", str), one("n", int, 1)], "--s=--n").values == {"s": "--n"}


def test_the_last_option_without_a_value_is_a_problem():
    assert read([one("s", str)], "--s").problems == ["--s: has no value; expected str"]


def test_an_option_given_twice_is_a_problem():
    assert "--s: given twice" in read([one("s", str)], "--s", "a", "--s", "b").problems


def test_an_unknown_option_does_not_make_a_problem_of_its_value():
    found = read([one("month", int, 1)], "--mnoth", "3")
    assert found.problems == ["--mnoth: no such option; did you mean --month?"]


def test_an_unknown_option_without_near_misses_lists_the_inputs():
    assert read([one("month", int, 1)], "--zzz").problems == ["--zzz: no such option; the task's inputs are --month"]


def test_own_options_are_set_apart_with_their_values():
    found = read([one("a", int)], "--on", "docker", "--a", "1", "--json", "--on=local")
    assert (found.own, found.values) == (["--on", "docker", "--json", "--on=local"], {"a": 1})


def test_help_is_found_among_the_words():
    assert read([one("a", int)], "--help").help


def test_leading_underscores_stay():
    assert one("_private_name", int).option == "--_private-name"


def test_long_values_are_shortened_in_problems():
    (problem,) = read([one("n", int)], "--n", "x" * 500).problems
    assert "..." in problem.partition(": ")[0]


def test_own_options_are_taken_from_the_front_only():
    assert take_own(["--on", "x", "--json", "file", "--json"], OWN) == (["--on", "x", "--json"], ["file", "--json"])


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_words_give_values_or_problems(words):
    inputs = [one("a", int), one("flag", bool, False), one("s", str | None, None)]
    found = read(inputs, *words)
    assert found.problems or found.help or "a" in found.values


@given(st.text())
def test_any_text_reaches_a_str_input_unchanged(text):
    assert read([one("s", str)], f"--s={text}").values == {"s": text}
