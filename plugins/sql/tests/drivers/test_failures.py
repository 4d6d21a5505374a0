"""What a driver says becomes an error that says where, why and what to do, and shows no secret."""

from __future__ import annotations

import pytest
from flyte_core_sql.connection import OpenConnection, resolve_connection
from flyte_core_sql.drivers.failures import Failure, raise_connect_failure, raise_failure
from flyte_core_sql.errors import ConnectionFailedError, ConnectionLostError, QueryError, QueryTimeoutError

PASSWORD = "pa ss'wörd"


@pytest.fixture
def opened() -> OpenConnection:
    url = "postgresql://ann:pa%20ss%27w%C3%B6rd@db.example:5433/app"
    return resolve_connection("warehouse", env={"FLYTE_CORE_SQL_WAREHOUSE": url}, cwd="/")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ('FATAL:  password authentication failed for user "ann"', "the secret that holds the password"),
        ("connection refused", "that the server runs"),
        ('could not translate host name "db.example" to address', "no such host"),
        ("connection timeout expired", "firewalls"),
        ('database "app" does not exist', "the database's name"),
        ("FATAL: sorry, too many clients already", "no connection left"),
        ("something else", "check host, port, database, user and password"),
    ],
)
def test_a_failure_to_connect_says_where_and_what_to_look_at(opened: OpenConnection, words: str, advice: str) -> None:
    with pytest.raises(ConnectionFailedError, match="connection 'warehouse': cannot connect to") as caught:
        raise_connect_failure(opened, OSError(words))

    message = str(caught.value)
    assert "db.example:5433/app as 'ann'" in message
    assert words.split("  ")[-1] in message
    assert advice in message


def test_a_secret_is_neither_in_the_message_nor_in_the_cause(opened: OpenConnection) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        raise_connect_failure(opened, OSError(f"cannot use {PASSWORD}"))

    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_cause_without_a_secret_is_kept(opened: OpenConnection) -> None:
    cause = OSError("refused")

    with pytest.raises(ConnectionFailedError) as caught:
        raise_connect_failure(opened, cause)

    assert caught.value.__cause__ is cause


def test_a_refused_statement_is_shown_where_it_is_wrong(opened: OpenConnection) -> None:
    text = "SELECT a,\n       b FROM t"
    failure = Failure(
        message='column "b" does not exist', state="42703", position=18, detail="There is c.", hint="Perhaps c."
    )

    with pytest.raises(QueryError) as caught:
        raise_failure(opened, OSError("x"), failure, text)

    assert str(caught.value).splitlines()[0].endswith('column "b" does not exist (SQLSTATE 42703)')
    assert str(caught.value).splitlines()[1:] == [
        "  There is c.",
        "  hint: Perhaps c.",
        "  line 2, column 8:",
        "           b FROM t",
        "           ^",
    ]


def test_of_a_long_line_only_what_is_near_is_shown(opened: OpenConnection) -> None:
    text = "SELECT " + "1, " * 1000 + "x"

    with pytest.raises(QueryError) as caught:
        raise_failure(opened, OSError("x"), Failure(message="no x", position=len(text)), text)

    _, _, line, mark = str(caught.value).splitlines()
    assert len(line) < 110
    assert line[mark.index("^")] == "x"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(message="terminating connection due to administrator command", state="57P01"),
        Failure(message="the server is gone", state="08006"),
        Failure(message="server closed the connection unexpectedly"),
        Failure(message="MySQL server has gone away (error 2006)"),
        Failure(message="who knows", lost=True),
    ],
)
def test_a_connection_that_ended_is_told_from_a_statement_that_failed(opened: OpenConnection, failure: Failure) -> None:
    with pytest.raises(ConnectionLostError, match="ended while a statement ran; it is undone"):
        raise_failure(opened, OSError("x"), failure, "SELECT 1")


def test_of_a_commit_without_an_answer_nobody_knows_whether_it_was_done(opened: OpenConnection) -> None:
    with pytest.raises(ConnectionLostError, match="whether it was kept is not known"):
        raise_failure(opened, OSError("x"), Failure(message="x", lost=True), "COMMIT", committing=True)


def test_a_statement_that_says_of_itself_that_the_connection_was_closed_is_not_a_lost_one(
    opened: OpenConnection,
) -> None:
    with pytest.raises(QueryError):
        raise_failure(opened, OSError("x"), Failure(message="connection was closed", state="P0001"), "SELECT 1")


def test_a_timeout_of_ours_or_the_servers_says_how_long(opened: OpenConnection) -> None:
    server = Failure(message="canceling statement due to statement timeout", state="57014")
    for failure, stopped in ((server, None), (Failure(message="interrupted"), "timeout")):
        with pytest.raises(QueryTimeoutError, match=r"longer than statement_timeout=2\.5 s"):
            raise_failure(opened, OSError("x"), failure, "SELECT 1", stopped=stopped, timeout=2.5)


def test_a_cancelled_statement_says_so(opened: OpenConnection) -> None:
    with pytest.raises(QueryError, match="was cancelled"):
        raise_failure(opened, OSError("x"), Failure(message="x", state="57014"), "SELECT 1", stopped="cancelled")
