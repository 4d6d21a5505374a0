"""Images that a real buildah builds, and what is in them."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flyte_core_image_buildah import BuildahImageBuilder, LocalStorageChecker

from flyte_core.errors import ImageBuildError
from flyte_core.images.protocol import BuildRequest, building
from flyte_core.models import Image, Secret
from tests.support.registries import Registry

TRICKY = {
    "QUOTES": 'it\'s "x" `b` \\ \\n',
    "DOLLARS": r"$5 $$ \$HOME",
    "LINES": "one\ntwo",
    "EMPTY": "",
    "BLANKS": "  lead and trail ",
    "TWICE": "$EMPTY$BLANKS.",
}


def test_texts_paths_and_commands_come_out_of_an_image_as_they_went_in(
    box: Image, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    name = "a [1] it's $x"
    (tmp_path / name).write_text("inside")
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my folder" / "run me").write_text("#!/bin/sh\n")
    image = (
        box.with_env_vars(TRICKY)
        .with_workdir("/my work/it's")
        .with_source_file(tmp_path / name)
        .with_source_folder(tmp_path / "my folder")
        .with_commands(["printf '%s\\n' \"$QUOTES\" > said", "cd /\necho a  'b' > here"])
    )
    built = build(image)
    assert built.uri == image.uri
    env = shell(built.uri, "env")
    for key in ("QUOTES", "LINES", "BLANKS", "EMPTY"):
        assert f"{key}={TRICKY[key]}\n" in env
    assert "DOLLARS=$5 $$ $HOME\n" in env
    assert "TWICE=  lead and trail .\n" in env
    assert shell(built.uri, "pwd; cat said /here") == f"/my work/it's\n{TRICKY['QUOTES']}\na b\n"
    assert shell(built.uri, 'cat "./a [1] it\'s \\$x"') == "inside"
    assert shell(built.uri, "ls 'my folder'") == "run me\n"


def test_packages_are_installed_again_when_their_file_changes_and_uv_comes_out_of_the_cache(
    python_image: str, build: Any, shell: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    image = Image.from_base(python_image).clone(name="packages").with_requirements(file)
    for package in ("idna", "colorama"):
        file.write_text(f"{package}\n")
        made = image.with_commands(["uv pip list"])
        built = build(made)
        assert shell(built.uri, f"python -c 'import {package}; print({package}.__name__)'") == f"{package}\n"
    assert any("Using cache" in line for line in built.progress)
    assert shell(built.uri, "find /opt/uv /var/cache/uv -type f 2>&1 | grep -v 'No such'; true") == ""


PLANTED = "pl4nted-s3cret/v@lue"


def test_secrets_of_a_build_are_in_no_layer_history_tag_or_log(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAIN", PLANTED)
    monkeypatch.setenv("MOUNTED", f"first\n{PLANTED}-2")
    image = box.with_commands(
        [f'cat /etc/the-token; echo {uuid.uuid4()} "have $PLAIN"'],
        secret_mounts=["PLAIN", Secret(key="mounted", mount="/etc/the-token")],
    )
    built = build(image)
    said = "\n".join(built.progress)
    assert "have ***" in said
    assert PLANTED not in said
    saved = tmp_path / "saved.tar"
    subprocess.run(["buildah", "push", "--quiet", built.uri, f"docker-archive:{saved}"], check=True)
    contents = [saved.read_bytes()]
    with tarfile.open(fileobj=io.BytesIO(contents[0])) as archive:
        contents += [file.read() for member in archive if (file := archive.extractfile(member)) is not None]
    assert len(contents) > 3
    assert not [content for content in contents if PLANTED.encode() in content]
    assert os.listdir(tmp_path / "tmp") == []


def test_a_pushed_image_is_named_by_the_registrys_digest(box: Image, build: Any, registry: Registry) -> None:
    image = box.clone(registry=registry.address).with_commands(["echo pushed > /x"])
    uri = build(image, push=True).uri
    assert uri.startswith(f"{image.uri}@sha256:")
    name, digest = uri.removeprefix(f"{registry.address}/").split(":", 1)[0], uri.partition("@")[2]
    asked = subprocess.run(
        ["buildah", "pull", "--quiet", "--tls-verify=false", f"{registry.address}/{name}@{digest}"], capture_output=True
    )
    assert asked.returncode == 0, asked.stderr


def test_a_registry_secret_is_used_for_the_push_and_a_push_without_is_told(
    box: Image, build: Any, guarded_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("LOGIN", f"{guarded_registry.user}:{guarded_registry.password}")
    image = box.clone(registry=guarded_registry.address).with_commands(["echo guarded > /x"])
    with pytest.raises(ImageBuildError, match=r"pushing failed[\s\S]*registry_secret"):
        build(image, push=True)
    built = build(image.clone(registry_secret="login"), push=True)
    assert "@sha256:" in built.uri
    assert guarded_registry.password not in "\n".join(built.progress)
    assert os.listdir(tmp_path) == ["tmp"]


def test_an_instruction_that_fails_is_told_with_its_layer_and_last_lines(box: Image, build: Any) -> None:
    image = box.with_workdir("/x").with_commands(
        ['exec 2>&1; for i in $(seq 40); do echo "line $i"; done; cat /absent; exit 7']
    )
    with pytest.raises(ImageBuildError) as caught:
        build(image)
    told = str(caught.value)
    assert told.startswith(f"{image.uri}: building failed at layer 2: commands\n    RUN exec 2>&1; for i in $(seq 40)")
    assert "    line 22\n" in told
    assert "line 21\n" not in told
    assert "exit status 7" in told
    assert not subprocess.run(["buildah", "containers", "--quiet"], capture_output=True, check=True).stdout


def test_a_base_that_is_not_there_is_told_so(box: Image, build: Any, registry: Registry) -> None:
    image = box.clone(base_image=f"{registry.address}/absent:1").with_commands(["true"])
    with pytest.raises(ImageBuildError, match=r"at the base image[\s\S]*not where it is pulled from"):
        build(image)


def test_several_platforms_are_refused_where_their_programs_do_not_run(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flyte_core_image_buildah.builder.able_platforms", lambda: ("linux/amd64",))
    image = Image.from_debian_base(install_flyte=False, registry="registry.example.com", name="both")
    with pytest.raises(ImageBuildError, match=r"this machine runs only linux/amd64"):
        build(image.clone(base_image=box.base_image), push=True)


def test_without_the_program_the_error_says_what_to_install(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImageBuildError, match=r"no program buildah on PATH.*apt-get install buildah"):
        build(box.with_commands(["true"]))


def test_a_dry_run_tells_and_starts_nothing(box: Image, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert build(box.with_commands(["true"]), dry_run=True).said[0].startswith(f"FROM {box.base_image}\n")


def test_a_cancelled_build_ends_its_program_and_leaves_nothing(box: Image, build: Any, tmp_path: Path) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()
        request = BuildRequest(progress=lambda line: begun.set() if line == "begun" else None)
        with building(request):
            image = box.with_commands(["echo begun; sleep 600"])
            task = asyncio.create_task(BuildahImageBuilder().build_image(image, False))
            waiting = asyncio.create_task(begun.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert os.listdir(tmp_path / "tmp") == []
    assert build(box.with_commands(["echo again"])).uri


def test_the_storage_says_which_images_are_there(box: Image, build: Any) -> None:
    image = box.with_env_vars({"THERE": "1"})
    name, _, tag = build(image).uri.partition(":")
    ask = LocalStorageChecker.image_exists
    assert asyncio.run(ask(name, tag)) == image.uri
    assert asyncio.run(ask(name, "absent")) is None
    assert asyncio.run(ask(name, tag, ("linux/arm64",))) is None
    assert asyncio.run(ask(f"registry.example.com/{name}", tag)) is None
    with building(BuildRequest()):
        assert (asyncio.run(BuildahImageBuilder().image_size(image.uri)) or 0) > 500_000
        assert asyncio.run(BuildahImageBuilder().image_size("absent:1")) is None
