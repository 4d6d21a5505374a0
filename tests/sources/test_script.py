"""The metadata block of a script."""

import pytest

from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources import script_metadata

BLOCK = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "httpx",\n# ]\n#\n# [tool.uv]\n# x = 1\n# ///\n'
DATA = {"requires-python": ">=3.11", "dependencies": ["httpx"], "tool": {"uv": {"x": 1}}}


def script(tmp_path, text):
    (tmp_path / "main.py").write_bytes(text.encode())
    return tmp_path / "main.py"


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        f"#!/usr/bin/env -S uv run --script\n{BLOCK}\nprint(1)\n",
        f"print(1)\n{BLOCK}",
        BLOCK.replace("\n", "\r\n"),
        f"\ufeff{BLOCK}",
        BLOCK.rstrip("\n"),
        f"# /// other\n# a = 1\n# ///\n\n{BLOCK}",
    ],
)
def test_a_block_is_read_as_data(tmp_path, text):
    assert script_metadata(script(tmp_path, text)) == DATA


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print(1)\n", "no metadata block"),
        ("# /// script\n# a = 1\n", "no metadata block"),
        ("# /// script\n# a = 1\nprint(1)\n# ///\n", "no metadata block"),
        (f"{BLOCK}\n{BLOCK}", "2 metadata blocks"),
        ("# /// script\n# a =\n# ///\n", "metadata block is no TOML"),
    ],
)
def test_a_script_that_declares_nothing_readable_is_refused(tmp_path, text, problem):
    with pytest.raises(SourceError, match=f"main.py: .*{problem}"):
        script_metadata(script(tmp_path, text))


def test_a_script_that_is_missing_or_a_folder_is_named(tmp_path):
    with pytest.raises(MissingSourceError, match="nowhere.py"):
        script_metadata(tmp_path / "nowhere.py")
    with pytest.raises(SourceError, match="folder"):
        script_metadata(tmp_path)
