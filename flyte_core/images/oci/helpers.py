"""Asks a credential helper of Docker's, a program ``docker-credential-NAME``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from typing import Any

__all__ = ["HelperError", "ask_helper"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: What a helper says that has nothing for a host; the protocol knows no other sign.
_NOTHING = "credentials not found in native keychain"
_MOST = 2**16
_LAST_SECONDS = 1.0


class HelperError(Exception):
    """A credential helper is not there, or does not answer as it should."""


async def ask_helper(name: str, server: str, seconds: float) -> tuple[str, str] | None:
    """Ask for the credential of a server.

    Args:
        name: what stands behind ``docker-credential-``.
        server: the server, as Docker names it.
        seconds: how long it may take.

    Returns:
        Name and secret; None where the helper has nothing.

    Raises:
        HelperError: there is no such helper, or it fails, or does not answer in time.
    """
    program = f"docker-credential-{name}"
    # A name with a slash would start any program.
    path = shutil.which(program) if _NAME.fullmatch(name) else None
    if path is None:
        raise HelperError(f"there is no program {program} in PATH")
    try:
        process = await _start(path)
    except OSError as error:
        raise HelperError(f"{program} cannot be started: {error.strerror}") from error
    try:
        output = await asyncio.wait_for(_exchange(process, server), seconds)
    except asyncio.TimeoutError:
        raise HelperError(f"{program} did not answer within {seconds:.1f} s") from None
    finally:
        await _end(process)
    return _answer(program, process.returncode or 0, output)


async def _start(path: str) -> asyncio.subprocess.Process:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(path, "get", stdin=pipe, stdout=pipe, stderr=nothing, start_new_session=True)
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It may run already, and asyncio would end it without what it has started.
        await _end(await starting)
        raise


async def _exchange(process: asyncio.subprocess.Process, server: str) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    # A helper that reads nothing may have ended by now.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(f"{server}\n".encode())
        await process.stdin.drain()
    process.stdin.close()
    output = b""
    while len(output) <= _MOST and (piece := await process.stdout.read(_MOST)):
        output += piece
    if len(output) <= _MOST:
        await process.wait()
    return output


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a helper and what it started; it has a session of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
    # wait() waits for the end of the pipe as well (python/cpython#119710), which asyncio does not see behind what
    # nobody reads; and what has left the helper's session may hold it open.
    transport: Any = getattr(process, "_transport", None)
    try:
        await asyncio.wait_for(_drain(process), _LAST_SECONDS)
    except asyncio.TimeoutError:
        transport.close()
    await process.wait()
    transport.close()


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(_MOST):
        pass


def _answer(program: str, status: int, output: bytes) -> tuple[str, str] | None:
    if len(output) > _MOST:
        raise HelperError(f"{program} answered more than a credential")
    text = output.decode("utf-8", "replace").strip()
    if status != 0:
        if text == _NOTHING:
            return None
        # What it says is not repeated: it may be anything.
        raise HelperError(f"{program} failed with exit status {status}")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise HelperError(f"{program} answered something that is no JSON object")
    name, secret = document.get("Username"), document.get("Secret")
    if not isinstance(name, str) or not isinstance(secret, str):
        raise HelperError(f"{program} answered without Username and Secret")
    return (name, secret) if secret else None
