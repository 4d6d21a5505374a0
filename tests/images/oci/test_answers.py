"""What is no clear answer is an error that says so: never an image, and never the lack of one."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import logging
import time

import pytest

from flyte_core.errors import (
    RegistryAnswerError,
    RegistryAuthError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnavailableError,
)
from flyte_core.images.oci import RegistryClient, RegistrySettings
from tests.support.faults import FaultyProxy
from tests.support.registries import OCI_INDEX, OCI_MANIFEST, Pushed, Registry, Reply, index_of, manifest_of

API = ("Docker-Distribution-Api-Version", "registry/2.0")
IMAGE = manifest_of()


def _errors(*codes: str, message: str = "") -> dict[str, object]:
    return {"errors": [{"code": code, "message": message} for code in codes]}


def test_a_registry_that_is_down_is_not_an_image_that_is_absent(find, waits) -> None:
    with pytest.raises(RegistryUnavailableError, match=r"at localhost:1 after 4 attempts: there is no connection") as e:
        find("localhost:1/app:1")
    assert isinstance(e.value, ConnectionError)
    assert len(waits.slept) == 3
    assert all(low <= seconds <= 2 * low for low, seconds in zip((0.25, 0.5, 1.0), waits.slept, strict=True))


def test_a_host_that_has_no_address_is_unavailable(find) -> None:
    with pytest.raises(RegistryUnavailableError, match=r"there is no connection"):
        find("registry.invalid/app:1", retries=0)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_asked_for_again(
    registry: Registry, proxy: FaultyProxy, find, name: str, status: int, waits
) -> None:
    pushed = registry.push(f"{name}:1")
    proxy.add(status=f"{status} No", times=3)
    assert find(f"127.0.0.1:{proxy.port}/{name}:1").digest == pushed.digest
    assert len(waits.slept) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_does_not_pass_is_unavailable(proxy: FaultyProxy, find, name: str, status: int) -> None:
    proxy.add(status=f"{status} No", times=100)
    with pytest.raises(RegistryUnavailableError, match=f"after 4 attempts: it answered {status}"):
        find(f"127.0.0.1:{proxy.port}/{name}:1")
    assert len(proxy.requests) == 4


def test_the_registry_says_how_long_to_wait(registry: Registry, proxy: FaultyProxy, find, name: str, waits) -> None:
    registry.push(f"{name}:1")
    proxy.add(status="429 Too Many Requests", headers={"Retry-After": "17"})
    proxy.add(status="503 Slow Down", headers={"Retry-After": "0"})
    assert find(f"127.0.0.1:{proxy.port}/{name}:1") is not None
    assert waits.slept == [17.0, 0.0]


def test_the_registry_says_until_when_to_wait(registry: Registry, proxy: FaultyProxy, find, name: str, waits) -> None:
    registry.push(f"{name}:1")
    later = email.utils.formatdate(time.time() + 100_000, usegmt=True)
    proxy.add(status="429 Too Many Requests", headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    proxy.add(status="429 Too Many Requests", headers={"Retry-After": later})
    assert find(f"127.0.0.1:{proxy.port}/{name}:1", deadline=dt.timedelta(days=30)) is not None
    assert waits.slept[0] == 0
    assert 90_000 < waits.slept[1] <= 100_000


@pytest.mark.parametrize("text", ["soon", "-3", "nan", "1e9", "", "Wed, 99 Oct 2015"])
def test_a_time_to_wait_that_is_none_is_ignored(registry, proxy: FaultyProxy, find, name: str, waits, text) -> None:
    registry.push(f"{name}:1")
    proxy.add(status="429 Too Many Requests", headers={"Retry-After": text})
    assert find(f"127.0.0.1:{proxy.port}/{name}:1") is not None
    assert len(waits.slept) == 1
    assert waits.slept[0] <= 0.5


def test_a_wait_beyond_the_deadline_is_not_begun(proxy: FaultyProxy, find, name: str, waits) -> None:
    proxy.add(status="429 Too Many Requests", headers={"Retry-After": "3600"}, times=100)
    with pytest.raises(RegistryTimeoutError, match=r"within 300 s; the last try failed: it answered 429"):
        find(f"127.0.0.1:{proxy.port}/{name}:1")
    assert waits.slept == []


def test_the_first_wait_is_told(proxy: FaultyProxy, find, name: str, caplog: pytest.LogCaptureFixture) -> None:
    proxy.add(status="503 Slow Down", times=100)
    with caplog.at_level(logging.INFO, "flyte_core"), pytest.raises(RegistryUnavailableError):
        find(f"127.0.0.1:{proxy.port}/{name}:1")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]
    assert "it answered 503; attempt 1 of 4, trying again in" in caplog.text


def test_an_answer_that_never_comes_ends_with_the_deadline(scripted) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(hangs=True))

    async def look() -> None:
        async with RegistryClient(RegistrySettings(deadline=dt.timedelta(seconds=0.3))) as client:
            await client.find_manifest(f"{server.address}/a:1")

    with pytest.raises(RegistryTimeoutError, match=r"there was no answer within 0.3 s") as caught:
        asyncio.run(look())
    assert isinstance(caught.value, TimeoutError)


def test_an_answer_that_drips_ends_with_the_deadline(registry: Registry, proxy: FaultyProxy, name: str) -> None:
    registry.push(f"{name}:1")
    proxy.add(drip=3600.0)

    async def look() -> None:
        async with RegistryClient(RegistrySettings(deadline=dt.timedelta(seconds=0.3))) as client:
            await client.find_manifest(f"127.0.0.1:{proxy.port}/{name}:1")

    with pytest.raises(RegistryTimeoutError):
        asyncio.run(look())


def test_a_look_up_can_be_cancelled(scripted) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(hangs=True))

    async def look() -> None:
        async with RegistryClient() as client:
            task = asyncio.ensure_future(client.find_manifest(f"{server.address}/a:1"))
            while not server.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(look())


def test_an_answer_that_is_cut_off_is_asked_for_again(registry, proxy: FaultyProxy, find, name: str, waits) -> None:
    pushed = registry.push(f"{name}:1")
    proxy.add(cut_after=20)
    assert find(f"127.0.0.1:{proxy.port}/{name}:1").digest == pushed.digest
    proxy.add(cut_after=20, times=100)
    with pytest.raises(RegistryAnswerError, match="the answer is cut off") as caught:
        find(f"127.0.0.1:{proxy.port}/{name}:1")
    assert isinstance(caught.value, ValueError)


def test_a_refusal_that_is_cut_off_says_nothing(proxy: FaultyProxy, find, name: str) -> None:
    proxy.add(cut_after=20, times=100)
    with pytest.raises(RegistryAnswerError, match="the answer is cut off"):
        find(f"127.0.0.1:{proxy.port}/{name}:not-there")


def test_a_connection_that_is_closed_is_made_again(registry, proxy: FaultyProxy, find, name: str) -> None:
    pushed = registry.push(f"{name}:1")
    proxy.add(refuse=True)
    assert find(f"127.0.0.1:{proxy.port}/{name}:1").digest == pushed.digest


@pytest.mark.parametrize("fault", [{"alter_at": 30}, {"truncate_to": 30}])
def test_content_with_another_digest_is_refused(registry, proxy: FaultyProxy, find, name: str, fault) -> None:
    pushed = registry.push(f"{name}:1")
    for reference in (f"{name}:1", f"{name}@{pushed.digest}"):
        proxy.add(**fault)
        with pytest.raises(RegistryAnswerError, match=f"the content has the digest sha256:.*not {pushed.digest}"):
            find(f"127.0.0.1:{proxy.port}/{reference}")


def test_a_registry_that_gives_another_manifest_than_was_asked_for_is_not_believed(scripted, find) -> None:
    server, other = scripted(), manifest_of("linux/arm64")
    server.on(f"/v2/a/manifests/{IMAGE.digest}", Reply.manifest(other))
    with pytest.raises(RegistryAnswerError, match="the content has the digest"):
        find(f"{server.address}/a@{IMAGE.digest}")


def test_a_configuration_with_another_digest_is_refused(registry, proxy: FaultyProxy, find, name: str) -> None:
    registry.push(f"{name}:1")
    proxy.add(when=lambda request: "/blobs/" in request.target, alter_at=3)
    with pytest.raises(RegistryAnswerError, match="the content has the digest"):
        find(f"127.0.0.1:{proxy.port}/{name}:1", ["linux/amd64"])


def test_a_configuration_that_is_not_there_is_no_answer(registry, proxy: FaultyProxy, find, name: str) -> None:
    registry.push(f"{name}:1")
    proxy.add(when=lambda request: "/blobs/" in request.target, status="404 Not Found")
    with pytest.raises(RegistryAnswerError, match="it answered 404 for the image's configuration"):
        find(f"127.0.0.1:{proxy.port}/{name}:1", ["linux/amd64"])


def test_a_digest_is_computed_where_the_registry_does_not_say_it(registry, proxy, find, name: str) -> None:
    pushed = registry.push(f"{name}:1")
    proxy.add(headers={"Docker-Content-Digest": None})
    assert find(f"127.0.0.1:{proxy.port}/{name}:1").digest == pushed.digest


@pytest.mark.parametrize("digest", ["md5:00", "sha256", "\x80", "sha256:\xe4"])
def test_a_digest_of_an_unknown_kind_is_refused(scripted, find, digest: str) -> None:
    server = scripted()
    headers = (("Content-Type", OCI_MANIFEST), ("Docker-Content-Digest", digest))
    server.on("/v2/a/manifests/1", Reply.manifest(IMAGE, headers=headers))
    with pytest.raises(RegistryAnswerError, match="digest"):
        find(f"{server.address}/a:1")


@pytest.mark.parametrize("by", ["announcement", "body"])
def test_an_answer_that_is_too_large_is_not_read(scripted, find, by: str) -> None:
    server = scripted()
    size = 5 * 2**20
    server.on("/v2/a/manifests/1", Reply(announce=size) if by == "announcement" else Reply(body=b" " * size))
    with pytest.raises(RegistryAnswerError, match="larger than 4 MiB"):
        find(f"{server.address}/a:1")


def test_an_answer_without_a_length_is_not_read_for_ever(scripted, find) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 * 2**20)))
    with pytest.raises(RegistryAnswerError, match="larger than 4 MiB"):
        find(f"{server.address}/a:1")


@pytest.mark.parametrize(
    ("body", "media_type", "says"),
    [
        (b"<html>", "text/html", "no JSON object"),
        (b"[]", OCI_MANIFEST, "no JSON object"),
        (b"[" * 200_000, OCI_MANIFEST, "no JSON object"),
        (b"\xff\xfe", OCI_MANIFEST, "no JSON object"),
        (b"{}", OCI_MANIFEST, "the content is not that"),
        (b'{"config": {}, "manifests": []}', OCI_MANIFEST, "the content is not that"),
        (b'{"layers": [], "manifests": []}', OCI_INDEX, "the content is not that"),
        (b'{"manifests": {}}', OCI_INDEX, "no list of objects"),
        (b'{"manifests": [7]}', OCI_INDEX, "no list of objects"),
        (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", "no image's"),
        (b"{}", "", "'unknown', which is no image's"),
        (b'{"config": {}}', OCI_MANIFEST, "without a valid digest"),
        (b'{"config": {"digest": "sha256:../../x"}}', OCI_MANIFEST, "without a valid digest"),
        (b'{"config": {"digest": 7}}', OCI_MANIFEST, "without a valid digest"),
        (b'{"config": []}', OCI_MANIFEST, "without a valid digest"),
    ],
)
def test_what_is_no_manifest_is_refused(scripted, find, body: bytes, media_type: str, says: str) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(body=body, headers=(("Content-Type", media_type),)))
    with pytest.raises(RegistryAnswerError, match=says):
        find(f"{server.address}/a:1", ["linux/amd64"])


@pytest.mark.parametrize(
    "reply",
    [
        Reply.json(_errors("MANIFEST_UNKNOWN"), 404),
        Reply.json(_errors("NAME_UNKNOWN", message="no such repository"), 404),
        Reply.json(_errors("NOT_FOUND"), 404),  # Harbor's
        Reply(status=404, headers=(API,)),
        Reply(status=404, headers=(API, ("Content-Type", "text/plain")), body=b"not found"),
    ],
)
def test_a_registry_that_says_so_makes_an_image_absent(scripted, find, reply: Reply) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", reply)
    assert find(f"{server.address}/a:1") is None


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=404, body=b"<html>", headers=(("Content-Type", "text/html"),)), "is this the registry's address"),
        (Reply(status=404, body=b"<html>", headers=(API, ("Content-Type", "text/html; charset=utf-8"))), "404"),
        (Reply(status=404), "is this the registry's address"),
        (Reply.json({"error": "no"}, 404), "is this the registry's address"),
        (Reply.json({"errors": "no"}, 404), "is this the registry's address"),
        (Reply.json({"errors": []}, 404), "is this the registry's address"),
        (Reply.json(_errors("UNSUPPORTED"), 404), "it answered 404: UNSUPPORTED"),
        (Reply.json(_errors("MANIFEST_UNKNOWN", "DENIED"), 404), "404: MANIFEST_UNKNOWN; DENIED"),
        (Reply(status=400), "it answered 400, which says nothing"),
        (Reply(status=204), "it answered 204"),
        (Reply(status=410), "it answered 410"),
        (Reply(status=302), "redirects to what is no URL"),
        (Reply(status=302, headers=(("Location", "ftp://127.0.0.1/x"),)), "redirects to what is no URL"),
        (Reply(status=302, headers=(("Location", "http://[/"),)), "redirects to what is no URL"),
    ],
)
def test_another_answer_says_nothing_about_the_image(scripted, find, reply: Reply, says: str) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", reply)
    with pytest.raises(RegistryAnswerError) as caught:
        find(f"{server.address}/a:1")
    assert says in str(caught.value)


def test_what_a_registry_says_is_cut_and_cleaned(scripted, find) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply.json(_errors("UNSUPPORTED", message="\x1b[31mred\n" + "x" * 1000), 400))
    with pytest.raises(RegistryAnswerError) as caught:
        find(f"{server.address}/a:1")
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000]
)
def test_what_does_not_speak_http_is_no_registry(scripted, find, raw: bytes) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(raw=raw))
    with pytest.raises(RegistryError):
        find(f"{server.address}/a:1")


def test_a_redirect_is_followed(scripted, find) -> None:
    first, second = scripted(), scripted()
    first.on("/v2/a/manifests/1", Reply(status=307, headers=(("Location", f"{second.url}/elsewhere?x=%2F"),)))
    second.on("/elsewhere", Reply.manifest(IMAGE))
    assert find(f"{first.address}/a:1").digest == IMAGE.digest
    assert second.asked[0].path == "/elsewhere?x=%2F"


def test_redirects_without_end_are_not_followed(scripted, find) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(status=301, headers=(("Location", "/v2/a/manifests/1"),)))
    with pytest.raises(RegistryAnswerError, match="redirects more than 5 times"):
        find(f"{server.address}/a:1")


def test_a_refusal_leaves_open_whether_the_image_exists(scripted, find) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply.json(_errors("DENIED", message="no"), 403))
    with pytest.raises(RegistryAuthError, match=r"403: DENIED \(no\); some registries answer so for a repository"):
        find(f"{server.address}/a:1")


def test_a_member_of_an_index_that_is_gone_is_no_answer(scripted, find) -> None:
    server = scripted()
    index: Pushed = index_of({"?": IMAGE})
    server.on("/v2/a/manifests/1", Reply.manifest(index))
    server.on(f"/v2/a/manifests/{IMAGE.digest}", Reply.json(_errors("MANIFEST_UNKNOWN"), 404))
    with pytest.raises(RegistryAnswerError, match=f"does not have {IMAGE.digest}"):
        find(f"{server.address}/a:1", ["linux/amd64"])
