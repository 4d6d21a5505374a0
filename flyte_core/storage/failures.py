"""What an exception of a storage library means: its cause in words, our error for it, whether to try again.

obstore's exceptions carry a dump of Rust values with whole URLs in it; nothing of it but the cause is passed on.
"""

from __future__ import annotations

import asyncio
import email.utils
import errno
import os
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs

from flyte_core.errors import (
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    StoragePermissionError,
    StorageTimeoutError,
    UnsafePathError,
    without_secrets,
)

__all__ = ["Failure", "WrongContentError", "cause_of", "failure_of"]

_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529)
# Codes of S3's error documents (docs.aws.amazon.com, "Error responses") that come with another status.
_TRANSIENT_CODES = ("RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted")
_CREDENTIAL_CODES = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "AuthFailure")
# Error codes of S3 and Google (docs.aws.amazon.com, "Error responses") and Azure ("Blob service error codes").
_NO_BUCKET = {"NoSuchBucket": "bucket", "ContainerNotFound": "container", "ContainerBeingDeleted": "container"}
# Where obstore asks for credentials last, when it found none anywhere else.
_METADATA_SERVICES = ("169.254.169.254", "latest/api/token", "metadata.google.internal", "169.254.170.2")


class WrongContentError(Exception):
    """An answer is not the content that was announced; another try may give the right one.

    Args:
        reason: what is wrong with it.
    """


@attrs.frozen(kw_only=True)
class Failure:
    """Why a request failed.

    Args:
        reason: the cause, for people; without credentials.
        error: the class of our error for it.
        transient: whether another try may succeed.
        after: the seconds that the server asked to wait before it.
        no_credentials: whether the cause is that none were found.
        no_bucket: whether the cause is that the whole bucket or container is not there.
        attempts: how many tries the library made.
    """

    reason: str
    error: type[StorageError] = StorageError
    transient: bool = False
    after: float | None = None
    no_credentials: bool = False
    no_bucket: bool = False
    attempts: int = 1


def failure_of(error: BaseException) -> Failure:
    """Say what an exception means.

    Args:
        error: what a storage library, or the system, has raised.

    Example:
        >>> failure_of(ConnectionResetError(104, "Connection reset by peer")).transient
        True
    """
    module = type(error).__module__.partition(".")[0]
    if isinstance(error, StorageError):
        return Failure(reason=error.reason, error=type(error), attempts=error.attempts)
    if isinstance(error, WrongContentError):
        return Failure(reason=str(error), error=StorageIntegrityError, transient=True)
    if module == "obstore" or "Debug source:" in str(error) or "Could not parse path" in str(error):
        return _of_obstore(error)
    if module == "aiohttp":
        return _of_aiohttp(error)
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return Failure(reason="the server was silent for too long", error=StorageTimeoutError, transient=True)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, (ImportError, NotImplementedError)):
        return Failure(reason=_line(str(error) or type(error).__name__))
    return Failure(reason=f"{type(error).__name__}: {_line(str(error))}")


def cause_of(error: BaseException) -> BaseException:
    """Give an exception to chain: the one that happened, or its like without what must not be shown."""
    module = type(error).__module__.partition(".")[0]
    if module == "obstore" or "Debug source:" in str(error):
        return type(error)(without_secrets(_head(error)))
    if module == "aiohttp" or isinstance(error.__cause__, Exception):
        # fsspec tells any failure as "not found"; its name would stand beside a reason of another kind.
        return ConnectionError(failure_of(error).reason)
    return error


