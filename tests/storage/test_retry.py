"""flyte_core.storage.retry and failures: what is tried again, how often, how long after, and what is told at the end."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import errno
import pickle
import socket
import time

import pytest

from flyte_core.errors import (
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    StoragePermissionError,
    StorageTimeoutError,
)
from flyte_core.storage import failures
from flyte_core.storage.engine import Transfer
from flyte_core.storage.failures import Failure, WrongContentError, cause_of, failure_of
from flyte_core.storage.retry import Deadline, Tries

URL = "s3://bucket/a"


class Flaky:
    """Fails with one error after the other, and then gives 7."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7

    async def aio(self) -> int:
        return self()


def _tries(**options: object) -> Tries:
    return Tries(URL, "read", Transfer(**{"backoff": dt.timedelta(seconds=1), **options}))


def test_a_connection_error_is_tried_again():
    flaky = Flaky(ConnectionResetError(), ConnectionResetError())
    tries = _tries()
    waits: list[float] = []
    assert tries.call_sync(flaky, waits.append) == 7
    assert (flaky.calls, tries.attempts) == (3, 3)
    assert 0.5 <= waits[0] <= 1
    assert 1 <= waits[1] <= 2


def test_waits_differ_and_stop_growing():
    found = set()
    for _ in range(5):
        waits: list[float] = []
        _tries(retries=8).call_sync(Flaky(*[ConnectionResetError()] * 8), waits.append)
        assert max(waits) <= 16
        found.add(waits[0])
    assert len(found) > 1


def test_the_error_counts_the_attempts_and_chains_the_cause():
    flaky = Flaky(*[ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")] * 9)
    with pytest.raises(StorageError, match="cannot read s3://bucket/a after 3 attempts: Connection reset") as caught:
        _tries(retries=2).call_sync(flaky, lambda _: None)
    assert flaky.calls == 3
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert pickle.loads(pickle.dumps(caught.value)).attempts == 3


def test_what_cannot_pass_is_not_tried_again():
    flaky = Flaky(FileNotFoundError())
    with pytest.raises(StorageNotFoundError):
        _tries().call_sync(flaky, lambda _: None)
    assert flaky.calls == 1


def test_an_error_of_ours_is_given_back_as_it_is():
    error = StorageIntegrityError(URL, "read", "why")
    with pytest.raises(StorageIntegrityError) as caught:
        asyncio.run(_tries().call(Flaky(error).aio))
    assert caught.value is error


def test_coroutines_are_tried_alike():
    flaky = Flaky(ConnectionResetError())
    assert asyncio.run(_tries(backoff=dt.timedelta(milliseconds=1)).call(flaky.aio)) == 7
    assert flaky.calls == 2


def test_a_coroutine_is_stopped_at_the_deadline():
    async def hang() -> None:
        await asyncio.Event().wait()

    begun = time.monotonic()
    with pytest.raises(StorageTimeoutError, match=r"deadline of 0\.1 s"):
        asyncio.run(_tries(deadline=dt.timedelta(seconds=0.1)).call(hang))
    assert time.monotonic() - begun < 5


def test_a_wait_that_would_end_behind_the_deadline_is_not_begun():
    waits: list[float] = []
    with pytest.raises(StorageTimeoutError, match="the last try failed: Connection reset"):
        _tries(deadline=dt.timedelta(seconds=7), backoff=dt.timedelta(seconds=16)).call_sync(
            Flaky(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")), waits.append
        )
    assert waits == []


def test_a_deadline_that_has_passed_ends_it_before_a_try():
    deadline = Deadline(dt.timedelta(microseconds=1))
    while deadline.left():
        pass
    flaky = Flaky()
    with pytest.raises(StorageTimeoutError):
        Tries(URL, "read", Transfer(), deadline).call_sync(flaky)
    assert flaky.calls == 0


def test_no_deadline_leaves_any_time():
    assert Deadline(None).left() is None


class ClientResponseError(Exception):
    """Has the shape of aiohttp's."""

    __module__ = "aiohttp"

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}, message='', url='https://h/a?X-Amz-Signature=hidden'")
        self.status, self.message, self.headers = status, "Oh", headers


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("soon", 5, 31), ("0", 0, 0), ("99999", 120, 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0)],
    ids=["seconds", "date", "none", "hours", "past"],
)
def test_the_wait_that_a_server_asks_for_is_kept(header, least, most):
    waits: list[float] = []
    header = email.utils.formatdate(time.time() + 30, usegmt=True) if header == "soon" else header
    _tries().call_sync(Flaky(ClientResponseError(503, {"Retry-After": header})), waits.append)
    assert least <= waits[0] <= most


