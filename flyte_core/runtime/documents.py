"""Error documents: ``error.pb``, by which a container tells its platform why a task failed.

The message is Flyte's ``ErrorDocument``. Its first schema, ``flyteidl.core``, has a time and a worker, at the numbers 5
and 6 of the error; ``flyteidl2.core`` has left them out. They are written all the same: a reader who does not know
them passes over them.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import attrs

from flyte_core.errors import (
    BaseRuntimeError,
    BundleError,
    FlyteCoreError,
    HookError,
    ModuleLoadError,
    StorageError,
    without_secrets,
)
from flyte_core.runtime.failures import is_retryable, mark_as_final, user_frames

if TYPE_CHECKING:
    from flyteidl2.core import execution_pb2

    from flyte_core.errors import ErrorKind

__all__ = ["ErrorReport", "RemoteTraceback"]

#: What stands between the text of a message and the traceback of the user's own code.
_TRACEBACK = "\n\nTraceback (most recent call last):\n"

#: Bytes of a message. Platforms take a document of more than 2 MiB for none.
_MESSAGE_LIMIT = 3 << 19

#: Codes of failures that only another command line could change.
_FINAL_CODES = frozenset({"MalformedCommand"})

#: What a module raises whose code is wrong, and would raise again.
_MISTAKES = (ImportError, SyntaxError, NameError, AttributeError, TypeError)

# Tags of two fields of a length: their number, and wire type 2.
_TIMESTAMP_TAG = 5 << 3 | 2
_WORKER_TAG = 6 << 3 | 2
# A third, of this project alone: the class of an error of flyte_core whose code does not tell it.
_CLASS_TAG = 100 << 3 | 2


class RemoteTraceback(Exception):
    """Where a task failed in its container, and what it printed last; the cause of the task's error here.

    Args:
        text: for people.
    """

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _worker() -> str:
    return os.environ.get("_F_PN") or os.environ.get("HOSTNAME", "")


@attrs.frozen(kw_only=True)
class ErrorReport:
    """Why a task failed, as its container tells the platform.

    Args:
        code: short machine-readable code.
        message: the text for people; what is more than 1.5 MiB is cut out of its middle.
        kind: whose fault it is: ``user``, ``system`` or ``unknown``.
        recoverable: whether another attempt could end otherwise.
        timestamp: when it happened, in seconds since 1970; default now. None where a document does not say.
        worker: name of the pod or container; default that of the environment.
        error_class: name of the class in `flyte_core.errors`, where the code does not tell it.

    Example:
        >>> report = ErrorReport(code="ValueError", message="no rows", kind="user")
        >>> ErrorReport.from_bytes(report.to_bytes()) == report
        True
    """

    code: str
    message: str
    kind: ErrorKind = "unknown"
    recoverable: bool = True
    timestamp: float | None = attrs.field(factory=time.time, eq=False)
    worker: str = attrs.field(factory=_worker)
    error_class: str = ""

    @classmethod
    def from_exception(cls, error: BaseException) -> ErrorReport:
        """Describe what a task, or the machinery round it, raised.

        The message ends with the traceback of the user's own code, where there is some. Credentials in URLs are left
        out.

        Args:
            error: what was raised.
        """
        if isinstance(error, BaseRuntimeError):
            code, kind = error.code, error.kind
        else:
            code, kind = type(error).__name__, _kind(error)
        return cls(
            code=code,
            message=without_secrets(_text(error)),
            kind=kind,
            recoverable=_is_recoverable(error),
            error_class=_class_name(error, code, kind),
        )

    def to_bytes(self) -> bytes:
        """Give the content of ``error.pb``."""
        from flyteidl2.core import execution_pb2

        kinds = execution_pb2.ContainerError.Kind
        error = execution_pb2.ContainerError(
            code=_valid(self.code),
            message=_shortened(_valid(self.message)),
            kind=kinds.RECOVERABLE if self.recoverable else kinds.NON_RECOVERABLE,
            origin=self.kind.upper(),
        )
        extra = b""
        if self.timestamp is not None:
            from google.protobuf.timestamp_pb2 import Timestamp

            nanoseconds = round(self.timestamp * 1e9)
            stamp = Timestamp(seconds=nanoseconds // 10**9, nanos=nanoseconds % 10**9)
            extra += _field(_TIMESTAMP_TAG, stamp.SerializeToString())
        if self.worker:
            extra += _field(_WORKER_TAG, _valid(self.worker).encode())
        if self.error_class:
            extra += _field(_CLASS_TAG, self.error_class.encode())
        error.MergeFromString(extra)
        data: bytes = execution_pb2.ErrorDocument(error=error).SerializeToString(deterministic=True)
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> ErrorReport:
        """Read the content of an ``error.pb``.

        Raises:
            DecodeError: (of ``google.protobuf.message``) when it is something else.
        """
        from flyteidl2.core import execution_pb2

        error = execution_pb2.ErrorDocument.FromString(data).error
        timestamp, worker, error_class = _extra(error)
        kinds: dict[int, ErrorKind] = {1: "user", 2: "system"}
        return cls(
            code=error.code,
            message=error.message,
            kind=kinds.get(error.origin, "unknown"),
            recoverable=error.kind == execution_pb2.ContainerError.RECOVERABLE,
            timestamp=timestamp,
            worker=worker,
            error_class=error_class,
        )

    @property
    def text(self) -> str:
        """The message without the traceback."""
        return self.message.partition(_TRACEBACK)[0]

    @property
    def traceback(self) -> str:
        """The traceback of the user's own code, as Python prints it; empty where there is none."""
        return "".join(self.message.partition(_TRACEBACK)[1:]).strip("\n")

    def with_text(self, change: Callable[[str], str]) -> ErrorReport:
        """Give the same report with another message.

        Args:
            change: makes it of this one's.
        """
        return attrs.evolve(self, message=change(self.message))

    def as_exception(self, log: str = "") -> BaseRuntimeError:
        """Give the exception that the task's failure is where it was started from, as if it had run there.

        Args:
            log: the last that the task printed.

        Returns:
            An exception of the same code and kind; its cause tells the traceback.
        """
        cls = _named_class(self.error_class) or _class_of(self.code, self.kind)
        error = cls.__new__(cls)
        BaseRuntimeError.__init__(error, self.code, self.kind, self.text, self.worker or None)
        if not self.recoverable:
            mark_as_final(error)
        told = "\n".join(part for part in (self.traceback, log) if part)
        error.__cause__ = RemoteTraceback(told) if told else None
        return error


