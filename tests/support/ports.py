"""Ports of this machine: one at which nothing listens, and one for a server that cannot choose for itself."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_port", "refusing_port"]


@contextmanager
def refusing_port() -> Iterator[int]:
    """Give a port at which connections are refused for as long as the block lasts: it is taken, and not listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def free_port() -> int:
    """Give a port of this machine that nothing listens on.

    It is below those that the system gives to whoever connects or asks for any port, so that nobody has it by chance
    before the server does, or while the server is down.
    """
    # Not the shared generator, which property tests set to the same state in every worker.
    choose = random.SystemRandom()
    while True:
        port = choose.randrange(16_384, _first_of_the_system())
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _first_of_the_system() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 32_768
    # Where it gives out nearly all, there is nothing below to choose from.
    return max(first, 20_000)
