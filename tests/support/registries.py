"""Registries for tests: real ones, with a password or TLS where a test wants it, and servers that answer as they are told."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest

__all__ = [
    "REQUIRED",
    "Asked",
    "Authority",
    "Pushed",
    "Registry",
    "Reply",
    "ScriptedServer",
    "TLSRegistry",
    "authority",
    "guarded_registry",
    "index_of",
    "manifest_of",
    "own_registry",
    "registry",
    "scripted",
    "skip_or_fail",
    "tls_registry",
]

#: Set where a registry must be there: a test that would be skipped for want of one fails then.
REQUIRED = "FLYTE_CORE_REQUIRE_REGISTRY"

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def skip_or_fail(reason: str) -> NoReturn:
    """Skip a test for want of a program, or fail it where that must be there."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1")
    pytest.skip(reason)


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        skip_or_fail(f"there is no {name} here (package {package})")
    return found


# ---- images ------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Pushed:
    """What was pushed.

    Args:
        body: the bytes of the manifest or index.
        media_type: its media type.
        blobs: what it refers to, by digest.
    """

    body: bytes
    media_type: str
    blobs: Mapping[str, bytes] = attrs.field(factory=dict)

    @property
    def digest(self) -> str:
        """Its digest."""
        return _digest(self.body)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return buffer.getvalue()


