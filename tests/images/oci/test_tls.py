"""Registries are trusted by the system's certificates and those in ``certs.d``, and plain HTTP is for this machine."""

from __future__ import annotations

import gc
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte_core.errors import RegistryUnavailableError
from flyte_core.images.oci.places import is_loopback
from tests.support.registries import Authority, Registry, Reply, manifest_of

IMAGE = manifest_of()

# Python 3.10 does not mark the transport as closed when the connection below it breaks.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:unclosed transport <asyncio.sslproto._SSLProtocolTransport object:ResourceWarning"
    )
] * (sys.version_info < (3, 11))


@pytest.fixture(autouse=True)
def _garbage() -> Iterator[None]:
    """Have what is ignored happen here, and not in a test of somebody else's."""
    yield
    if sys.version_info < (3, 11):
        gc.collect()


def _certs(docker: Path, host: str, *files: Path) -> Path:
    folder = docker / "certs.d" / host
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    return folder


def _server(certificate: Path, key: Path, authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if authority is not None:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_an_authority_that_nobody_knows_is_not_trusted(tls_registry: Registry, find, docker: Path, name: str) -> None:
    tls_registry.push(f"{name}:1")
    with pytest.raises(RegistryUnavailableError, match="is not trusted: ") as caught:
        find(f"{tls_registry.address}/{name}:1")
    assert f"{docker}/certs.d/{tls_registry.address}/ca.crt" in str(caught.value)
    assert "attempts" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_authority_of_the_hosts_folder_is_trusted(
    tls_registry: Registry, authority: Authority, find, docker: Path, name: str, host: str
) -> None:
    pushed = tls_registry.push(f"{name}:1")
    _certs(docker, f"{host}:{tls_registry.port}", authority.ca)
    assert find(f"{host}:{tls_registry.port}/{name}:1", ["linux/amd64"]).digest == pushed.digest


def test_an_authority_of_another_hosts_folder_is_not_trusted(
    tls_registry: Registry, authority: Authority, find, docker: Path, name: str
) -> None:
    _certs(docker, f"localhost:{tls_registry.port}", authority.ca)
    with pytest.raises(RegistryUnavailableError, match="is not trusted"):
        find(f"{tls_registry.address}/{name}:1")


LOOK = """
import asyncio, sys
from flyte_core.images.oci import RegistryClient

async def look():
    async with RegistryClient() as client:
        for _ in range(3):
            print((await client.find_manifest(sys.argv[1])).digest)

asyncio.run(look())
"""


def test_tls_is_spoken_with_this_machine_where_the_registry_wants_it(
    tls_registry: Registry, scripted, authority: Authority, name: str
) -> None:
    pushed = tls_registry.push(f"{name}:1")
    server = scripted(_server(authority.certificate, authority.key))
    server.on(f"/v2/{name}/manifests/1", Reply.manifest(pushed))
    # In a process of its own, whose system trusts the authority.
    environment = {**os.environ, "SSL_CERT_FILE": str(authority.ca)}
    for address in (tls_registry.address, server.address):
        command = [sys.executable, "-c", LOOK, f"{address}/{name}:1"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout.split() == [pushed.digest] * 3, done.stderr
    # It is found out by the first look-up, for which aiohttp asks twice where it is hung up on.
    assert 1 <= server.without_tls <= 2


def test_a_host_with_certificates_is_not_spoken_to_in_plain_http(scripted, find, authority, docker: Path) -> None:
    server = scripted(_server(authority.certificate, authority.key))
    server.on("/v2/a/manifests/1", Reply.manifest(IMAGE))
    _certs(docker, server.address, authority.ca)
    assert find(f"{server.address}/a:1").digest == IMAGE.digest
    assert server.without_tls == 0


@pytest.mark.parametrize(
    "first",
    [
        Reply(status=400, body=b"Client sent an HTTP request to an HTTPS server.\n"),
        Reply(status=400, body=b"<html>The plain HTTP request was sent to HTTPS port</html>"),
        Reply(closes=True),
        Reply(raw=b"\x15\x03\x01\x00\x02\x02\x46"),
    ],
)
def test_a_server_that_seems_to_want_tls_and_has_none_is_unavailable(scripted, find, first: Reply) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", first)
    with pytest.raises((RegistryUnavailableError, ValueError)) as caught:
        find(f"{server.address}/a:1", retries=0)
    # What counts is what it answered without TLS.
    assert "does not speak TLS" not in str(caught.value)


def test_a_server_without_tls_is_said_where_tls_is_meant(scripted, find, authority: Authority, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply.manifest(IMAGE))
    _certs(docker, server.address, authority.ca)
    with pytest.raises(RegistryUnavailableError, match="does not speak TLS; .* insecure registries"):
        find(f"{server.address}/a:1")


def test_a_certificate_for_another_name_is_not_trusted(
    scripted, find, authority: Authority, docker: Path, tmp_path: Path
) -> None:
    authority.issue(tmp_path / "other.crt", tmp_path / "other.key", "other", "subjectAltName=DNS:other.example")
    server = scripted(_server(tmp_path / "other.crt", tmp_path / "other.key"))
    _certs(docker, server.address, authority.ca)
    with pytest.raises(RegistryUnavailableError, match="is not trusted: .*use the name that it is made for"):
        find(f"{server.address}/a:1")


def test_a_certificate_of_the_clients_is_shown_to_who_wants_it(scripted, find, authority, docker: Path) -> None:
    server = scripted(_server(authority.certificate, authority.key, authority.ca))
    server.on("/v2/a/manifests/1", Reply.manifest(IMAGE))
    folder = _certs(docker, server.address, authority.ca)
    with pytest.raises(
        RegistryUnavailableError, match="if it wants a certificate of yours, put that into .*client.cert"
    ):
        find(f"{server.address}/a:1")
    shutil.copy(authority.client_certificate, folder)
    shutil.copy(authority.client_key, folder)
    assert find(f"{server.address}/a:1").digest == IMAGE.digest


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("ca.crt", "nonsense", "ca.crt cannot be used as a certificate in PEM"),
        ("client.cert", "nonsense", "client.cert cannot be used .*, with its key in client.key"),
    ],
)
def test_a_file_that_is_no_certificate_is_named(
    scripted, find, docker: Path, file: str, content: str, says: str
) -> None:
    server = scripted()
    (_certs(docker, server.address) / file).write_text(content)
    with pytest.raises(RegistryUnavailableError, match=says):
        find(f"{server.address}/a:1")