def _line(text: str, limit: int = 300) -> str:
    """Give the first line of a text, shortened."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= limit else f"{first[:limit]}…"


def _head(error: BaseException) -> str:
    return str(error).partition("\n\nDebug source:")[0].strip()


def _of_obstore(error: BaseException) -> Failure:
    head, dump = _head(error), str(error)
    name = type(error).__name__
    attempts = int(found[1]) + 1 if (found := re.search(r"after (\d+) retries", head)) else 1
    failure = _without_bucket(head) or _named(error, name, head) or _of_status(head) or _of_connection(head, dump)
    if any(service in head for service in _METADATA_SERVICES):
        reason = "no credentials were found"
        failure = attrs.evolve(failure, reason=reason, error=StoragePermissionError, no_credentials=True)
        failure = attrs.evolve(failure, transient=False)
    return attrs.evolve(failure, attempts=attempts)


def _without_bucket(head: str) -> Failure | None:
    """Tell from a 404 of one object that there is no bucket (S3, GCS) or container (Azure) for any."""
    code = _element(head, "Code")
    if code not in _NO_BUCKET:
        return None
    reason = f"the {_NO_BUCKET[code]} does not exist"
    return Failure(reason=reason, error=StorageNotFoundError, no_bucket=True)


def _named(error: BaseException, name: str, head: str) -> Failure | None:
    """Say what the exceptions mean that tell it by their class."""
    if isinstance(error, FileNotFoundError):
        return Failure(reason="there is nothing", error=StorageNotFoundError)
    if name == "PreconditionError":
        return Failure(reason="it was changed by somebody else meanwhile", error=StorageIntegrityError)
    if name in ("PermissionDeniedError", "UnauthenticatedError"):
        status = _of_status(head)
        return Failure(reason=status.reason if status else "access is denied", error=StoragePermissionError)
    if name == "InvalidPathError" or (isinstance(error, ValueError) and "parse path" in head):
        return Failure(reason=f"a name that the client library cannot reach: {_line(head)}", error=UnsafePathError)
    half = re.search(r"Missing (SecretAccessKey|AccessKeyId)", head)
    if half is not None:
        missing = {"SecretAccessKey": "the secret access key", "AccessKeyId": "the id of the access key"}[half[1]]
        reason = f"only half of the credentials was found: {missing} is missing"
        return Failure(reason=reason, error=StoragePermissionError, no_credentials=True)
    if "Content-Range header not present" in head:
        return Failure(reason="the server ignores requests for a range of bytes")
    if "redirect without LOCATION" in head:
        return Failure(reason="the server redirects without saying where; the configured region is probably wrong")
    return None


def _of_status(head: str) -> Failure | None:
    """Read the status code out of obstore's text, and the code and message of an error document behind it."""
    found = re.search(r"status code: (\d{3}) ?([^:<\n]*)(?:: (.*))?", head, re.DOTALL)
    if found is None:
        return None
    status, phrase, body = int(found[1]), found[2].strip(), (found[3] or "").strip()
    code = _element(body, "Code")
    # Of an error document nothing but these two: others hold the key, and the text that was signed.
    detail = ": ".join(filter(None, (code, _element(body, "Message"))))
    if not detail and body and "<" not in body:
        detail = _line(body, 100)
    reason = f"the server answered {status} {phrase}".strip() + (f" ({detail})" if detail else "")
    if status == 404:
        return Failure(reason=reason, error=StorageNotFoundError)
    if code in _CREDENTIAL_CODES or (status in (401, 403) and code not in _TRANSIENT_CODES):
        return Failure(reason=reason, error=StoragePermissionError)
    return Failure(reason=reason, transient=status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES)


