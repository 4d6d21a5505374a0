"""The documentation has everything that it has to have: hooks, errors, commands, dependencies, and links that lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import click
import pytest

from flyte_core import errors
from flyte_core.registry.verify import hook_specifications

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    ROOT / "CHANGELOG.md",
]


def _read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["hooks.md", "errors.md", "cli.md"])
def test_a_generated_page_is_what_would_be_generated_now(page, generate):
    assert _read(page) == generate.PAGES[page](), "run: python docs/generate.py"


def test_the_generator_writes_stale_pages_only_without_check(generate, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(generate, "PAGES", {"hooks.md": generate.hook_page})
    assert generate.main(["--check"]) == 1
    assert "hooks.md" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize("hook", sorted(hook_specifications()))
def test_every_hook_is_documented_with_its_arguments_and_an_example(hook):
    section = re.search(rf"^## {hook}\n(.*?)(?=^## |\Z)", _read("hooks.md"), re.DOTALL | re.MULTILINE)
    assert section is not None
    assert "@hookimpl" in section[1]
    assert re.search(r"^Called by ", section[1], re.MULTILINE)
    arguments = hook_specifications()[hook].__code__
    for name in arguments.co_varnames[: arguments.co_argcount]:
        assert f"- `{name}`: " in section[1]


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"ErrorKind"}))
def test_every_public_exception_is_documented(name):
    section = re.search(rf"^### {name}\n(.*?)(?=^### |\Z)", _read("errors.md"), re.DOTALL | re.MULTILINE)
    assert section is not None
    assert len(section[1].split()) > 5


def _commands() -> list[str]:
    from flyte_core.cli.app import BUILT_IN

    found = [""]
    for name, (module, _) in BUILT_IN.items():
        command = importlib.import_module(module).command
        found.append(f"{name} ")
        if isinstance(command, click.Group):
            found += [f"{name} {sub} " for sub in command.commands]
    return found


@pytest.mark.parametrize("command", _commands())
def test_every_command_is_documented_with_its_help_text(command):
    assert f"$ flyte-core {command}--help\n" in _read("cli.md")


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    section = re.search(r"^## Dependencies\n(.*?)(?=^## )", _read("architecture.md"), re.DOTALL | re.MULTILINE)[1]
    names = [re.match(r"[\w.-]+", text)[0] for text in project["dependencies"]]
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", section)] == []
    assert [name for name in project["optional-dependencies"] if name != "python" and name not in section] == []


def test_every_module_has_its_line_in_the_layers():
    section = re.search(r"^## Layers\n(.*?)(?=^## )", _read("architecture.md"), re.DOTALL | re.MULTILINE)[1]
    modules = {
        path.stem
        for path in (ROOT / "flyte_core").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    assert {name for name in modules if not re.search(rf"`{name}/?`", section)} == set()


def test_every_entry_point_group_is_documented():
    from flyte_core.discovery import GROUPS

    text = _read("plugins.md")
    assert [group for group in GROUPS.values() if f"`{group}`" not in text] == []


def test_every_setting_is_documented():
    import attrs

    from flyte_core.config import Settings

    text = _read("cli.md")
    assert [field.name for field in attrs.fields(Settings) if f"FLYTE_CORE_{field.name.upper()}" not in text] == []


def test_every_area_with_a_defect_of_the_reference_is_among_the_differences():
    cases = [
        path
        for path in (ROOT / "tests" / "parity" / "expected").glob("*.json")
        if "defect" in json.loads(path.read_text())
    ]
    waiting = (ROOT / "tests" / "parity" / "expected_failures.txt").read_text().split()
    areas = {path.stem.partition("_")[0] for path in cases if path.stem not in waiting}
    headings = {
        "container": "Containers",
        "extend": "Hooks",
        "image": "Images",
        "override": "Overriding",
        "resources": "Declaring",
        "spec": "Declaring",
        "types": "Types and values",
        "values": "Types and values",
    }
    assert areas <= set(headings)
    assert [area for area in areas if f"\n## {headings[area]}\n" not in _read("differences.md")] == []


# ---- links -----------------------------------------------------------------------------------------------


def _slug(heading: str) -> str:
    """Give the anchor of a heading, as GitHub makes it."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"`|\*", "", heading).strip().lower())
    return plain.replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_inside_the_project_leads_somewhere(page):
    text = re.sub(r"`{3,}.*?`{3,}", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"(?<!`)\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_in_the_table_of_contents():
    index = _read("index.md")
    names = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert {name for name in names if not re.search(rf"^{name}$", index, re.MULTILINE)} == set()


def test_the_pages_name_no_machine_and_no_path_of_one():
    suspicious = re.compile(r"/(?:home|root|Users|work|opt)/|\blocalhost\b|127\.0\.0\.1")
    assert [page.name for page in PAGES if suspicious.search(page.read_text(encoding="utf-8"))] == []