def test_a_redirect_from_tls_to_plain_http_is_not_followed(scripted, find, authority: Authority, docker: Path) -> None:
    server, other = scripted(_server(authority.certificate, authority.key)), scripted()
    server.on("/v2/a/manifests/1", Reply(status=307, headers=(("Location", f"{other.url}/x"),)))
    _certs(docker, server.address, authority.ca)
    with pytest.raises(ValueError, match=f"redirects to plain HTTP at {other.address}"):
        find(f"{server.address}/a:1")
    assert other.asked == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("LOCALHOST:5000", True),
        ("registry.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10:5000", True),
        ("[::1]:5000", True),
        ("ghcr.io", False),
        ("127.0.0.1.example.com", False),
        ("notlocalhost", False),
        ("10.0.0.1:5000", False),
        ("[2001:db8::1]:5000", False),
    ],
)
def test_this_machine_is_known_by_its_names(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# ---- proxies -----------------------------------------------------------------------------------------------


def test_a_host_elsewhere_is_reached_by_way_of_the_proxy(scripted, find, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = scripted()
    proxy.on("http://registry.example:5000/v2/a/manifests/1", Reply.manifest(IMAGE))
    monkeypatch.setenv("http_proxy", f"http://ann:pw-7f3a@{proxy.address}")
    assert find("registry.example:5000/a:1", insecure=["registry.example:5000"]).digest == IMAGE.digest
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic YW5uOnB3LTdmM2E="


def test_this_machine_is_reached_without_the_proxy(registry: Registry, find, name: str, monkeypatch) -> None:
    pushed = registry.push(f"{name}:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert find(f"{registry.address}/{name}:1").digest == pushed.digest


def test_a_host_that_is_not_to_be_proxied_is_reached_directly(scripted, find, monkeypatch) -> None:
    proxy = scripted()
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "registry.invalid")
    with pytest.raises(RegistryUnavailableError, match="there is no connection: "):
        find("registry.invalid/a:1", insecure=["registry.invalid"], retries=0)
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://ann:pw-7f3a@127.0.0.1:1", "there is no connection to the proxy"),
        ("socks5://ann:pw-7f3a@127.0.0.1:1", "proxy"),
        ("ann:pw-7f3a@127.0.0.1:1", "there is no connection to the proxy"),
    ],
)
@pytest.mark.parametrize("insecure", [[], ["registry.example"]])
def test_a_proxy_that_is_not_there_is_said_without_its_password(find, monkeypatch, url, says, insecure) -> None:
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.setenv("https_proxy", url)
    with pytest.raises((RegistryUnavailableError, ValueError), match=says) as caught:
        find("registry.example/a:1", insecure=insecure, retries=0)
    assert "pw-7f3a" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_proxy_that_refuses_is_said(scripted, find, monkeypatch) -> None:
    proxy = scripted()
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(RegistryUnavailableError, match="the proxy answered "):
        find("registry.example/a:1", retries=0)
