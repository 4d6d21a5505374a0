"""Archives that mean harm: nothing gets out of the folder, and nothing stands under the final name."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flyte_core.errors import BundleError
from tests.bundle.conftest import Archive, everything_below

Make: TypeAlias = Callable[[Archive], None]

SYM, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE


def one(name: str, **attributes: object) -> Make:
    return lambda archive: archive.add(name, **attributes)


def several(*entries: tuple[str, dict[str, object]]) -> Make:
    def make(archive: Archive) -> None:
        for name, attributes in entries:
            archive.add(name, **attributes)

    return make


def file(name: str, content: bytes = b"harm") -> tuple[str, dict[str, object]]:
    return name, {"content": content}


def link(name: str, target: str, kind: bytes = SYM) -> tuple[str, dict[str, object]]:
    return name, {"type": kind, "linkname": target}


def folder(name: str) -> tuple[str, dict[str, object]]:
    return name, {"type": tarfile.DIRTYPE}


def raw(change: Callable[[bytearray], None], content: bytes = b"x = 1\n") -> Make:
    """An archive whose bytes are changed before they are compressed."""

    def make(archive: Archive) -> None:
        archive.tar.close()
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name in ("a.py", "b.py"):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        changed = bytearray(data.getvalue())
        change(changed)
        archive.path.write_bytes(gzip.compress(bytes(changed)))

    return make


def checked(block: bytearray, at: int) -> None:
    """Give a changed header its right checksum."""
    block[at + 148 : at + 156] = b" " * 8
    block[at + 148 : at + 156] = b"%06o\0 " % sum(block[at : at + 512])


def second_header_spoiled(data: bytearray) -> None:
    data[1024 + 10] ^= 0xFF


def negative_size(data: bytearray) -> None:
    data[1024 + 124 : 1024 + 136] = b"\xff" * 4 + struct.pack(">q", -512)
    checked(data, 1024)


def long_header(kind: bytes) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[1024 + 124 : 1024 + 136] = b"%011o\0" % (1 << 32)
        data[1024 + 156 : 1024 + 157] = kind
        checked(data, 1024)

    return change


def behind_the_end(data: bytearray) -> None:
    data += b"more" * 128


def far_behind_the_end(data: bytearray) -> None:
    data += bytes(2**20) + b"more"


def tampered(change: Callable[[bytes], bytes]) -> Make:
    def make(archive: Archive) -> None:
        archive.add("a.py", os.urandom(5000))
        archive.tar.close()
        archive.path.write_bytes(change(archive.path.read_bytes()))

    return make


def bomb(archive: Archive) -> None:
    archive.add("zeros", bytes(80 * 2**20))


def sparse(archive: Archive) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a", "GNU.sparse.realsize": "9999"}
    content = b"1\n0\n4\n".ljust(512, b"\0") + b"data"
    archive.add("GNUSparseFile.0/a", content, pax_headers=headers)


CORPUS: dict[str, tuple[Make, str]] = {
    # names
    "an absolute name": (one("/tmp/flyte-core-escaped", content=b"x"), "absolute"),
    "an absolute name of Windows": (one("\\windows\\a"), "absolute"),
    "a drive": (one("C:/a"), "absolute"),
    "a drive without a slash": (one("c:a"), "absolute"),
    "a share": (one("\\\\host\\share\\a"), "absolute"),
    "a name that leads up": (one("../escaped", content=b"x"), "leads out"),
    "a name that leads up in the middle": (one("a/../../escaped", content=b"x"), "leads out"),
    "a name that leads up in the end": (one("a/..", content=b"x"), "leads out"),
    "a name that leads up with backslashes": (one("a\\..\\..\\escaped", content=b"x"), "leads out"),
    "a name that leads up behind a dot": (one("./../escaped", content=b"x"), "leads out"),
    "a folder that leads up": (one("../escaped", type=tarfile.DIRTYPE), "leads out"),
    "a name in extended headers that leads up": (one("a", pax_headers={"path": "../escaped"}), "leads out"),
    "a file that is the folder itself": (one("./", content=b"", type=tarfile.CONTTYPE), "unknown type"),
    "a file named as the folder": (one(".", content=b"x"), "means the folder itself"),
    "an empty name": (one("a", pax_headers={"path": ""}), "empty"),
    "a NUL in a name": (one("a", pax_headers={"path": "a\0../b"}), "NUL"),
    "a name of five thousand signs": (one("a/" * 2500 + "b"), "5001 signs"),
    "a part of a name that is too long": (one("a" * 300, content=b"x"), "File name too long"),
    # links
    "a link to an absolute path": (several(link("a", "/etc/passwd")), "absolute"),
    "a link that leads up": (several(link("a", "../escaped")), "leads out"),
    "a link in a folder that leads up": (several(link("a/b", "../../escaped")), "leads out"),
    "a link that leads up over another link": (
        several(folder("d/e"), link("d/e/up", "../.."), link("out", "d/e/up/../escaped")),
        "leads out",
    ),
    "a link with backslashes that leads up": (several(link("a", "b\\..\\..\\escaped")), "leads out"),
    "a link that is the folder itself": (several(link(".", "a")), "means the folder itself"),
    "a link without a target": (several(link("a", "")), "empty"),
    "a hard link to an absolute path": (several(link("a", "/etc/passwd", HARD)), "absolute"),
    "a hard link that leads up": (several(link("a", "../escaped", HARD)), "leads out"),
    "a hard link to what comes later": (several(link("a", "b", HARD), file("b")), "no file that comes before"),
    "a hard link to a link": (several(link("a", "b"), link("c", "a", HARD)), "no file that comes before"),
    "a hard link to a folder": (several(folder("a"), link("c", "a", HARD)), "no file that comes before"),
    "a link with content": (several(("a", {"type": SYM, "linkname": "b", "content": bytes(512)})), "has content"),
    "a link in the place of what unpacking writes": (several(link(".flyte-core-bundle", "a/b")), "is kept for"),
    "a link in a folder of what unpacking writes": (
        several(link("..flyte-core-bundle.0123456789abcdef.flyte-core-draft/held", "../a/b")),
        "is kept for",
    ),
    "a file in the place of what unpacking writes": (several(file(".FLYTE-core-bundle")), "is kept for"),
    # names that are used again
    "a file through a link": (several(link("a", "b"), file("a/c")), "lies below 'a', which is a link"),
    "a file in the place of a link": (several(link("a", "b"), file("a")), "there twice"),
    "a link in the place of a file": (several(file("a"), link("a", "b"), file("a")), "there twice"),
    "a link in the place of a folder": (several(folder("a"), link("a", ".."), file("a/b")), "leads out|there twice"),
    "a link in the place of a folder that is implied": (several(file("a/b"), link("a", "c")), "there twice"),
    "a file in the place of a folder": (several(file("a/b"), file("a")), "there twice"),
    "a file below a file": (several(file("a"), file("a/b")), "lies below 'a', which is a file"),
    "a file twice": (several(file("a"), file("a", b"other")), "there twice"),
    "a file twice under two spellings": (several(file("a/b"), file("./a//b", b"other")), "there twice"),
    "names that differ in case": (several(file("a.py"), file("A.py")), "one name"),
    "folders that differ in case": (several(file("pkg/a"), file("PKG/b")), "one name"),
    "names that differ in composition": (several(file("\u00e9.py"), file("e\u0301.py")), "one name"),
    "names that differ in folded case": (several(file("stra\u00dfe"), file("STRASSE")), "one name"),
    "a link that differs in case from its folder": (several(link("A", "b"), file("a/c")), "one name"),
    # kinds
    "a character device": (one("a", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "a device"),
    "a block device": (one("a", type=tarfile.BLKTYPE, devmajor=8), "a device"),
    "a named pipe": (one("a", type=tarfile.FIFOTYPE), "a named pipe"),
    "a type that is unknown": (one("a", type=b"Z"), "unknown type"),
    "a sparse file": (sparse, "sparse"),
    "a folder with content": (several(("a", {"type": tarfile.DIRTYPE, "content": bytes(512)})), "has content"),
    # sizes
    "more than its size allows": (bomb, "300 times its own size"),
    "a negative size": (raw(negative_size), "negative|damaged"),
    "a long name of four gigabytes": (raw(long_header(tarfile.GNUTYPE_LONGNAME)), "a header announces 4294967296"),
    "a long target of four gigabytes": (raw(long_header(tarfile.GNUTYPE_LONGLINK)), "a header announces"),
    "extended headers of four gigabytes": (raw(long_header(tarfile.XHDTYPE)), "a header announces"),
    "extended headers for all of four gigabytes": (raw(long_header(tarfile.XGLTYPE)), "a header announces"),
    # damage
    "an empty file": (tampered(lambda data: b""), "damaged"),
    "no gzip file": (tampered(lambda data: b"PK\3\4" + data), "damaged"),
    "no tar archive": (tampered(lambda data: gzip.compress(b"text" * 500)), "damaged"),
    "an archive that ends early": (tampered(lambda data: data[:-600]), "damaged"),
    "an archive without its checksum": (tampered(lambda data: data[:-8]), "damaged"),
    "an archive with a wrong checksum": (tampered(lambda data: data[:-8] + bytes(8)), "damaged"),
    "a byte that is changed": (tampered(lambda data: data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]), "damaged"),
    "something behind the gzip file": (tampered(lambda data: data + b"more"), "damaged"),
    "a header that is spoiled": (raw(second_header_spoiled), "something behind its last entry"),
    "something behind the end": (raw(behind_the_end), "something behind its last entry"),
    "something far behind the end": (raw(far_behind_the_end), "something behind its last entry"),
    "a tar archive that ends early": (raw(lambda data: data.__delitem__(slice(1100, None))), "damaged"),
    "a file that ends early": (raw(lambda data: data.__delitem__(slice(700, None)), bytes(600)), "damaged"),
}


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 30


@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
@pytest.mark.parametrize("name", sorted(CORPUS))
def test_an_archive_with_bad_intent_is_refused_and_leaves_nothing(tmp_path, archive, cache, name, there):
    make, message = CORPUS[name]
    (tmp_path / "home").mkdir()
    destination = tmp_path / "home" / "code"
    if there:
        destination.mkdir()
        (destination / "own.py").write_text("own")
    make(archive)
    archive.tar.close()
    (tmp_path / "locks").mkdir()
    before = everything_below(tmp_path)
    with pytest.raises(BundleError, match=message) as raised:
        archive.unpack(destination)
    assert str(archive.path) in str(raised.value)
    new = everything_below(tmp_path) - before
    assert {path for path in new if path.split("/")[0] != "cache"} == set()
    assert not Path("/tmp/flyte-core-escaped").exists()
    if there:
        assert os.listdir(destination) == ["own.py"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"entries": 2}, "more than 2 entries"),
        ({"size": 25}, "more than 25 bytes"),
        ({"ratio": 300}, None),
    ],
)
def test_how_much_an_archive_may_hold_can_be_chosen(tmp_path, archive, cache, limits, message):
    for name in ("a", "b", "c"):
        archive.add(name, b"0123456789")
    if message is None:
        assert archive.unpack(tmp_path / "code", **limits) == tmp_path / "code"
        return
    with pytest.raises(BundleError, match=message):
        archive.unpack(tmp_path / "code", **limits)
    assert not (tmp_path / "code").exists()


def test_a_hard_link_counts_with_the_size_of_its_file(tmp_path, archive, cache):
    archive.add("a", bytes(1000))
    for number in range(20):
        archive.add(f"copy{number}", type=HARD, linkname="a")
    with pytest.raises(BundleError, match="more than 10000 bytes"):
        archive.unpack(tmp_path / "code", size=10_000)


def test_names_are_counted_before_they_are_made(tmp_path, archive, cache):
    """Folders count as files do, and are what costs most."""
    for number in range(50):
        archive.add(f"d{number}", type=tarfile.DIRTYPE)
    with pytest.raises(BundleError, match="more than 20 entries"):
        archive.unpack(tmp_path / "code", entries=20)


def test_a_bit_that_gives_rights_is_dropped_and_nothing_else_of_a_mode_counts(tmp_path, archive, cache):
    archive.add("setuid", b"x", mode=0o6777)
    archive.add("plain", b"x", mode=0o000)
    archive.add("sticky", type=tarfile.DIRTYPE, mode=0o7000)
    archive.add("sticky/inside", b"x", mode=0o1644)
    old = os.umask(0o022)
    try:
        code = archive.unpack(tmp_path / "code")
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in code.rglob("*") if not path.name.startswith(".")}
    assert modes == {"setuid": 0o755, "plain": 0o644, "sticky": 0o755, "inside": 0o644}
    assert code.stat().st_mode & 0o7777 == 0o755


def test_files_belong_to_this_process_and_have_the_present_time(tmp_path, archive, cache):
    archive.add("a.py", b"x", uid=12345, gid=12345, uname="other", mtime=0)
    code = archive.unpack(tmp_path / "code")
    seen = (code / "a.py").stat()
    assert (seen.st_uid, seen.st_gid) == (os.getuid(), os.getgid())
    assert seen.st_mtime >= archive.path.stat().st_mtime - 60


def test_a_link_inside_of_the_folder_is_made(tmp_path, archive, cache):
    archive.add("a/b/target.txt", b"text")
    archive.add("a/link", type=SYM, linkname="b/target.txt")
    archive.add("a/b/up", type=SYM, linkname="../../top.txt")
    archive.add("top.txt", b"top")
    archive.add("folder", type=SYM, linkname="a/b")
    code = archive.unpack(tmp_path / "code")
    assert (code / "a" / "link").read_text() == "text"
    assert (code / "a" / "b" / "up").read_text() == "top"
    assert os.readlink(code / "folder") == "a/b"


def test_a_hard_link_becomes_a_copy(tmp_path, archive, cache):
    archive.add("a.sh", b"text", mode=0o755)
    archive.add("b.sh", type=HARD, linkname="./a.sh")
    code = archive.unpack(tmp_path / "code")
    assert (code / "b.sh").read_bytes() == b"text"
    assert (code / "b.sh").stat().st_nlink == 1
    assert os.access(code / "b.sh", os.X_OK)


def test_an_archive_that_tar_has_made_is_unpacked(tmp_path, archive, cache, project):
    """With names that begin with a dot, entries for folders, times and owners."""
    archive.tar.close()
    os.system(f"tar czf {archive.path} -C {project} .")
    code = archive.unpack(tmp_path / "code")
    assert everything_below(code) - {".flyte-core-bundle"} == everything_below(project)
