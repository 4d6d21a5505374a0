"""Errors of drivers, as errors of ours that say where, why and what to do, and that show no secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NoReturn

import attrs

from flyte_core_sql.errors import ConnectionFailedError, ConnectionLostError, QueryError, QueryTimeoutError

if TYPE_CHECKING:
    from flyte_core.errors import BaseRuntimeError
    from flyte_core_sql.connection import OpenConnection

__all__ = ["Failure", "Stopped", "raise_connect_failure", "raise_failure"]

Stopped = Literal["cancelled", "timeout"]
"""Why a statement was ended from here."""

#: Classes of SQLSTATE with which a connection ends, https://www.postgresql.org/docs/current/errcodes-appendix.html.
_LOST_STATES = re.compile(r"08|57P0[1-5]")
#: The same, where a driver gives nothing but words.
_LOST_WORDS = re.compile(
    r"server closed the connection|connection (?:is|was|has been) (?:closed|lost|reset)|terminating connection"
    r"|connection to server was lost|lost connection|server has gone away|broken pipe|no connection to the server"
    r"|could not receive data|SSL (?:SYSCALL|connection has been closed)|connection not open|consuming input failed",
    re.IGNORECASE,
)
_TIMEOUT_WORDS = re.compile(r"statement timeout|statement_timeout|maximum statement execution time", re.IGNORECASE)

#: What a driver says when it cannot connect, and what to look at.
_ADVICE = (
    (
        r"password authentication failed|access denied for user|no password supplied|fe_sendauth|password required",
        "check the user and the secret that holds the password",
    ),
    (
        r"could not translate host name|name or service not known|name resolution|nodename nor servname|unknown .*host",
        "no such host: check its name",
    ),
    (r"connection refused", "nothing listens there: check host and port, and that the server runs"),
    (r"time(?:d)? ?out", "it does not answer: check host, port and firewalls; connect_timeout says how long to wait"),
    (r"database .* does not exist|unknown database", "check the database's name"),
    (r"role .* does not exist|no pg_hba\.conf entry|not permitted to log in", "check that this user may connect"),
    (r"too many (?:clients|connections)|remaining connection slots", "the server has no connection left: try again"),
    (r"starting up|shutting down|recovery mode", "the server is not ready: try again"),
    (r"unable to open database file", "check that its folder exists, and that this process may write there"),
)
_GENERAL_ADVICE = "check host, port, database, user and password"


@attrs.frozen(kw_only=True)
class Failure:
    """What a driver's error says of a statement.

    Args:
        message: the database's words.
        state: the SQLSTATE.
        position: of the character in the statement where the database stopped, from 1.
        detail: more of the database's words.
        hint: what the database proposes.
        lost: whether the connection has ended with it.
    """

    message: str
    state: str | None = None
    position: int | None = None
    detail: str | None = None
    hint: str | None = None
    lost: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone, by what is known."""
        by_state = self.state is not None and _LOST_STATES.match(self.state) is not None
        return self.lost or by_state or (self.state is None and _LOST_WORDS.search(self.message) is not None)

    @property
    def is_timeout(self) -> bool:
        """Whether the server itself ended the statement for its length."""
        return self.state in (None, "57014", "HY000", "70100") and _TIMEOUT_WORDS.search(self.message) is not None


def raise_connect_failure(opened: OpenConnection, error: BaseException) -> NoReturn:
    """Raise what a failed attempt to connect is.

    Args:
        opened: the connection.
        error: the driver's.

    Raises:
        ConnectionFailedError: always.
    """
    message = _one_line(opened.scrub(error))
    advice = next((hint for words, hint in _ADVICE if re.search(words, message, re.IGNORECASE)), _GENERAL_ADVICE)
    _raise(
        ConnectionFailedError(f"{opened.label}: cannot connect to {_target(opened)}: {message} ({advice})"),
        opened,
        error,
    )


def raise_failure(
    opened: OpenConnection,
    error: BaseException,
    failure: Failure,
    text: str,
    *,
    stopped: Stopped | None = None,
    timeout: float | None = None,
    committing: bool = False,
) -> NoReturn:
    """Raise what a failed statement is.

    Args:
        opened: the connection.
        error: the driver's error.
        failure: what it says.
        text: the statement, as the driver got it.
        stopped: why it was ended from here, where it was.
        timeout: the statement timeout in seconds.
        committing: whether it was the end of the transaction, of which nobody knows then whether the server did it.

    Raises:
        QueryTimeoutError: it took longer than the timeout.
        ConnectionLostError: the connection ended.
        QueryError: anything else.
    """
    label = opened.label
    if stopped == "cancelled":
        _raise(QueryError(f"{label}: the statement was cancelled"), opened, error)
    if stopped == "timeout" or (timeout is not None and failure.is_timeout):
        limit = "the server's limit" if timeout is None else f"statement_timeout={timeout:g} s"
        _raise(QueryTimeoutError(f"{label}: the statement took longer than {limit}"), opened, error)
    message = opened.scrub(_described(failure, text))
    if failure.is_lost:
        when = (
            "at the commit: whether it was kept is not known" if committing else "while a statement ran; it is undone"
        )
        words = f"{label}: the connection to {_target(opened)} ended {when}: {message}"
        _raise(ConnectionLostError(words), opened, error)
    _raise(QueryError(f"{label}: {message}"), opened, error)


def _raise(ours: BaseRuntimeError | QueryTimeoutError, opened: OpenConnection, error: BaseException) -> NoReturn:
    """Raise an error with its cause, unless the cause would show a secret in the traceback."""
    link: BaseException | None = error
    while link is not None:
        # What psycopg tried to connect with, the password too; newer ones have it under the second name.
        vars(link).update({name: None for name in ("pgconn", "_pgconn") if name in vars(link)})
        link = link.__cause__ or link.__context__
    raise ours from (error if opened.scrub(error) == str(error) else None)


def _target(opened: OpenConnection) -> str:
    """Give where a connection leads, for messages: ``host:port/database as 'user'``."""
    parts = opened.connection.parts
    host = parts.host or ""
    place = f"{host}:{parts.port}" if host and parts.port else host
    place = f"{place}/{parts.database}" if place and parts.database else place or parts.database or opened.url
    return f"{opened.scrub(place)} as {parts.username!r}" if parts.username else opened.scrub(place)


def _described(failure: Failure, text: str) -> str:
    parts = [_one_line(failure.message) + (f" (SQLSTATE {failure.state})" if failure.state else "")]
    if failure.detail:
        parts.append(f"  {_one_line(failure.detail)}")
    if failure.hint:
        parts.append(f"  hint: {_one_line(failure.hint)}")
    if failure.position is not None and 0 < failure.position <= len(text) + 1:
        parts += _excerpt(text, failure.position)
    return "\n".join(parts)


def _excerpt(text: str, position: int) -> list[str]:
    """Give the line of a statement where something is, with a mark below it; of a long line only what is near."""
    before = text[: position - 1]
    row, column = before.count("\n") + 1, position - 1 - (before.rfind("\n") + 1)
    line = text.splitlines()[row - 1] if row <= len(text.splitlines()) else ""
    start = max(0, column - 60)
    shown = line[start : start + 100].expandtabs(1)
    return [f"  line {row}, column {column + 1}:", f"    {shown}", f"    {' ' * (column - start)}^"]


def _one_line(text: str) -> str:
    return " ".join(text.split())
