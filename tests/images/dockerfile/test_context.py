"""The build context on disk."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from flyte_core.errors import MissingSourceError
from flyte_core.images.dockerfile import ContextFile, Plan, write_context


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, ".")
    return buffer.getvalue()


def test_the_same_plan_is_the_same_context_whenever_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    plan = Plan(
        text="FROM scratch\n",
        files=(
            ContextFile(path="x/y/a", source=str(tmp_path / "a")),
            ContextFile(path="x/run", source=b"#!/bin/sh\n", executable=True),
            ContextFile(path="x/link", source="", target="y/a"),
        ),
        folders=("x", "empty"),
    )
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / "a").touch()
        (tmp_path / "a").chmod(0o600 if name == "one" else 0o666)
        dockerfile, context = write_context(plan, tmp_path / name)
        assert dockerfile.read_text() == "FROM scratch\n"
        written.append(_packed(context))
    assert written[0] == written[1]
    with tarfile.open(fileobj=io.BytesIO(written[0])) as archive:
        members = {member.name: member for member in archive}
    assert {(member.mtime, member.mode) for member in members.values() if member.isfile()} == {
        (315619200, 0o644),
        (315619200, 0o755),
    }
    assert members["./x/run"].mode == 0o755
    assert members["./x/link"].linkname == "y/a"
    assert members["./empty"].isdir()


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    plan = Plan(text="", files=(ContextFile(path="a", source=str(tmp_path / "absent")),))
    (tmp_path / "work").mkdir()
    with pytest.raises(MissingSourceError, match="absent"):
        write_context(plan, tmp_path / "work")
