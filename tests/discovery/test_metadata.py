from __future__ import annotations

import importlib.metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.discovery.metadata import entry_points, name_and_version

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=8)
_groups = st.dictionaries(
    st.sampled_from(["flyte_core.hooks", "flyte_core.task_types", "console_scripts", "flyte_cor"]),
    st.dictionaries(_words, _words, max_size=4),
)


@given(_groups)
def test_entry_points_of_our_groups_are_read_as_python_reads_them(groups):
    text = "\n".join(
        f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in names.items()) for group, names in groups.items()
    )
    theirs = importlib.metadata.EntryPoints._from_text(text)
    assert entry_points(text.encode(), "flyte_core.") == [
        (ep.group, ep.name, ep.value) for ep in theirs if ep.group.startswith("flyte_core.")
    ]


@given(st.binary(max_size=200))
def test_no_content_whatever_breaks_the_parser(content):
    entry_points(b"[flyte_core.hooks]\n" + content, "flyte_core.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# flyte_core.\n[flyte_core.hooks]\n# c\n; c\na = b\n", [("flyte_core.hooks", "a", "b")]),
        ("[flyte_core.hooks]\r\na = b [x,y]\r\n", [("flyte_core.hooks", "a", "b")]),
        ("[flyte_core.hooks]\nno equals sign\n= b\na =\nc=d:e", [("flyte_core.hooks", "c", "d:e")]),
        ("a = flyte_core.b", []),
        ("", []),
    ],
)
def test_lines_that_are_no_entry_point_are_passed_over(text, found):
    assert entry_points(text.encode(), "flyte_core.") == found


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("Flyte_Core.SQL-1.0.0.dist-info", ("flyte-core-sql", "1.0.0")),
        ("pkg-1!2.0.post1+local.dist-info", ("pkg", "1!2.0.post1+local")),
        ("pkg.egg-info", ("pkg", "")),
        ("my_pkg-1.0-py3.11.egg-info", ("my-pkg", "1.0")),
        ("my_pkg-1.0-py3.11.egg", ("my-pkg", "1.0")),
        ("nothing.dist-info", ("nothing", "")),
    ],
)
def test_name_and_version_are_read_from_the_folder(folder, expected):
    assert name_and_version(folder) == expected
