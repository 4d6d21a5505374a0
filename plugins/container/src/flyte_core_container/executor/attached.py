"""The attached streams of one container: messages on its standard output and input, its log on standard error."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flyte_core import logger
from flyte_core.errors import RuntimeSystemError
from flyte_core.runtime.blocking import in_thread
from flyte_core.runtime.channel import FrameReader, frame
from flyte_core_container.local.answers import EngineGone
from flyte_core_container.local.logs import LOG_TAIL

if TYPE_CHECKING:
    from flyte_core_container.local.engine import Engine

__all__ = ["Attached", "Output"]

#: Before each piece of a stream: which one it is, and the piece's length.
_HEADER = struct.Struct(">BxxxI")
_STDOUT = 1

#: Bytes that are read at a time.
_CHUNK = 2**18

#: A line without an end is cut here, so that a container cannot fill this process's memory.
_LONGEST_LINE = 2**20


class Output:
    """What a container prints, as lines; only the last ones are kept.

    Args:
        prefix: stands before each line.
        show: called with some whole lines at a time, their last line break among them.

    Example:
        >>> output = Output("[work] ", print)
        >>> output.feed(b"one\\ntwo\\nthr")
        [work] one
        [work] two
        <BLANKLINE>
        >>> list(output.tail)
        ['one', 'two']
    """

    def __init__(self, prefix: str, show: Callable[[str], object]) -> None:
        self.tail: collections.deque[str] = collections.deque(maxlen=LOG_TAIL)
        self._prefix, self._show = prefix, show
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Take a piece of the log."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._lines(lines)

    def end(self) -> None:
        """Take what is left as the last line."""
        rest, self._rest = self._rest, b""
        if rest:
            self._lines([rest])

    def _lines(self, lines: list[bytes]) -> None:
        texts = [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
        self.tail.extend(texts[-LOG_TAIL:])
        self._show("".join(f"{self._prefix}{text}\n" for text in texts))


class Attached:
    """A container's streams; made by `to`.

    Args:
        connection: what the engine has turned the request into.
        take: called with each message, in the event loop and the context of `to`.
        output: takes the log, in a thread.
    """

    def __init__(self, connection: Any, take: Callable[[dict[str, Any], bytes], None], output: Output) -> None:
        # Behind what the library gives, there is something with recv and sendall: a socket, with TLS or not, or SSH's.
        self._connection = connection
        self._socket: Any = getattr(connection, "_sock", connection)
        self._socket.settimeout(None)
        self._take, self._output = take, output
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._ended = asyncio.Event()
        self._sending = asyncio.Lock()
        threading.Thread(target=self._work, name="flyte_core-attached", daemon=True).start()

    @classmethod
    async def to(
        cls, engine: Engine, container_id: str, take: Callable[[dict[str, Any], bytes], None], output: Output
    ) -> Attached:
        """Attach to a container that has not started yet, so that nothing is missed.

        Args:
            engine: where it is.
            container_id: the container.
            take: see `Attached`.
            output: see `Attached`.

        Raises:
            EngineRefusal: when the engine will not.
            EngineGone: when the engine does not answer.
        """
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        return cls(await engine.ask(engine.api.attach_socket, container_id, params), take, output)

    async def send(self, message: dict[str, Any], data: bytes = b"") -> None:
        """Send a message.

        Raises:
            EngineGone: the connection is gone.
        """
        async with self._sending:
            try:
                await in_thread(self._socket.sendall, frame(message, data))
            except OSError as error:
                raise EngineGone(str(error)) from error

    async def ended(self) -> None:
        """Wait until both streams have ended, which they do with the container, and all is shown."""
        await self._ended.wait()

    def close(self) -> None:
        """Let go of the connection; the container's standard input ends."""
        for closing in (self._socket, self._connection):
            with contextlib.suppress(OSError):
                closing.close()

    def _work(self) -> None:
        try:
            self._read()
        except (OSError, ValueError) as error:
            logger.debug("the streams of a container break off: %s", error)
        except RuntimeSystemError as error:
            logger.warning("what a container sends is not understood: %s", error)
        finally:
            self._output.end()
            self._tell(self._ended.set)

    def _read(self) -> None:
        messages, buffer, shown = FrameReader(), bytearray(), self._output
        while piece := self._socket.recv(_CHUNK):
            buffer += piece
            at = 0
            while len(buffer) - at >= _HEADER.size:
                kind, length = _HEADER.unpack_from(buffer, at)
                end = at + _HEADER.size + length
                if len(buffer) < end:
                    break
                content = bytes(buffer[at + _HEADER.size : end])
                at = end
                if kind != _STDOUT:
                    shown.feed(content)
                    continue
                for message, data in messages.feed(content):
                    self._tell(self._take, message, data)
            del buffer[:at]

    def _tell(self, func: Callable[..., object], *args: Any) -> None:
        # The loop may be gone, when the process ends while a container is removed.
        try:
            self._loop.call_soon_threadsafe(func, *args, context=self._context)
        except RuntimeError as error:
            logger.debug("nobody listens to a container any more: %s", error)