def manifest_of(platform: str = "linux/amd64", *, media_type: str = OCI_MANIFEST, note: str = "") -> Pushed:
    """Make an image with one file, which is empty.

    Args:
        platform: as ``os/architecture[/variant]``; none with an empty text.
        media_type: OCI's or Docker's.
        note: makes it another image.
    """
    layer = _layer()
    packed = gzip.compress(layer, mtime=0)
    config: dict[str, Any] = {
        "config": {"Labels": {"note": note}},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config.update(zip(("os", "architecture", "variant"), platform.split("/") if platform else (), strict=False))
    is_oci = media_type == OCI_MANIFEST
    blobs = {_digest(content): content for content in (json.dumps(config).encode(), packed)}
    kinds = (
        OCI_CONFIG if is_oci else DOCKER_CONFIG,
        f"application/vnd.{'oci.image.layer.v1.tar+gzip' if is_oci else 'docker.image.rootfs.diff.tar.gzip'}",
    )
    entries = [
        {"mediaType": kind, "digest": digest, "size": len(content)}
        for kind, (digest, content) in zip(kinds, blobs.items(), strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": media_type, "config": entries[0], "layers": entries[1:]}
    return Pushed(body=json.dumps(document).encode(), media_type=media_type, blobs=blobs)


def index_of(members: Mapping[str, Pushed], *, media_type: str = OCI_INDEX, attested: bool = False) -> Pushed:
    """Make an index.

    Args:
        members: manifests by the platform that the index says; none is said for a key that begins with ``?``.
        media_type: OCI's or Docker's.
        attested: whether an attestation stands in it, as BuildKit adds them.
    """
    entries: list[dict[str, Any]] = []
    for platform, member in members.items():
        entry: dict[str, Any] = {
            "mediaType": member.media_type,
            "digest": member.digest,
            "size": len(member.body),
        }
        if not platform.startswith("?"):
            entry["platform"] = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        entries.append(entry)
    if attested:
        first = next(iter(members.values()))
        entries.append({**entries[0], "digest": first.digest, "platform": {"os": "unknown", "architecture": "unknown"}})
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    return Pushed(body=json.dumps(document).encode(), media_type=media_type)


# ---- registries --------------------------------------------------------------------------------------------


class Registry:
    """A docker-registry of this machine on a port of its own.

    Args:
        folder: where all of it lies.
        config: of its configuration, beside the tests' own.
        password: whether it asks for name and password.
    """

    user = "tester"
    #: With what base64 and a URL must escape.
    password = "s3cret:/p@ss w%rd?#"
    scheme = "http"

    def __init__(self, folder: Path, *, password: bool = False, tls: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._asks = password
        self._tls = dict(tls or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Host and port, as names of images begin."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it on a port that it takes itself, and return once it listens."""
        program = _program("docker-registry", "docker-registry")
        http: dict[str, Any] = {"addr": f"127.0.0.1:{self.port}", "secret": "of the tests"}
        if self._tls:
            http["tls"] = self._tls
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "storage")}, "delete": {"enabled": True}},
            "http": http,
        }
        if self._asks:
            done = subprocess.run(
                [_program("htpasswd", "apache2-utils"), "-Bbn", "-C", "4", self.user, self.password],
                capture_output=True,
                check=True,
            )
            (self._folder / "htpasswd").write_bytes(done.stdout.strip() + b"\n")
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(self._folder / "htpasswd")}}
        # JSON is YAML.
        (self._folder / "config.yml").write_text(json.dumps(config))
        command = [program, "serve", str(self._folder / "config.yml")]
        if ends_with_us := shutil.which("setpriv"):
            command = [ends_with_us, "--pdeathsig=KILL", *command]
        log = self._folder / "log"
        with log.open("wb") as file:
            environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
            self._process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        until = time.monotonic() + 60
        while (found := re.search(rb"listening on [^ ]*:(\d+)", log.read_bytes())) is None:
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"docker-registry does not start: {log.read_text()[-2000:]}")
            time.sleep(0.01)
        self.port = int(found[1])

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it has written about requests so far."""
        return (self._folder / "log").read_text()

    def push(self, name: str, image: Pushed | str = "linux/amd64", **options: Any) -> Pushed:
        """Push an image through its API.

        Args:
            name: ``repository:tag``, or with a digest.
            image: the image, or the platform of a small one.
            **options: of `manifest_of`.
        """
        pushed = manifest_of(image, **options) if isinstance(image, str) else image
        repository, _, tag = name.rpartition(":")
        for digest, content in pushed.blobs.items():
            where = self._ask("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
            path = where.partition(self.address)[2]
            self._ask("PUT", f"{path}&digest={digest}", content, "application/octet-stream")
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", pushed.body, pushed.media_type)
        return pushed

    def push_index(self, name: str, *platforms: str, **options: Any) -> Pushed:
        """Push an index of small images.

        Args:
            name: ``repository:tag``.
            *platforms: what it is for.
            **options: of `index_of`.
        """
        repository = name.rpartition(":")[0]
        members = {platform: manifest_of(platform) for platform in platforms}
        for number, member in enumerate(members.values()):
            self.push(f"{repository}:member-{number}", member)
        return self.push(name, index_of(members, **options))

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        request = urllib.request.Request(f"{self.scheme}://{self.address}{path}", data=body, method=method)
        if kind:
            request.add_header("Content-Type", kind)
        if self._asks:
            known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {known}")
        handlers: list[Any] = [urllib.request.ProxyHandler({})]
        if self.scheme == "https":
            # The tests' own way in, which proves nothing about certificates.
            handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
        with urllib.request.build_opener(*handlers).open(request, timeout=60) as answer:
            answer.read()
            return answer


class TLSRegistry(Registry):
    """A docker-registry that speaks TLS alone."""

    scheme = "https"


@contextlib.contextmanager
def own_registry(*, password: bool = False, tls: Mapping[str, str] | None = None) -> Iterator[Registry]:
    """Give a registry that nobody shares, and take it away again with all its images.

    Args:
        password: whether it asks for name and password.
        tls: its section ``http.tls``.
    """
    folder = Path(tempfile.mkdtemp(prefix="fcr"))
    server = (TLSRegistry if tls else Registry)(folder, password=password, tls=tls)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry that tests of one worker share, so each uses names of its own."""
    with own_registry() as server:
        yield server


@pytest.fixture(scope="session")
def guarded_registry() -> Iterator[Registry]:
    """A registry that asks for name and password."""
    with own_registry(password=True) as server:
        yield server


@pytest.fixture(scope="session")
def tls_registry(authority: Authority) -> Iterator[Registry]:
    """A registry that speaks TLS, with a certificate of an authority that only the tests know."""
    with own_registry(tls={"certificate": str(authority.certificate), "key": str(authority.key)}) as server:
        yield server


