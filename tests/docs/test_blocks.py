"""Every code block of the README and of the documentation does what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import CHECKED, Block, BlockError, Page, read_blocks, read_needs
from tests.support.engines import image_of_the_docs
from tests.support.task_images import image_of_the_docs_tasks

ROOT = Path(__file__).parents[2]
#: What a page may need of the machine; each makes it ready, skips the test, or fails it where it must be there.
NEEDS = {"docker": image_of_the_docs, "tasks": image_of_the_docs_tasks}

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "plugins").glob("*/README.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_blocks_of_a_page_do_what_it_says(page, tmp_path):
    for need in read_needs(page.read_text(encoding="utf-8")):
        NEEDS[need]()
    script = Path(__file__).with_name("blocks.py")
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {k: v for k, v in os.environ.items() if not k.startswith("FLYTE_CORE_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(page), str(work)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={
            **settings,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": os.pathsep.join(paths),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_says_its_language(page):
    nameless = [block.line for block in read_blocks(page.read_text(encoding="utf-8")) if not block.language]
    assert not nameless


def test_code_is_among_what_is_checked():
    blocks = [block for page in PAGES for block in read_blocks(page.read_text(encoding="utf-8"))]
    run = [block for block in blocks if block.language in CHECKED and "skip" not in block.options]
    assert len(run) > 40


def _page(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return Page(path, folder)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nraise ValueError('no')\n```\n",
        "```python raises=ValueError\npass\n```\n",
        "```python\nprint(1)\n```\n\n```text output\n2\n```\n",
        "```console\n$ python -c 'print(1)'\n2\n```\n",
        "```console\n$ python -c 'raise SystemExit(1)'\n```\n",
        "```console\n$ rm x\n```\n",
        "```python skip\nx\n```\n",
        "```python wrong=1\nx\n```\n",
    ],
    ids=["raises", "does not raise", "output", "command's output", "status", "other command", "no reason", "option"],
)
def test_a_block_that_does_something_else_is_an_error(text, tmp_path):
    with pytest.raises(BlockError):
        _page(tmp_path, text).run()


def test_the_blocks_of_a_page_are_one_program_and_dots_stand_for_anything(tmp_path):
    page = _page(
        tmp_path, "```python\nx = 20\n```\n\n```python\nprint('at', x + 1)\n```\n\n```text output\n... 21\n```\n"
    )
    assert page.run() == 3


@pytest.mark.parametrize(
    ("backend", "included", "wrong"),
    [
        ("hatchling.build", None, "says what its wheel includes"),
        ("setuptools.build_meta", "here.py", "names it as its build backend"),
        ("hatchling.build", "elsewhere.py", "elsewhere.py"),
    ],
    ids=["includes nothing", "other backend", "missing module"],
)
def test_a_project_that_would_install_nothing_is_an_error(backend, included, wrong, tmp_path):
    wheel = f'[tool.hatch.build.targets.wheel]\ninclude = ["{included}"]\n' if included else ""
    text = (
        "```python file=p/here.py\n```\n\n```toml file=p/pyproject.toml\n"
        f'[build-system]\nbuild-backend = "{backend}"\n[project]\nname = "p"\nversion = "1"\n{wheel}```\n'
    )
    with pytest.raises(BlockError, match=wrong):
        _page(tmp_path, text).run()


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("# Title\n\n<!-- needs: docker -->\n", ["docker"]),
        ("<!-- needs: docker, more -->\n", ["docker", "more"]),
        ("# Title\n\nIt needs: docker\n", []),
    ],
)
def test_a_page_says_what_it_needs_in_a_comment(text, needs):
    assert read_needs(text) == needs


def test_a_block_is_read_with_its_options_and_line():
    text = '# Title\n\n```python skip="needs a cluster"\nx\n```\n'
    [block] = read_blocks(text)
    assert block == Block(language="python", options={"skip": "needs a cluster"}, text="x\n", line=4)
