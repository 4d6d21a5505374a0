"""A proxy in front of an HTTP server that spoils answers, so that faults are real and happen where a test wants them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

__all__ = ["Fault", "FaultyProxy", "Request", "faulty"]


@attrs.frozen(kw_only=True)
class Request:
    """What a client asked.

    Args:
        method: such as ``GET``.
        target: path and query.
        headers: by lower-case name.
        number: how many requests came before it.
    """

    method: str
    target: str
    headers: dict[str, str]
    number: int


@attrs.define(kw_only=True)
class Fault:
    """What is done to an answer.

    Args:
        when: whether a request is meant.
        times: to how many of those requests.
        status: answered instead of asking the server, such as ``503 Slow Down``.
        headers: set in the answer, or removed where the value is None.
        body: sent instead of the server's, with ``status``.
        cut_after: bytes of the body after which the connection is reset.
        truncate_to: bytes of the body that are sent, with a Content-Length that says so.
        announce: Content-Length that is sent, whatever the body's is.
        alter_at: place in the body of a byte that is changed.
        drip: seconds to wait before each 4 KiB of the body.
        before: called before the request is passed on.
        refuse: close the connection without an answer.
        done: how many requests it has met.
    """

    when: Callable[[Request], bool] = lambda _request: True
    times: int = 1
    status: str | None = None
    headers: dict[str, str | None] = attrs.field(factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    truncate_to: int | None = None
    announce: int | None = None
    alter_at: int | None = None
    drip: float = 0.0
    before: Callable[[], object] | None = None
    refuse: bool = False
    done: int = 0


class FaultyProxy:
    """Passes HTTP requests on to a server of this machine, one connection each, and does to the answers what is asked.

    Args:
        port: the server's port.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.requests: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, fault: Fault | None = None, /, **options: Any) -> Fault:
        """Spoil the next answers that it is for."""
        fault = fault or Fault(**options)
        with self._lock:
            self._faults.append(fault)
        return fault

    def close(self) -> None:
        """Stop; waiting answers end."""
        self._over.set()
        self._listener.close()

    def asked(self, method: str) -> list[Request]:
        """Give the requests of a method so far."""
        with self._lock:
            return [request for request in self.requests if request.method == method]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as reader:
            try:
                while self._one(client, reader):
                    pass
            except OSError:
                return

    def _one(self, client: socket.socket, reader: Any) -> bool:
        first = reader.readline()
        if not first:
            return False
        headers = _headers(reader)
        method, target, _ = first.decode("latin-1").split(" ", 2)
        with self._lock:
            request = Request(method=method, target=target, headers=headers, number=len(self.requests))
            self.requests.append(request)
            fault = next((f for f in self._faults if f.done < f.times and f.when(request)), None)
            if fault is not None:
                fault.done += 1
        if headers.get("expect") == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = reader.read(int(headers.get("content-length", "0")))
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.refuse:
            _reset(client)
            return False
        if fault is not None and fault.status is not None:
            extra = "".join(f"{name}: {value}\r\n" for name, value in fault.headers.items())
            head = f"HTTP/1.1 {fault.status}\r\nContent-Length: {len(fault.body)}\r\n{extra}\r\n"
            client.sendall(head.encode() + (b"" if method == "HEAD" else fault.body))
            return True
        return self._pass_on(client, first, request, body, fault)

    def _pass_on(self, client: socket.socket, first: bytes, request: Request, body: bytes, fault: Fault | None) -> bool:
        with socket.create_connection(("127.0.0.1", self._server)) as server, server.makefile("rb") as answer:
            kept = {name: value for name, value in request.headers.items() if name not in ("connection", "expect")}
            lines = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
            server.sendall(first + lines.encode("latin-1") + b"connection: close\r\n\r\n" + body)
            status = answer.readline()
            headers = _headers(answer)
            headers.pop("connection", None)
            if not status:  # the server gave up, as it does when it is stopped
                return False
            if request.method == "HEAD" or status.split()[1] in (b"204", b"304"):
                content = b""
            elif "content-length" in headers:
                content = answer.read(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                content = _chunks(answer)
                headers.pop("transfer-encoding")
                headers["content-length"] = str(len(content))
            else:
                content = answer.read()
                headers["content-length"] = str(len(content))
        return self._answer(client, status, headers, content, fault)

    def _answer(
        self, client: socket.socket, status: bytes, headers: dict[str, str], content: bytes, fault: Fault | None
    ) -> bool:
        if fault is None:
            client.sendall(status + _lines(headers) + content)
            return True
        if fault.truncate_to is not None:
            content = content[: fault.truncate_to]
            headers["content-length"] = str(fault.truncate_to)
        if fault.announce is not None:
            headers["content-length"] = str(fault.announce)
        if fault.alter_at is not None:
            at = fault.alter_at
            content = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        for name, value in fault.headers.items():
            if value is None:
                headers.pop(name.lower(), None)
            else:
                headers[name.lower()] = value
        client.sendall(status + _lines(headers))
        whole = content if fault.cut_after is None else content[: fault.cut_after]
        if fault.drip:
            for start in range(0, len(whole), 4096):
                if self._over.wait(fault.drip):
                    return False
                client.sendall(whole[start : start + 4096])
        else:
            client.sendall(whole)
        if fault.cut_after is not None or 0 < len(content) < int(headers.get("content-length", "0")):
            _end(client)
            return False
        return True


def _headers(reader: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := reader.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = line.partition(":")
        found[name.strip().lower()] = value.strip()
    return found


def _lines(headers: dict[str, str]) -> bytes:
    return ("".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode("latin-1")


def _chunks(reader: Any) -> bytes:
    parts = []
    while size := int(reader.readline().split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline()
    reader.readline()
    return b"".join(parts)


def _end(client: socket.socket) -> None:
    """Close behind what was sent: a reset may take back what the client has not read yet."""
    client.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + 5
    client.settimeout(5)
    while time.monotonic() < deadline and client.recv(65536):
        pass


def _reset(client: socket.socket) -> None:
    import struct

    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture
def faulty(s3_server):
    """A proxy before the S3 server, without faults at first."""
    proxy = FaultyProxy(s3_server.port)
    yield proxy
    proxy.close()