def _class_of(code: str, kind: ErrorKind) -> type[BaseRuntimeError]:
    from flyte_core import errors

    known = {"DataValidationError": "RuntimeDataValidationError", "ReferenceTaskUsageError": "ReferenceTaskError"}
    named = _named_class(known.get(code, code))
    if named is not None and issubclass(named, errors.RuntimeUserError):
        return named
    kinds = {"user": errors.RuntimeUserError, "system": errors.RuntimeSystemError}
    return kinds.get(kind, errors.RuntimeUnknownError)


def _named_class(name: str) -> type[BaseRuntimeError] | None:
    from flyte_core import errors

    named = getattr(errors, name) if name in errors.__all__ else None
    return named if isinstance(named, type) and issubclass(named, BaseRuntimeError) else None


def _class_name(error: BaseException, code: str, kind: ErrorKind) -> str:
    """Name the error's class, or the nearest of flyte_core that it derives from, where its code does not tell it."""
    for cls in type(error).__mro__:
        if _named_class(cls.__name__) is cls:
            return "" if cls is _class_of(code, kind) else cls.__name__
    return ""


# ---- an exception as a report ------------------------------------------------------------------------------


def _kind(error: BaseException) -> ErrorKind:
    if isinstance(error, (StorageError, HookError, OSError)):
        return "system"
    return "user" if isinstance(error, FlyteCoreError) else "unknown"


def _is_recoverable(error: BaseException) -> bool:
    """Whether another attempt could end otherwise: not when the image, the code or a value would have to change."""
    if isinstance(error, ModuleLoadError):
        return error.__cause__ is not None and not isinstance(error.__cause__, _MISTAKES)
    if isinstance(error, BundleError):
        return False
    if isinstance(error, FlyteCoreError) and not isinstance(error, (BaseRuntimeError, HookError, StorageError)):
        return False
    return getattr(error, "code", None) not in _FINAL_CODES and is_retryable(error)


def _text(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, FlyteCoreError) and not isinstance(error, (BaseRuntimeError, HookError)):
        # Nothing of the user's has run: the message says it all.
        return text
    raised: BaseException | None = error
    if isinstance(error.__cause__, RemoteTraceback):
        told = str(error.__cause__).strip("\n")
        return f"{text}\n\n{told}" if told.startswith(_TRACEBACK.strip("\n")) else text
    frames: list[traceback.FrameSummary] = []
    while raised is not None:
        frames = user_frames(raised)
        if frames and (raised is not error or not isinstance(error, FlyteCoreError)):
            break
        raised = raised.__cause__
    if raised is None:
        return text
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(type(raised), raised)]
    return f"{text}{_TRACEBACK}{''.join(lines).rstrip()}"


# ---- the wire ------------------------------------------------------------------------------------------------


def _valid(text: str) -> str:
    """Give a text that UTF-8 has bytes for, as protobuf wants it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shortened(text: str) -> str:
    data = text.encode()
    if len(data) <= _MESSAGE_LIMIT:
        return text
    half = _MESSAGE_LIMIT // 2
    head, tail = data[:half].decode(errors="ignore"), data[-half:].decode(errors="ignore")
    return f"{head}\n... {len(data) - 2 * half} bytes are left out ...\n{tail}"


def _field(tag: int, content: bytes) -> bytes:
    return _number(tag) + _number(len(content)) + content


def _number(number: int) -> bytes:
    coded = bytearray()
    while number > 0x7F:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*coded, number))


def _extra(error: execution_pb2.ContainerError) -> tuple[float | None, str, str]:
    from google.protobuf.timestamp_pb2 import Timestamp
    from google.protobuf.unknown_fields import UnknownFieldSet

    # Its stub does not say that it is a sequence.
    fields = cast(Iterable[Any], UnknownFieldSet(error))
    found = {field.field_number: field.data for field in fields}
    stamp = found.get(_TIMESTAMP_TAG >> 3)
    moment = Timestamp.FromString(stamp) if isinstance(stamp, bytes) else None
    worker, error_class = (
        value.decode(errors="replace") if isinstance(value, bytes) else ""
        for value in (found.get(_WORKER_TAG >> 3), found.get(_CLASS_TAG >> 3))
    )
    return None if moment is None else moment.seconds + moment.nanos / 1e9, worker, error_class
