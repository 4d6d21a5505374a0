"""`flyte_core.extend` against the reference: its page for names and parameters, a recording for kinds and defaults.

``tests/data/flyte_extend.md`` is the reference's page. It gives no defaults, so ``tests/data/record_flyte_extend.py``
recorded them from the installed reference into ``tests/data/flyte_extend.json``.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flyte_core import extend

DATA = Path(__file__).parent / "data"
RECORDED: dict[str, Any] = json.loads((DATA / "flyte_extend.json").read_text())["names"]

#: Where ours differs on purpose: (callable, parameter) -> (what ours has, why).
DIFFERENT: dict[tuple[str, str], tuple[Any, str]] = {
    ("TaskTemplate.override", "retries"): (
        {"kind": "KEYWORD_ONLY", "default": None},
        "0 is the reference's word for 'not given', so that its override(retries=0) overrides nothing",
    ),
    ("AsyncFunctionTaskTemplate.override", "retries"): (
        {"kind": "KEYWORD_ONLY", "default": None},
        "as TaskTemplate.override",
    ),
    ("TaskTemplate", "triggers"): (
        {"kind": "KEYWORD_ONLY", "default": []},
        "the same empty tuple; what cannot change needs no factory",
    ),
    ("AsyncFunctionTaskTemplate", "triggers"): (
        {"kind": "KEYWORD_ONLY", "default": []},
        "as TaskTemplate",
    ),
}


def _load_recorder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("record_flyte_extend", DATA / "record_flyte_extend.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


describe = _load_recorder().describe


def _callables(name: str, description: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = {name: description["parameters"]} if "parameters" in description else {}
    found |= {f"{name}.{method}": given for method, given in description.get("methods", {}).items()}
    return {callable_name: _ordered(parameters) for callable_name, parameters in found.items()}


def _ordered(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No caller sees the order of parameters that are given by keyword; attrs moves redefined ones to the end."""
    keyword = sorted((p for p in parameters if p["kind"] == "KEYWORD_ONLY"), key=lambda p: p["name"])
    at = next((at for at, p in enumerate(parameters) if p["kind"] == "KEYWORD_ONLY"), len(parameters))
    return [*parameters[:at], *keyword, *(p for p in parameters[at:] if p["kind"] != "KEYWORD_ONLY")]


def _expected(callable_name: str, parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": p["name"], **DIFFERENT[callable_name, p["name"]][0]} if (callable_name, p["name"]) in DIFFERENT else p
        for p in parameters
    ]


PRESENT = sorted(RECORDED)


@pytest.mark.parametrize("name", PRESENT)
def test_a_name_has_the_kind_of_the_reference(name: str) -> None:
    ours = describe(getattr(extend, name))
    assert (ours["kind"], ours.get("value")) == (RECORDED[name]["kind"], RECORDED[name].get("value"))


@pytest.mark.parametrize(
    ("callable_name", "parameters"),
    [pair for name in PRESENT for pair in _callables(name, RECORDED[name]).items()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_callable_takes_the_parameters_and_defaults_of_the_reference(
    callable_name: str, parameters: list[dict[str, Any]]
) -> None:
    name = callable_name.partition(".")[0]
    ours = _callables(name, describe(getattr(extend, name)))
    assert ours[callable_name] == _expected(callable_name, parameters)


@pytest.mark.parametrize("name", [name for name in PRESENT if RECORDED[name].get("properties")])
def test_a_class_has_the_properties_of_the_reference(name: str) -> None:
    assert set(RECORDED[name]["properties"]) <= set(describe(getattr(extend, name))["properties"])


@pytest.mark.parametrize("name", PRESENT)
def test_a_name_of_the_reference_is_listed(name: str) -> None:
    assert name in extend.__all__
    assert name in dir(extend)


@pytest.mark.parametrize(("callable_name", "parameter"), sorted(DIFFERENT))
def test_a_deliberate_difference_is_still_one(callable_name: str, parameter: str) -> None:
    recorded = _callables(callable_name.partition(".")[0], RECORDED[callable_name.partition(".")[0]])[callable_name]
    theirs = next(p for p in recorded if p["name"] == parameter)
    assert theirs != {"name": parameter, **DIFFERENT[callable_name, parameter][0]}


# ---- the recording against the page ---------------------------------------------------------------------


def _page() -> dict[str, list[str]]:
    """Parameter names by callable, as the page's code blocks give them."""
    found: dict[str, list[str]] = {}
    owner = ""
    text = (DATA / "flyte_extend.md").read_text()
    pattern = r"^(## [^\n]*)$|^```python\n(?:class|def) (\w+\((?:\)|.*?\n\)))"
    for heading, block in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        if heading.startswith("## "):
            owner = heading.rpartition(".")[2] if "flyte.extend." in heading else ""
        elif block:
            name, _, inside = block.partition("(")
            parameters = re.findall(r"^    (\w+)(?::|,)", inside, re.MULTILINE)
            found[name if owner in ("", name) else f"{owner}.{name}"] = parameters
    return found


def test_the_recording_has_every_name_and_parameter_of_the_page() -> None:
    recorded = {
        callable_name: sorted(p["name"] for p in parameters)
        for name, description in RECORDED.items()
        for callable_name, parameters in _callables(name, description).items()
    }
    page = _page()
    assert len(page) > 25
    assert {name: recorded.get(name) for name in page} == {name: sorted(names) for name, names in page.items()}


def test_the_page_lists_every_recorded_name() -> None:
    text = (DATA / "flyte_extend.md").read_text()
    assert [name for name in RECORDED if f"`{name}" not in text] == []


def test_the_bundle_is_downloaded_by_a_coroutine_as_the_reference_does() -> None:
    assert inspect.iscoroutinefunction(extend.download_code_bundle)
