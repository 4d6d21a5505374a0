"""Images that a real engine builds, and what is in them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyte_core.errors import ImageBuildError
from flyte_core.models import Image, Secret
from tests.support.wheels import wheel

TRICKY = {
    "QUOTES": 'it\'s "x" `b` \\ \\n',
    "DOLLARS": r"$5 $$ \$HOME",
    "LINES": "one\ntwo\n",
    "EMPTY": "",
    "BLANKS": "  lead and trail ",
    "SIGNS": "#<>|&;*?!~=%é",
    "TWICE": "$EMPTY$BLANKS.",
}


def test_texts_paths_and_commands_come_out_of_an_image_as_they_went_in(
    box: Image, build: Any, api: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    name = "a [1] *b* it's $x"
    (tmp_path / name).write_text("inside")
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my folder" / "run me").write_text("#!/bin/sh\n")
    (tmp_path / "my folder" / "run me").chmod(0o755)
    (tmp_path / "my folder" / "link").symlink_to("run me")
    image = (
        box.with_env_vars(TRICKY)
        .with_workdir("/my work/it's")
        .with_source_file(tmp_path / name)
        .with_source_folder(tmp_path / "my folder")
        .with_commands(["printf '%s\\n' \"$QUOTES\" > said", "cat <<X > here\na  'b'\n# c\nX\necho $SIGNS >> here"])
    )
    built = build(image)
    assert built.uri == image.uri
    config = api.inspect_image(built.uri)["Config"]
    env = dict(pair.split("=", 1) for pair in config["Env"])
    assert {key: env[key] for key in TRICKY} == {
        **TRICKY,
        "DOLLARS": "$5 $$ $HOME",
        "TWICE": "  lead and trail .",
    }
    assert config["WorkingDir"] == "/my work/it's"
    assert shell(built.uri, "cat said") == TRICKY["QUOTES"] + "\n"
    assert shell(built.uri, "cat here").startswith("a  'b'\n# c\n#<>|&;")
    assert shell(built.uri, 'cat "./a [1] *b* it\'s \\$x"') == "inside"
    assert shell(built.uri, "ls -l 'my folder'").count("run me") == 2


def test_a_package_of_the_index_is_installed_and_imported_by_any_user(
    python_image: str, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text('colorama<99; python_version >= "3.8"\n')
    image = (
        Image.from_base(python_image)
        .clone(name="flyte-core-test-index")
        .with_pip_packages("idna<4")
        .with_requirements(tmp_path / "requirements.txt")
        .with_commands(["uv pip list --format json > /listed", "adduser -D someone 2>/dev/null || true"])
    )
    uri = build(image).uri
    listed = {one["name"] for one in json.loads(shell(uri, "cat /listed"))}
    assert listed == {"idna", "colorama"}
    program = "import idna, colorama, sys; print(sys.prefix, *sys.version_info[:2])"
    assert shell(uri, f"python -c '{program}'").split() == ["/opt/venv", *map(str, sys.version_info[:2])]
    assert shell(uri, "su -s /bin/sh user -c \"/opt/venv/bin/python -c 'import idna; print(1)'\"") == "1\n"
    # Nothing is left of uv and its cache.
    assert shell(uri, "ls -A /opt/uv /var/cache/uv") == "/opt/uv:\n\n/var/cache/uv:\n"


def test_offline_nothing_but_the_folder_of_wheels_is_asked(
    python_image: str, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    download = ["download", "--quiet", "--no-deps", "--dest", str(folder), "uv"]
    subprocess.run([sys.executable, "-m", "pip", *download], check=True)
    (folder / "apart-1.0-py3-none-any.whl").write_bytes(wheel("apart", needs="basis>=1"))
    (folder / "basis-2.0-py3-none-any.whl").write_bytes(wheel("basis", "2.0"))
    image = Image.from_base(python_image).clone(name="flyte-core-test-offline").with_pip_packages("apart")
    uri = build(image, wheels=str(folder), offline=True, index_url="http://127.0.0.1:1/simple").uri
    assert shell(uri, "python -c 'import apart, basis; print(basis.VERSION)'") == "2.0\n"


@pytest.mark.parametrize("given", [False, True])
def test_a_package_of_the_system_is_installed_and_leaves_no_lists(
    given: bool, debian_image: str, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    base = Image.from_base(debian_image).clone(name="flyte-core-test-apt")
    settings = {}
    if given:
        (tmp_path / "given.list").write_text(shell(debian_image, "cat /etc/apt/sources.list"))
        settings = {"apt_sources": str(tmp_path / "given.list")}
        base = base.with_commands(["echo deb http://127.0.0.1:1/ nowhere main > /etc/apt/sources.list"])
    uri = build(base.with_apt_packages("hello"), **settings).uri
    assert shell(uri, "hello") == "Hello, world!\n"
    assert shell(uri, "ls -A /var/cache/apt /var/lib/apt/lists").split() == ["/var/cache/apt:", "/var/lib/apt/lists:"]


def test_a_dockerfile_of_ones_own_is_built_with_what_its_ignore_file_leaves(
    box: Image, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "Own").write_text(f"FROM {box.base_image}\nCOPY . /app/\n")
    (tmp_path / "Own.dockerignore").write_text("*.log\n")
    # The one of the Dockerfile's own name stands above it.
    (tmp_path / ".dockerignore").write_text("kept\n")
    for name in ("kept", "left.log"):
        (tmp_path / name).write_text("x")
    image = Image.from_dockerfile(tmp_path / "Own", registry="registry.example.com", name="own")
    uri = build(image).uri
    assert "kept" in shell(uri, "ls /app").split()
    assert "left.log" not in shell(uri, "ls /app").split()


def test_a_dry_run_tells_and_asks_no_engine(box: Image, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    built = build(box.with_commands(["true"]), dry_run=True)
    assert built.said[0].startswith(f"FROM {box.base_image}\n")
    assert "Build context, 0 files" in built.said[0]
    assert built.progress == []


PLANTED = "pl4nted-s3cret/v@lue"


def _every_byte(data: bytes) -> list[bytes]:
    """Give a saved image, and everything in it unpacked."""
    found = [data]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                content = file.read()
                found.append(content)
                if member.name.endswith(".tar"):
                    found += _every_byte(content)[1:]
    return found


def test_secrets_of_a_build_are_in_no_layer_history_tag_log_or_dockerfile(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAIN", PLANTED)
    monkeypatch.setenv("MOUNTED", f"first\n{PLANTED}-2")
    secrets: list[str | Secret] = ["PLAIN", Secret(key="mounted", mount="/etc/the-token")]
    image = box.with_commands(
        [
            f'test "$PLAIN" = "{PLANTED[:4]}""{PLANTED[4:]}" && cat /etc/the-token; echo {uuid.uuid4()} "have $PLAIN"',
            # An engine says nothing of what it has built once.
            f"echo {uuid.uuid4()}\necho $PLAIN",
        ],
        secret_mounts=secrets,
    )
    # The command itself must not have it in one piece.
    assert PLANTED not in image.uri
    built = build(image)
    said = "\n".join(built.progress)
    assert "have ***" in said
    assert PLANTED not in said
    saved = subprocess.run(["docker", "save", built.uri], capture_output=True, check=True).stdout
    history = subprocess.run(["docker", "history", "--no-trunc", built.uri], capture_output=True, check=True).stdout
    for content in [*_every_byte(saved), history]:
        assert PLANTED.encode() not in content
    assert os.listdir(tmp_path / "tmp") == []


def test_a_secret_that_is_missing_is_told_before_anything_is_built(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    image = box.with_commands(["true"], secret_mounts=Secret(key="absent-one", group="g"))
    with pytest.raises(ImageBuildError, match="variable G_ABSENT_ONE nor the file /etc/secrets/g_absent-one"):
        build(image)


def test_an_image_is_built_again_out_of_the_engines_cache(box: Image, build: Any, api: Any, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("a")
    image = box.with_source_folder(tmp_path / "source").with_commands(["date +%N > /when; cat /proc/uptime >> /when"])
    first = api.inspect_image(build(image).uri)["RootFS"]["Layers"]
    os.utime(tmp_path / "source" / "a")
    again = build(image)
    assert api.inspect_image(again.uri)["RootFS"]["Layers"] == first
    assert any("CACHED" in line for line in again.progress)
