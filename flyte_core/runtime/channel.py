"""Messages between a container and the process that started it, over the container's standard input and output.

A message is a JSON object and bytes: two lengths of four bytes, then the one and the other. So a container needs no
port and no socket, and the engine may be on another machine.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from flyte_core.errors import RuntimeSystemError

__all__ = ["CONTROLLER_VARIABLE", "STDIO", "FrameReader", "StdioChannel", "frame"]

#: Variable that says how a container's process has the tasks run that its task calls; unset: in the process itself.
CONTROLLER_VARIABLE = "FLYTE_CORE_CONTROLLER"

#: Its value for this channel.
STDIO = "stdio"

_LENGTHS = struct.Struct(">II")

#: Bytes of a JSON object and of the bytes beside it; more is no message but something that printed into the channel.
_MOST_JSON, _MOST_BYTES = 2**24, 2**31


def frame(message: dict[str, Any], data: bytes = b"") -> bytes:
    """Give a message as it is sent.

    Args:
        message: what JSON can say.
        data: bytes beside it.

    Example:
        >>> list(FrameReader().feed(frame({"call": 1}, b"inputs")))
        [({'call': 1}, b'inputs')]
    """
    text = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(data)) + text + data


class FrameReader:
    """Puts messages together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Take a piece, and give the messages that are whole now.

        Args:
            piece: any number of bytes.

        Raises:
            RuntimeSystemError: these bytes are no messages.
        """
        self._buffer += piece
        while len(self._buffer) >= _LENGTHS.size:
            text, data = _LENGTHS.unpack_from(self._buffer)
            if text > _MOST_JSON or data > _MOST_BYTES:
                raise RuntimeSystemError("ChannelBroken", f"a message of {text} and {data} bytes is none")
            end = _LENGTHS.size + text + data
            if len(self._buffer) < end:
                return
            content = bytes(self._buffer[_LENGTHS.size : end])
            del self._buffer[:end]
            yield json.loads(content[:text]), content[text:]


class StdioChannel:
    """The container's end of the channel; made by `open`.

    Args:
        source: where messages come from.
        target: where messages go.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self._sending = threading.Lock()

    @classmethod
    def open(cls) -> StdioChannel:
        """Take standard input and output for the channel, before anything is printed.

        What the task prints from then on, and what the processes print that it starts, goes to standard error, and
        they read nothing.
        """
        sys.stdout.flush()
        source, target = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        # Whole lines at once: somebody reads along.
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(line_buffering=True)
        return cls(open(source, "rb", buffering=0), open(target, "wb", buffering=0))  # noqa: PTH123 - descriptors

    def listen(self, take: Callable[[dict[str, Any], bytes], None], ended: Callable[[], None]) -> None:
        """Read in a thread of its own.

        Args:
            take: called with each message.
            ended: called when no more can come, since the other end is gone.
        """

        def work() -> None:
            reader = FrameReader()
            try:
                while piece := self._source.read(2**16):
                    for message, data in reader.feed(piece):
                        take(message, data)
            except OSError:
                pass
            finally:
                ended()

        threading.Thread(target=work, name="flyte_core-channel", daemon=True).start()

    def send(self, message: dict[str, Any], data: bytes = b"") -> None:
        """Send a message; from any thread.

        Args:
            message: what JSON can say.
            data: bytes beside it.

        Raises:
            RuntimeSystemError: the other end is gone.
        """
        view = memoryview(frame(message, data))
        try:
            with self._sending:
                while view:
                    view = view[self._target.write(view) or 0 :]
        except OSError as error:
            raise RuntimeSystemError(
                "ControllerGone", f"the process that started this container is gone: {error}"
            ) from error
