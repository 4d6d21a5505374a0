"""An image that is there is found with its digest and platforms, and one that is not is absent."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError, RegistryAnswerError
from flyte_core.images.oci import FoundManifest, RegistryClient, RegistrySettings, find_manifest
from flyte_core.images.references import ImageReference
from tests.support.faults import FaultyProxy
from tests.support.registries import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    Reply,
    index_of,
    manifest_of,
)


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_is_found_with_the_digest_of_its_manifest(
    registry: Registry, find, name: str, media_type: str
) -> None:
    pushed = registry.push(f"{name}:1", media_type=media_type)
    expected = FoundManifest(
        digest=pushed.digest,
        media_type=media_type,
        size=len(pushed.body),
        content_size=sum(map(len, pushed.blobs.values())),
    )
    assert find(f"{registry.address}/{name}:1") == expected
    assert find(f"{registry.address}/{name}@{pushed.digest}") == expected
    assert find(f"{registry.address}/{name}:other@{pushed.digest}") == expected


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_is_found_with_its_platforms_and_without_its_attestations(
    registry: Registry, find, name: str, media_type: str
) -> None:
    pushed = registry.push_index(f"{name}:1", "linux/amd64", "linux/arm64/v8", media_type=media_type, attested=True)
    found = find(f"{registry.address}/{name}:1")
    assert found == FoundManifest(
        digest=pushed.digest,
        media_type=media_type,
        size=len(pushed.body),
        platforms=("linux/amd64", "linux/arm64/v8"),
    )


def test_an_unknown_tag_an_unknown_digest_and_an_unknown_repository_are_absent(
    registry: Registry, find, name: str
) -> None:
    registry.push(f"{name}:1")
    assert find(f"{registry.address}/{name}:2") is None
    assert find(f"{registry.address}/{name}@sha256:{'0' * 64}") is None
    assert find(f"{registry.address}/{name}-other:1") is None


def test_the_tag_latest_is_asked_for_where_none_is_given(registry: Registry, find, name: str) -> None:
    pushed = registry.push(f"{name}:latest")
    assert find(f"{registry.address}/{name}").digest == pushed.digest


def test_the_platform_of_a_single_image_is_in_its_configuration(registry: Registry, find, name: str) -> None:
    registry.push(f"{name}:1", "linux/arm/v6")
    found = find(f"{registry.address}/{name}:1", ["linux/amd64"])
    assert found.platforms == ("linux/arm/v6",)
    assert found.missing(["linux/amd64", "linux/arm/v6"]) == ("linux/amd64",)


def test_what_is_no_image_has_no_platform(registry: Registry, find, name: str) -> None:
    registry.push(f"{name}:1", "")
    found = find(f"{registry.address}/{name}:1", ["linux/amd64"])
    assert found.platforms == ()
    assert found.missing(["linux/amd64"]) == ("linux/amd64",)


def test_platforms_that_were_not_looked_up_are_not_guessed(registry: Registry, find, name: str) -> None:
    registry.push(f"{name}:1")
    found = find(f"{registry.address}/{name}:1")
    assert found.platforms is None
    assert found.missing([]) == ()
    with pytest.raises(InvalidValueError, match="find_manifest to be given platforms"):
        found.missing(["linux/amd64"])


@pytest.mark.parametrize(
    ("there", "wanted", "is_there"),
    [
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/aarch64", "linux/arm64", True),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm", False),
        ("linux/amd64/v3", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
        ("Linux/AMD64", "linux/amd64", True),
    ],
)
def test_platforms_are_the_same_as_container_engines_see_them(there: str, wanted: str, is_there: bool) -> None:
    found = FoundManifest(digest="sha256:0", media_type=OCI_MANIFEST, size=1, platforms=(there,))
    assert found.missing([wanted]) == (() if is_there else (wanted,))


def test_one_request_is_made_once_the_platform_is_known(
    registry: Registry, proxy: FaultyProxy, find, name: str, tmp_path: Path
) -> None:
    registry.push(f"{name}:1")
    where = f"127.0.0.1:{proxy.port}/{name}:1"
    assert find(where, ["linux/amd64"]).platforms == ("linux/amd64",)
    before = len(proxy.requests)
    assert before == 2
    assert find(where, ["linux/amd64"]).platforms == ("linux/amd64",)
    assert [request.target for request in proxy.requests[before:]] == [f"/v2/{name}/manifests/1"]


def test_an_index_needs_one_request(registry: Registry, proxy: FaultyProxy, find, name: str) -> None:
    registry.push_index(f"{name}:1", "linux/amd64", "linux/arm64")
    assert find(f"127.0.0.1:{proxy.port}/{name}:1", ["linux/amd64"]).platforms == ("linux/amd64", "linux/arm64")
    assert len(proxy.requests) == 1


def test_platforms_are_remembered_in_a_folder_of_the_users_own(registry: Registry, find, name: str, tmp_path) -> None:
    pushed = registry.push(f"{name}:1")
    find(f"{registry.address}/{name}:1", ["linux/amd64"])
    file = tmp_path / "cache" / "images" / "platforms.json"
    assert json.loads(file.read_text()) == {pushed.digest: ["linux/amd64"]}
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"%s": "linux/amd64"}', '{"%s": [7]}', "[" * 100_000])
def test_a_file_of_platforms_that_cannot_be_read_is_ignored(
    registry: Registry, find, name: str, tmp_path: Path, content: str
) -> None:
    pushed = registry.push(f"{name}:1", "linux/arm64")
    folder = tmp_path / "cache" / "images"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "platforms.json").write_text(content.replace("%s", pushed.digest))
    assert find(f"{registry.address}/{name}:1", ["linux/amd64"]).platforms == ("linux/arm64",)
    assert find(f"{registry.address}/{name}:1", ["linux/amd64"]).platforms == ("linux/arm64",)


def test_platforms_that_others_may_have_written_are_ignored(registry: Registry, find, name: str, tmp_path) -> None:
    pushed = registry.push(f"{name}:1", "linux/arm64")
    folder = tmp_path / "cache" / "images"
    folder.mkdir(parents=True)
    (folder / "platforms.json").write_text(json.dumps({pushed.digest: ["linux/amd64"]}))
    folder.chmod(0o777)
    assert find(f"{registry.address}/{name}:1", ["linux/amd64"]).platforms == ("linux/arm64",)
    assert json.loads((folder / "platforms.json").read_text()) == {pushed.digest: ["linux/amd64"]}


def test_a_file_in_place_of_the_folder_is_no_error(registry: Registry, find, name: str, tmp_path: Path) -> None:
    registry.push(f"{name}:1")
    (tmp_path / "cache").write_text("")
    assert find(f"{registry.address}/{name}:1", ["linux/amd64"]).platforms == ("linux/amd64",)


def test_the_file_of_platforms_stays_small(registry: Registry, find, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "images"
    folder.mkdir(parents=True, mode=0o700)
    many = {f"sha256:{number:064x}": ["linux/amd64"] for number in range(3000)}
    (folder / "platforms.json").write_text(json.dumps(many))
    pushed = registry.push(f"{name}:1")
    find(f"{registry.address}/{name}:1", ["linux/amd64"])
    kept = list(json.loads((folder / "platforms.json").read_text()))
    assert len(kept) == 1000
    assert kept[-1] == pushed.digest


def test_an_index_that_leaves_platforms_out_has_those_of_its_manifests(registry: Registry, find, name: str) -> None:
    members = {"linux/amd64": manifest_of("linux/amd64"), "?1": manifest_of("linux/arm64")}
    inner = {"?2": manifest_of("linux/s390x")}
    for number, member in enumerate((*members.values(), *inner.values())):
        registry.push(f"{name}:{number}", member)
    nested = registry.push(f"{name}:nested", index_of(inner))
    registry.push(f"{name}:1", index_of({**members, "?3": nested}))
    where = f"{registry.address}/{name}:1"
    assert find(where).platforms is None
    assert find(where, ["linux/amd64"]).platforms == ("linux/amd64", "linux/arm64", "linux/s390x")


def test_an_index_of_indexes_without_end_is_refused(scripted, find) -> None:
    server = scripted()
    pushed = manifest_of()
    for depth in range(6):
        pushed = index_of({"?": pushed}) if depth else pushed
        server.on(f"/v2/a/manifests/{pushed.digest}", Reply.manifest(pushed))
    server.on("/v2/a/manifests/1", Reply.manifest(pushed))
    with pytest.raises(RegistryAnswerError, match="too many manifests without their platform"):
        find(f"{server.address}/a:1", ["linux/amd64"])


def test_a_mirror_is_asked_instead_below_its_prefix(registry: Registry, find, name: str) -> None:
    pushed = registry.push(f"hub/{name}:1")
    found = find(f"docker.io/{name}:1", mirrors={"docker.io": f"{registry.address}/hub"})
    assert found.digest == pushed.digest
    official = registry.push("hub/library/official:1")
    assert find("official:1", mirrors={"docker.io": f"{registry.address}/hub"}).digest == official.digest
    assert find(f"ghcr.io/hub/{name}:1", mirrors={"ghcr.io": registry.address}).digest == pushed.digest


def test_the_function_looks_up_as_the_client_does(registry: Registry, name: str) -> None:
    pushed = registry.push(f"{name}:1")
    settings = RegistrySettings(deadline=dt.timedelta(seconds=300))
    reference = ImageReference.parse(f"{registry.address}/{name}:1")
    found = asyncio.run(find_manifest(reference, ["linux/amd64"], settings=settings))
    assert found is not None
    assert (found.digest, found.platforms) == (pushed.digest, ("linux/amd64",))


def test_many_look_ups_share_a_client(registry: Registry, name: str) -> None:
    digests = [registry.push(f"{name}:{number}", note=str(number)).digest for number in range(8)]

    async def look() -> list[FoundManifest | None]:
        async with RegistryClient(RegistrySettings(deadline=dt.timedelta(seconds=300))) as client:
            names = [f"{registry.address}/{name}:{number}" for number in range(9)]
            return await asyncio.gather(*map(client.find_manifest, names))

    *found, last = asyncio.run(look())
    assert [one.digest for one in found if one] == digests
    assert last is None


def test_wrong_names_and_platforms_are_refused_before_anything_is_asked(find) -> None:
    with pytest.raises(InvalidValueError, match="lower case"):
        find("localhost:1/App")
    with pytest.raises(InvalidValueError, match="linux/amd64"):
        find("localhost:1/app", ["amd64"])
    with pytest.raises(InvalidTypeError, match="not one str"):
        find("localhost:1/app", "linux/amd64")
    with pytest.raises(InvalidTypeError, match="platform as a str"):
        find("localhost:1/app", [7])