def _element(document: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", document)
    return _line(found[1], 200) if found else ""


def _of_connection(head: str, dump: str) -> Failure:
    """Say what went wrong where there was no answer; only the dump of obstore's values tells it."""
    url = re.search(r"https?://\S+", head)
    server = f" to {urlsplit(url[0]).netloc.rpartition('@')[2]}" if url else ""
    told = re.search(r'message: "([^"]+)"', dump)
    for sign, reason, transient in (
        ("ertificate", "the server's certificate is not trusted", False),
        ("dns error", f"no connection{server}: its name cannot be resolved", True),
        ("kind: Timeout", "the server was silent for too long", True),
        ("TimedOut", "the server was silent for too long", True),
        ("kind: Connect", f"no connection{server}: {told[1] if told else 'it failed'}", True),
        ("kind: Interrupted", "the connection ended in the middle of the content", True),
        ("IncompleteMessage", "the connection ended before the answer", True),
        ("IncompleteBody", "the connection ended in the middle of the content", True),
        ("ConnectionReset", "the connection was reset", True),
        ("BrokenPipe", "the connection was closed while sending", True),
        ("kind: Request", f"the request{server} failed{f': {told[1]}' if told else ''}", True),
        ("kind: Decode", "the answer cannot be read", True),
    ):
        if sign in dump:
            return Failure(reason=reason, transient=transient)
    return Failure(reason=_line(re.sub(r"https?://\S+", lambda url: without_secrets(url[0].partition("?")[0]), head)))


def _of_aiohttp(error: BaseException) -> Failure:
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 300:
        phrase = getattr(error, "message", "")
        return _of_http_status(status, str(phrase), getattr(error, "headers", None) or {})
    names = [cls.__name__ for cls in type(error).__mro__]
    if "ClientConnectorCertificateError" in names or "ClientSSLError" in names:
        return Failure(reason="the server's certificate is not trusted")
    if "ClientConnectorDNSError" in names:
        return Failure(reason=f"no connection{_address(error)}: its name cannot be resolved", transient=True)
    if "ServerTimeoutError" in names:
        return Failure(reason="the server was silent for too long", error=StorageTimeoutError, transient=True)
    if "ClientPayloadError" in names:
        return Failure(reason="the connection ended in the middle of the content", transient=True)
    if "ClientConnectorError" in names and isinstance(error, OSError):
        return Failure(reason=f"no connection{_address(error)}: {os.strerror(error.errno or 0)}", transient=True)
    if "ClientConnectionError" in names:
        return Failure(reason="the connection ended before the answer", transient=True)
    return Failure(reason=f"{type(error).__name__}: {_line(without_secrets(str(error)))}")


def _address(error: BaseException) -> str:
    host, port = getattr(error, "host", None), getattr(error, "port", None)
    return f" to {host}:{port}" if host and port else ""


def _of_http_status(status: int, phrase: str, headers: object) -> Failure:
    reason = f"the server answered {status} {phrase}".strip()
    if status in (404, 410):
        return Failure(reason=reason, error=StorageNotFoundError)
    if status in (401, 403, 407):
        return Failure(reason=reason, error=StoragePermissionError)
    if status == 412:
        return Failure(reason="it was changed by somebody else meanwhile", error=StorageIntegrityError)
    get = getattr(headers, "get", lambda _name: None)
    return Failure(reason=reason, transient=status in _TRANSIENT_STATUS, after=_seconds(get("Retry-After")))


def _seconds(text: object) -> float | None:
    """Read a Retry-After header (RFC 9110, section 10.2.3): seconds, or a date."""
    if not isinstance(text, str):
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _of_system(error: OSError) -> Failure:
    for cause in _causes(error):
        if type(cause).__module__.startswith("aiohttp"):
            # fsspec tells every failure of its first look at a web page as "not found".
            return _of_aiohttp(cause)
        if isinstance(cause, (asyncio.TimeoutError, TimeoutError)):
            return failure_of(cause)
    if isinstance(error, FileNotFoundError):
        return Failure(reason="there is nothing", error=StorageNotFoundError)
    if isinstance(error, PermissionError):
        return Failure(reason=error.strerror or "access is denied", error=StoragePermissionError)
    reason = error.strerror or _line(without_secrets(str(error))) or type(error).__name__
    if isinstance(error, socket.gaierror):
        return Failure(reason=f"no connection: {reason}", transient=error.errno == socket.EAI_AGAIN)
    transient = isinstance(error, (ConnectionError, EOFError)) or error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    return Failure(reason=reason, transient=transient)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__
