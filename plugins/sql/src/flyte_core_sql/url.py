"""URLs of databases, in SQLAlchemy's grammar: their parts, and the dialect of SQL that each speaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode

import attrs

from flyte_core.errors import InvalidValueError
from flyte_core_sql.credentials import carries_credentials, is_credential

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import URL

__all__ = ["UrlParts", "backend_of", "dialect_of", "is_url", "parse_url", "split_secrets", "start_in"]

#: sqlglot's dialect by the first word of a URL, where the two differ; ANSI SQL is ``""``.
_DIALECTS = {
    "awsathena": "athena",
    "clickhousedb": "clickhouse",
    "cockroachdb": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "postgresql": "postgres",
    "pyspark": "spark",
    "teradatasql": "teradata",
}
#: The first words that are names of sqlglot's dialects themselves.
_SAME_NAME = frozenset(
    {
        "athena", "bigquery", "clickhouse", "databricks", "doris", "drill", "druid", "duckdb", "hive", "materialize",
        "mysql", "oracle", "postgres", "presto", "redshift", "risingwave", "snowflake", "spark", "sqlite", "starrocks",
        "teradata", "trino", "tsql",
    }
)  # fmt: skip

# DuckDB's URLs need no more of the grammar than this, and SQLAlchemy takes a tenth of a second to import.
_DUCKDB = re.compile(r"duckdb://(?:/(?P<database>[^?\n]*))?(?:\?(?P<query>[^\n]*))?\Z")

#: A file where the server of other databases stands; another driver's URLs may have a server.
_FILE_AS_HOST = re.compile(
    r"(?P<scheme>duckdb|sqlite(?:\+(?:pysqlite|aiosqlite|pysqlcipher))?)://(?P<file>[^/?@\n][^?@\n]*)(?:\?[^@]*)?\Z",
    re.IGNORECASE,
)

_PLAIN_FILE = re.compile(r"(?::memory:|(?:[a-z]:[\\/])?[\w.~ /\\-]+)\Z", re.IGNORECASE)

#: What is no relative file: a scheme of its own, memory, an absolute path.
_NO_RELATIVE_FILE = re.compile(r"/|:memory:|[a-z0-9]{2,}:|[a-z]:[\\/]", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class UrlParts:
    """The parts of a database's URL.

    Args:
        scheme: database and driver, such as ``postgresql+psycopg``.
        username: who connects.
        password: not shown.
        host: the server.
        port: the server's port.
        database: the database's name, or its file.
        query: what follows ``?``; a name that stands there twice has several values. Not shown.
    """

    scheme: str
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    query: Mapping[str, str | Sequence[str]] = attrs.field(factory=dict, repr=False)

    @property
    def secret_query(self) -> dict[str, str | Sequence[str]]:
        """The part of the query that carries credentials."""
        return {name: value for name, value in self.query.items() if _is_secret(name, value)}

    @property
    def address(self) -> str:
        """Server, port and database as people write them; empty where there is none."""
        # PostgreSQL's URLs may name it in the query: sockets, and several servers.
        host = self.host or ",".join(_several(self.query.get("host", "")))
        server = f"[{host}]" if ":" in host else host
        if self.port is not None:
            server += f":{self.port}"
        return "/".join(filter(None, (server, self.database)))


def is_url(given: object) -> bool:
    """Say whether what is given is meant as a URL, and not as the name of a connection."""
    return isinstance(given, str) and "://" in given


def backend_of(url: str) -> str:
    """Give a URL's kind of database, without the driver.

    Example:
        >>> backend_of("postgresql+psycopg://ann@db/app")
        'postgresql'
    """
    return url.partition("://")[0].partition("+")[0].lower()


def dialect_of(url: str) -> str:
    """Give the name that sqlglot has for a URL's dialect; ``""``, which is ANSI SQL, where it knows none.

    Example:
        >>> dialect_of("mssql+pyodbc://ann@db/app"), dialect_of("duckdb://"), dialect_of("firebird://ann@db/app")
        ('tsql', 'duckdb', '')
    """
    backend = backend_of(url)
    return _DIALECTS.get(backend, backend if backend in _SAME_NAME else "")


def parse_url(url: str) -> UrlParts | None:
    """Take a URL apart.

    Args:
        url: as SQLAlchemy's ``make_url`` takes it.

    Returns:
        The parts; None when it is no URL. An error would repeat pieces of what may be a password.

    Raises:
        InvalidValueError: it has two slashes before a file, where a server would be.

    Example:
        >>> parse_url("duckdb:///sales.db").database
        'sales.db'
    """
    found = _DUCKDB.match(url)
    if found is not None:
        return UrlParts(
            scheme="duckdb", database=unquote(found["database"] or "") or None, query=_query(found["query"] or "")
        )
    misplaced = _FILE_AS_HOST.match(url)
    if misplaced is not None:
        scheme, file = misplaced["scheme"], misplaced["file"]
        # What is no plain name may hold a password anywhere.
        is_shown = _PLAIN_FILE.match(file) and not carries_credentials(file)
        allowed = f"a file behind three slashes: {scheme}:///{file if is_shown else 'shop.db'}"
        raise InvalidValueError("Connection", "url", f"{scheme}://{file if is_shown else '***'}", allowed)
    parsed = _make_url(url)
    if parsed is None:
        return None
    return UrlParts(
        scheme=parsed.drivername,
        username=parsed.username,
        password=parsed.password,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database or None,
        query=dict(parsed.query),
    )


def split_secrets(url: str) -> tuple[str, UrlParts] | None:
    """Give a URL without its password and the credentials of its query, and its parts with them.

    Args:
        url: as SQLAlchemy's ``make_url`` takes it.

    Returns:
        The URL as it was where it carries no secrets; None when it is no URL.

    Raises:
        InvalidValueError: as `parse_url`.
    """
    parts = parse_url(url)
    if parts is None or (parts.password is None and not parts.secret_query):
        return None if parts is None else (url, parts)
    plain = {name: value for name, value in parts.query.items() if name not in parts.secret_query}
    return _render(attrs.evolve(parts, password=None, query=plain)), parts


def start_in(folder: str, url: str) -> str:
    """Let the relative file of a URL start at a folder; other URLs stay as they are.

    Example:
        >>> start_in("/data", "duckdb:///sales.db?threads=2"), start_in("/data", "duckdb:////sales.db")
        ('duckdb:////data/sales.db?threads=2', 'duckdb:////sales.db')
    """
    if backend_of(url) not in ("sqlite", "duckdb"):
        return url
    parts = parse_url(url)
    if parts is None or parts.database is None or parts.host or _NO_RELATIVE_FILE.match(parts.database):
        return url
    return _render(attrs.evolve(parts, database=f"{folder.rstrip('/')}/{parts.database}"))


def _render(parts: UrlParts) -> str:
    """Write the parts as the URL that `parse_url` reads; SQLAlchemy 2.0 and 2.1 differ in how they write a file."""
    if parts.scheme == "duckdb" and not (parts.host or parts.username):
        file = (parts.database or "").replace("%", "%25").replace("?", "%3F")
        query = urlencode(parts.query, doseq=True)
        return f"duckdb://{f'/{file}' if file else ''}{f'?{query}' if query else ''}"
    from sqlalchemy.engine import URL

    url = URL.create(
        parts.scheme, parts.username, parts.password, parts.host, parts.port, parts.database, dict(parts.query)
    )
    return url.render_as_string(hide_password=False)


def _make_url(url: str) -> URL | None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    # The grammar matches a beginning, so that what follows a line's end is silently dropped.
    if "\n" in url or "\r" in url:
        return None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    # An @ in a password that is not written as %40 leaves the password's end before the host.
    return None if "@" in (parsed.host or "") else parsed


def _query(text: str) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {}
    for name, value in parse_qsl(text):
        found[name] = (*_several(found[name]), value) if name in found else value
    return found


def _is_secret(name: str, value: str | Sequence[str]) -> bool:
    return is_credential(name) or any(map(carries_credentials, _several(value)))


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