def test_a_wait_that_makes_no_sense_is_ignored():
    waits: list[float] = []
    _tries().call_sync(Flaky(ClientResponseError(503, {"Retry-After": "later"})), waits.append)
    assert 0.5 <= waits[0] <= 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_these_status_codes_may_pass(status):
    assert failure_of(ClientResponseError(status)).transient


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 410, 412, 416, 501])
def test_these_status_codes_do_not_pass(status):
    assert not failure_of(ClientResponseError(status)).transient


def test_the_cause_of_a_web_error_has_no_query():
    error = ClientResponseError(500)
    assert "hidden" not in str(cause_of(error))


@pytest.mark.parametrize(
    ("error", "cls", "transient"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), StorageError, True),
        (BrokenPipeError(), StorageError, True),
        (TimeoutError(), StorageTimeoutError, True),
        (asyncio.TimeoutError(), StorageTimeoutError, True),
        (socket.gaierror(socket.EAI_AGAIN, "again"), StorageError, True),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), StorageError, False),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, False),
        (PermissionError(errno.EACCES, "Permission denied"), StoragePermissionError, False),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), StorageError, False),
        (WrongContentError("short"), StorageIntegrityError, True),
        (ImportError("paramiko"), StorageError, False),
        (RuntimeError("something"), StorageError, False),
    ],
)
def test_what_an_exception_means(error, cls, transient):
    failure = failure_of(error)
    assert (failure.error, failure.transient) == (cls, transient)
    assert failure.reason


def test_fsspecs_not_found_is_what_is_behind_it():
    error = FileNotFoundError("https://h/a")
    error.__cause__ = ClientResponseError(503)
    assert failure_of(error).transient


class GenericError(Exception):
    """Has the shape of obstore's."""

    __module__ = "obstore.exceptions"


class PermissionDeniedError(GenericError):
    """Has the shape of obstore's."""

    __module__ = "obstore.exceptions"


DUMP = '\n\nDebug source:\nGeneric {\n    uri: http://h/b/k?sig=hidden,\n    kind: Connect,\n    message: "refused",\n}'


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            (
                "Generic S3 error: Error performing GET http://h/b/k in 1ms, after 2 retries, max_retries: 2 - Server "
                "returned non-2xx status code: 503 Slow Down: <Error><Code>SlowDown</Code><Message>less</Message></Error>"
            ),
            Failure(reason="the server answered 503 Slow Down (SlowDown: less)", transient=True, attempts=3),
        ),
        (
            (
                "Error performing GET http://h/b/k in 1ms - Server returned non-2xx status code: 400 Bad Request: "
                "<Error><Code>RequestTimeout</Code></Error>"
            ),
            Failure(reason="the server answered 400 Bad Request (RequestTimeout)", transient=True),
        ),
        (
            (
                "Error performing GET http://h/b/k in 1ms - Server returned non-2xx status code: 400 Bad Request: "
                "<Error><Code>ExpiredToken</Code></Error>"
            ),
            Failure(reason="the server answered 400 Bad Request (ExpiredToken)", error=StoragePermissionError),
        ),
        (
            "Error performing GET http://h/b/k in 1ms - HTTP error: error sending request",
            Failure(reason="no connection to h: refused", transient=True),
        ),
        (
            "Error performing PUT http://169.254.169.254/latest/api/token in 1ms - HTTP error: error sending request",
            Failure(reason="no credentials were found", error=StoragePermissionError, no_credentials=True),
        ),
    ],
    ids=["status", "transient code", "expired", "connection", "no credentials"],
)
def test_the_cause_is_read_out_of_obstores_text(head, expected):
    assert failure_of(GenericError(head + DUMP)) == expected


def test_the_chained_cause_has_no_dump():
    cause = cause_of(PermissionDeniedError("The operation lacked privileges" + DUMP))
    assert type(cause) is PermissionDeniedError
    assert str(cause) == "The operation lacked privileges"


def test_every_phrase_is_one_line():
    assert "\n" not in failures.failure_of(RuntimeError("one\ntwo")).reason
