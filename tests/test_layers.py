"""The rules on who imports whom that import-linter has no contract for; the layers themselves stand in ``.importlinter``."""

from __future__ import annotations

import ast
import configparser
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import flyte_core

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / ".importlinter"
PLUGIN_SOURCES = sorted((ROOT / "plugins").glob("*/src/**/*.py"))


def _layers() -> list[set[str]]:
    parser = configparser.ConfigParser()
    parser.read(CONTRACTS)
    lines = parser["importlinter:contract:layers"]["layers"].split("\n")
    return [set(re.findall(r"\w+", line)) for line in lines if line.strip()]


def _imported_from_core(source: Path) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, None) for name in node.names if re.match(r"flyte_core(\.|$)", name.name))
        elif isinstance(node, ast.ImportFrom) and re.match(r"flyte_core(\.|$)", node.module or ""):
            yield from ((node.module or "", name.name) for name in node.names)


@pytest.mark.parametrize("source", PLUGIN_SOURCES, ids=lambda path: path.relative_to(ROOT / "plugins").as_posix())
def test_a_plugin_imports_public_names_of_the_core_alone(source: Path) -> None:
    private = []
    for module_name, name in _imported_from_core(source):
        module = importlib.import_module(module_name)
        public = {*module.__all__, *(found.name for found in pkgutil.iter_modules(getattr(module, "__path__", ())))}
        if re.search(r"\._", module_name) or (name is not None and (name not in public or name.startswith("_"))):
            private.append(f"{module_name}:{name}")
    assert private == []


def test_every_module_of_the_core_stands_in_one_layer() -> None:
    listed = [name for layer in _layers() for name in layer]
    assert len(listed) == len(set(listed))
    assert set(listed) >= {found.name for found in pkgutil.iter_modules(flyte_core.__path__)}


def test_every_exception_to_the_layers_has_its_reason() -> None:
    lines = CONTRACTS.read_text(encoding="utf-8").splitlines()
    exceptions = [at for at, line in enumerate(lines) if re.match(r"\s+\S+ -> \S+$", line)]
    assert [lines[at] for at in exceptions if not lines[at - 1].lstrip().startswith("# ")] == []


def test_the_page_on_the_architecture_has_the_layers_in_their_order() -> None:
    section = (
        (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Layers")[2].partition("## ")[0]
    )
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    told = [set(re.findall(r"`(\w+)/?`", row)) for row in rows]
    found = {name.name for name in pkgutil.iter_modules(flyte_core.__path__) if not name.name.startswith("_")}
    assert told == [layer & found for layer in reversed(_layers()) if layer & found]
