"""The words of a command line as the inputs of a task, with all that is wrong with them at once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.cli.typenames import is_flag, type_name
from flyte_core.errors import FlyteCoreError, near_misses

if TYPE_CHECKING:
    from flyte_core.cli.tasks import Task

__all__ = ["Arguments", "Input", "inputs_of", "read_arguments", "take_own"]

_EMPTY = inspect.Parameter.empty
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@attrs.frozen(kw_only=True)
class Input:
    """One input of a task, as an option.

    Args:
        name: the input's name.
        type: its Python type.
        default: its default; `inspect.Parameter.empty` for none.
        description: from the function's docstring.
    """

    name: str
    type: Any
    default: Any
    description: str | None

    @property
    def option(self) -> str:
        """The option's usual spelling; underscores work as well."""
        stem = self.name.lstrip("_")
        return "--" + self.name[: len(self.name) - len(stem)] + stem.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is _EMPTY

    @property
    def flag(self) -> bool:
        """Whether it is given as ``--name`` and ``--no-name``."""
        return is_flag(self.type)

    @property
    def expected(self) -> str:
        """What a value has to be, for people."""
        return f"{self.option} or --no-{self.option[2:]}" if self.flag else type_name(self.type, example=True)


@attrs.define
class Arguments:
    """What `read_arguments` found.

    Args:
        values: value by input name.
        own: words that are options of ``flyte-core run`` itself.
        problems: one line for each thing that is wrong.
        help: whether ``--help`` was among the words.
    """

    values: dict[str, Any] = attrs.field(factory=dict)
    own: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)
    help: bool = False


def inputs_of(task: Task) -> list[Input]:
    """Describe the inputs of a task, in their order."""
    interface = task.native_interface
    descriptions = interface.docstring.input_descriptions if interface.docstring is not None else {}
    return [
        Input(
            name=name,
            type=Any if python_type is _EMPTY else python_type,
            default=default,
            description=descriptions.get(name),
        )
        for name, (python_type, default) in interface.inputs.items()
    ]


def take_own(words: Sequence[str], own: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """Take the options of the command itself from the front of its words.

    Args:
        words: the words.
        own: of each option of the command whether it takes a value.

    Returns:
        Those at the front, with their values; and the words from the first that is something else.
    """
    at = 0
    while at < len(words) and words[at].startswith("-"):
        name, equals, _ = words[at].partition("=")
        if name not in own:
            break
        at += 2 if own[name] and not equals else 1
    return list(words[:at]), list(words[at:])


def read_arguments(inputs: Sequence[Input], words: Sequence[str], own: Mapping[str, bool]) -> Arguments:
    """Read the words after a task's name.

    An input that has the name of one of the command's own options wins here; the command's own can be given before the
    file.

    Args:
        inputs: the task's inputs.
        words: the words.
        own: of each option of the command itself whether it takes a value.

    Returns:
        Values and problems; values are complete only when there are no problems.
    """
    return _Reader(inputs, own).read(list(words))


class _Reader:
    def __init__(self, inputs: Sequence[Input], own: Mapping[str, bool]) -> None:
        self._inputs = inputs
        self._own = own
        self._found = Arguments()
        self._seen: set[str] = set()
        self._exact = {f"--{one.name}": one for one in inputs}
        self._loose = {_loose(f"--{one.name}"): one for one in inputs}
        self._negations = {_loose(f"--no_{one.name}"): one for one in inputs if one.flag}

    def read(self, words: list[str]) -> Arguments:
        while words:
            word = words.pop(0)
            name, equals, text = word.partition("=")
            value = text if equals else None
            one, negated = self._match(name)
            if one is not None:
                self._take(one, name, negated, value, words)
            elif name in self._own:
                self._found.own += [word, *self._value_of_own(name, value, words)]
            elif word in ("--help", "-h"):
                self._found.help = True
            elif name.startswith("-") and len(name) > 1 and not _is_number(word):
                self._unknown(name, value, words)
            else:
                self._problem(f"{word!r}: not expected here; inputs are given as --name value")
        for one in self._inputs:
            if one.required and one.name not in self._seen:
                self._problem(f"{one.option}: missing; expected {one.expected}")
        return self._found

    def _match(self, name: str) -> tuple[Input | None, bool]:
        """Find the input that an option stands for, and whether the option negates it."""
        if not name.startswith("--"):
            return None, False
        one = self._exact.get(name) or self._loose.get(_loose(name))
        if one is not None:
            return one, False
        return self._negations.get(_loose(name)), True

    def _is_option(self, word: str) -> bool:
        name = word.partition("=")[0]
        return self._match(name)[0] is not None or name in self._own or word == "--help"

    def _take(self, one: Input, name: str, negated: bool, value: str | None, words: list[str]) -> None:
        if one.name in self._seen:
            self._problem(f"{name}: given twice")
        self._seen.add(one.name)
        if one.flag:
            self._take_flag(one, name, negated, value, words)
            return
        if value is None:
            if not words or self._is_option(words[0]):
                self._problem(f"{name}: has no value; expected {one.expected}")
                return
            value = words.pop(0)
        self._parse(one, name, value)

    def _take_flag(self, one: Input, name: str, negated: bool, value: str | None, words: list[str]) -> None:
        if value is None and not negated and words and words[0].lower() in ("true", "false"):
            value = words.pop(0)
        if value is None:
            self._found.values[one.name] = not negated
        elif not negated and value.lower() in (*_TRUE, *_FALSE):
            self._found.values[one.name] = value.lower() in _TRUE
        else:
            self._problem(f"{name} {_shown(value)}: takes no value; expected {one.expected}")

    def _parse(self, one: Input, name: str, text: str) -> None:
        from flyte_core.cli.frames import read_input

        try:
            self._found.values[one.name] = read_input(text, one.type)
        except (FlyteCoreError, ValueError, TypeError, OverflowError) as error:
            reason = str(error)
            expected = "" if "expected" in reason else f"; expected {one.expected}"
            self._problem(f"{name} {_shown(text)}: {reason}{expected}")

    def _value_of_own(self, name: str, value: str | None, words: list[str]) -> list[str]:
        return [words.pop(0)] if self._own[name] and value is None and words else []

    def _unknown(self, name: str, value: str | None, words: list[str]) -> None:
        if value is None and words and not words[0].startswith("-"):
            words.pop(0)  # its value, which is no problem of its own
        known = [one.option for one in self._inputs] + list(self._own)
        close = near_misses(name.replace("_", "-"), known)
        if close:
            self._problem(f"{name}: no such option; did you mean {' or '.join(close)}?")
        else:
            listed = ", ".join(one.option for one in self._inputs) or "none"
            self._problem(f"{name}: no such option; the task's inputs are {listed}")

    def _problem(self, text: str) -> None:
        self._found.problems.append(text)


def _loose(name: str) -> str:
    return name.replace("-", "_")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 100 else f"{shown[:97]}..."