# ---- certificates ------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of the tests', with one certificate for this machine.

    Args:
        folder: where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.ca = folder / "ca.crt"
        self.certificate, self.key = folder / "server.crt", folder / "server.key"
        self.client_certificate, self.client_key = folder / "client.cert", folder / "client.key"
        self._ca_key = folder / "ca.key"
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        constraints = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        subject = ("-subj", "/CN=authority of the tests")
        _openssl("req", "-x509", *key, "-keyout", self._ca_key, "-out", self.ca, *subject, *constraints)
        self.issue(self.certificate, self.key, "server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.issue(self.client_certificate, self.client_key, "client", "extendedKeyUsage=clientAuth")

    def issue(self, certificate: Path, key: Path, name: str, extension: str) -> None:
        """Make a certificate and its key.

        Args:
            certificate: where it goes.
            key: where its key goes.
            name: whose it is.
            extension: in OpenSSL's notation.
        """
        request, extensions = certificate.with_suffix(".csr"), certificate.with_suffix(".ext")
        made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        _openssl("req", *made, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions.write_text(f"{extension}\n")
        signing = ("-CA", self.ca, "-CAkey", self._ca_key, "-set_serial", "2", "-days", "2")
        _openssl("x509", "-req", "-in", request, *signing, "-extfile", extensions, "-out", certificate)


def _openssl(*words: str | Path) -> None:
    program = _program("openssl", "openssl")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl failed: {done.stderr}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that no system trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


# ---- servers that answer as they are told --------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Asked:
    """A request that a server got.

    Args:
        method: such as ``GET``.
        path: with its query.
        headers: by lower-case name.
        body: what was sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@attrs.frozen(kw_only=True)
class Reply:
    """An answer.

    Args:
        status: the status.
        headers: the headers; a name may come twice.
        body: the body.
        announce: the Content-Length, where it is not the body's.
        hangs: whether nothing is sent until the server is closed.
        closes: whether the connection is closed without an answer.
        raw: sent instead of all that.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    announce: int | None = None
    hangs: bool = False
    closes: bool = False
    raw: bytes | None = None

    @classmethod
    def json(cls, document: object, status: int = 200, **headers: str) -> Reply:
        """Make an answer of JSON."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        together = {"Content-Type": "application/json", **names}
        return cls(status=status, headers=tuple(together.items()), body=json.dumps(document).encode())

    @classmethod
    def manifest(cls, pushed: Pushed, **changes: Any) -> Reply:
        """Make the answer that a registry gives for an image."""
        headers = (("Content-Type", pushed.media_type), ("Docker-Content-Digest", pushed.digest))
        return attrs.evolve(cls(headers=headers, body=pushed.body), **changes)


Answerer = Callable[[Asked], Reply]


class ScriptedServer:
    """A server of HTTP that answers as it is told, and remembers what it was asked.

    Args:
        tls: makes it speak TLS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.without_tls = 0
        self._replies: dict[str, list[Reply | Answerer]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = self._broken  # type: ignore[method-assign] # clients break off; that is the test
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL, without a slash at its end."""
        return f"{self.scheme}://{self.address}"

    def on(self, path: str, *replies: Reply | Answerer) -> None:
        """Say what is answered for a path, whatever its query; the last reply again and again."""
        self._replies[path] = list(replies)

    def paths(self) -> list[str]:
        """Give the paths that were asked for, in their order."""
        return [asked.path.partition("?")[0] for asked in self.asked]

    def _broken(self, *_: Any) -> None:
        """Count who speaks plain HTTP to a server with TLS."""
        if getattr(sys.exc_info()[1], "reason", None) == "HTTP_REQUEST":
            with self._lock:
                self.without_tls += 1

    def close(self) -> None:
        """Stop; answers that hang end."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, asked: Asked) -> Reply:
        """Choose the answer for a request."""
        with self._lock:
            self.asked.append(asked)
            replies = self._replies.get(asked.path.partition("?")[0], [Reply(status=404, body=b"nothing here")])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        answer = reply(asked) if callable(reply) else reply
        if answer.hangs:
            self._over.wait()
        return answer


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            asked = Asked(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )
            reply = server.reply_to(asked)
            self.close_connection = reply.closes or reply.hangs or reply.raw is not None
            if reply.closes or reply.hangs:
                return
            if reply.raw is not None:
                self.wfile.write(reply.raw)
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            announced = len(reply.body) if reply.announce is None else reply.announce
            self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = announced != len(reply.body)

        do_GET = do_POST = do_HEAD = _answer

    return Handler


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes servers that answer as they are told, and closes them."""
    servers: list[ScriptedServer] = []

    def make(tls: ssl.SSLContext | None = None) -> ScriptedServer:
        servers.append(ScriptedServer(tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


if __name__ == "__main__":  # for measurements: prints host and port, and serves an image app:1 until its input ends
    with own_registry() as running:
        running.push("app:1")
        sys.stdout.write(f"{running.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
