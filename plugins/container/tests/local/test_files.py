"""The folders of a container, and archives from an engine, which may say anything."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from flyte_core_container.errors import OutputError
from flyte_core_container.local.files import Staging, extract, open_to_all, pack, staging_root


def archive(*members: tuple[str, bytes | str | None]) -> Iterator[bytes]:
    """Stream a tar file of files (bytes), links (text) and folders (None) in small chunks."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    return (data[at : at + 100] for at in range(0, len(data), 100))


def test_folders_are_open_to_every_user() -> None:
    staging = Staging.make()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (staging.inputs, staging.outputs)] == [0o777, 0o777]
    assert stat.S_IMODE(staging_root().stat().st_mode) == 0o700
    staging.remove()
    assert not staging.root.exists()


def test_a_folder_goes_through_an_archive_and_back(tmp_path: Path) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "deep").mkdir(parents=True)
    (here / "deep" / "ü ").write_bytes(b"\x00\xff")
    back.mkdir()
    with pack([(here, PurePosixPath("/var/inputs"))]) as file, tarfile.open(fileobj=file) as tar:
        assert [member.name for member in tar] == ["var/inputs", "var/inputs/deep", "var/inputs/deep/ü "]
        assert {(member.uid, member.gid, oct(member.mode)) for member in tar} == {(0, 0, "0o777"), (0, 0, "0o666")}
    extract(archive(("outputs", None), ("outputs/deep", None), ("outputs/deep/x", b"1" * 1000)), back)
    assert (back / "deep" / "x").read_bytes() == b"1" * 1000


def test_a_single_file_keeps_its_name(tmp_path: Path) -> None:
    extract(archive(("_ERROR", b"why")), tmp_path, is_file=True)
    assert (tmp_path / "_ERROR").read_bytes() == b"why"


@pytest.mark.parametrize(
    "members",
    [
        [("outputs/../x", b"1")],
        [("outputs/a", "/"), ("outputs/a/x", b"1")],
        [("outputs/a", "../.."), ("outputs/a/b/x", b"1")],
        [("outputs/a", "x"), ("outputs/a", b"1")],
    ],
)
def test_an_archive_writes_nowhere_else(tmp_path: Path, members: list[tuple[str, bytes | str | None]]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((OutputError, FileExistsError)):
        extract(archive(*members), target)
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and target not in path.parents] == []


def test_links_come_as_links_and_devices_not_at_all(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind in (("o/pipe", tarfile.FIFOTYPE), ("o/device", tarfile.CHRTYPE), ("o/link", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    extract(iter([buffer.getvalue()]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
    assert (tmp_path / "link").is_symlink()


def test_files_are_opened_to_readers_without_taking_anything_away(tmp_path: Path) -> None:
    folder, file, program = tmp_path / "d", tmp_path / "d" / "f", tmp_path / "p"
    folder.mkdir(mode=0o700)
    file.write_text("")
    file.chmod(0o600)
    program.write_text("")
    program.chmod(0o711)
    (tmp_path / "link").symlink_to("/etc/shadow")
    open_to_all(tmp_path)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file, program)] == [0o755, 0o644, 0o755]
