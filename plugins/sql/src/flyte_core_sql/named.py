"""Connections that are named in the environment or in the settings' file, as they stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from flyte_core.config import PluginTable, plugin_table
from flyte_core.errors import FlyteCoreError, InvalidTypeError, InvalidValueError, near_misses
from flyte_core.models import Secret
from flyte_core_sql.credentials import Hidden, carries_credentials
from flyte_core_sql.errors import ConnectionConfigError
from flyte_core_sql.url import backend_of, split_secrets, start_in

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Configured", "check_name", "find_connection", "variable_of"]

T = TypeVar("T")

_PREFIX = "FLYTE_CORE_SQL_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")
_FILE = re.compile(r"\.(?:(duckdb|ddb)|(?:db|sqlite3?|db3))\Z", re.IGNORECASE)
_KEYS = ("url", "password", "options", "secret_options", "driver", "read_only")
_SECRET_KEYS = {"secret": "key", "group": "group", "env": "as_env_var", "mount": "mount"}


@attrs.frozen(kw_only=True)
class Configured:
    """A connection as it is configured.

    Args:
        fields: the arguments of a `flyte_core_sql.connection.Connection`, but for its name; without secrets.
        source: the variable, or the file and its table.
        password: the password, where a variable's URL has one.
        query: the credentials in the query of a variable's URL.
    """

    fields: Mapping[str, Any]
    source: str
    password: Hidden | None = None
    query: Mapping[str, Hidden | Sequence[Hidden]] = attrs.field(factory=dict)


def check_name(owner: str, name: object) -> str:
    """Refuse what cannot be the name of a connection.

    Args:
        owner: whose connection it is, for the message.
        name: what was given.

    Raises:
        InvalidTypeError: it is no text.
        InvalidValueError: it has other characters than a name has; it may be a connection text with a password in it.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(owner, "connection", name, "a connection's name or URL, a Connection or None")
    if not _NAME.match(name):
        shown = "***" if carries_credentials(name) or "@" in name else name
        allowed = "a name of letters, digits, _, - and ., or a URL such as postgresql://ann@host/database"
        raise InvalidValueError(owner, "connection", shown, allowed)
    return name


def variable_of(name: str) -> str:
    """Give the environment variable that may hold a connection's URL.

    Example:
        >>> variable_of("sales-eu")
        'FLYTE_CORE_SQL_SALES_EU'
    """
    return _PREFIX + re.sub(r"[.\-]", "_", name).upper()


def find_connection(name: str, env: Mapping[str, str], cwd: str | os.PathLike[str] | None) -> Configured:
    """Find a connection by its name: in its variable, and in the table of the settings' file.

    The variable's URL counts before the table's. What else the table says holds for it where both are the same kind
    of database, and ``read_only`` in any case.

    Args:
        name: the connection's name.
        env: the environment.
        cwd: where the search for the file starts; the working directory unless given.

    Raises:
        ConnectionConfigError: there is none of that name, or what is written there is not allowed.
    """
    table = plugin_table("sql", cwd)
    tables = _connections(table)
    variable = variable_of(name)
    in_file = _from_table(table, name, tables[name]) if name in tables else None
    if env.get(variable):
        return _from_variable(variable, env[variable], in_file)
    if in_file is None:
        raise ConnectionConfigError(_unknown(name, variable, _names(table, tables, env)))
    return in_file


def _connections(table: PluginTable) -> Mapping[str, Any]:
    _refuse_unknown(table.source, table.values, ("connections",))
    tables = table.values.get("connections", {})
    if not isinstance(tables, dict):
        raise ConnectionConfigError(f"{_within(table, 'connections')}: expected a table, got {type(tables).__name__}")
    return tables


def _within(table: PluginTable, *keys: str) -> str:
    return f"{table.source.removesuffix(']')}.{'.'.join(keys)}]"


def _from_table(table: PluginTable, name: str, values: object) -> Configured:
    where = _within(table, "connections", name)
    if not isinstance(values, dict):
        raise ConnectionConfigError(f'{where}: expected a table such as {{ url = "sqlite:///app.db" }}')
    _refuse_unknown(where, values, _KEYS)
    if not isinstance(values.get("url"), str):
        raise ConnectionConfigError(f'{where}: expected url = "...", a text such as "postgresql://ann@host/database"')
    fields: dict[str, Any] = {**values, "url": _said(where, lambda: start_in(table.folder, values["url"]))}
    if "password" in values:
        fields["password"] = _secret(f"{where} password", values["password"])
    if "secret_options" in values:
        fields["secret_options"] = _secret_options(f"{where} secret_options", values["secret_options"])
    return Configured(fields=fields, source=where)


def _said(where: str, read: Callable[[], T]) -> T:
    """Say where a URL stands that cannot be read."""
    try:
        return read()
    except InvalidValueError as error:
        raise ConnectionConfigError(f"{where}: {error}") from error


def _secret_options(where: str, values: object) -> dict[str, Secret]:
    if not isinstance(values, dict):
        raise ConnectionConfigError(f'{where}: expected a table such as {{ token = {{ secret = "the-token" }} }}')
    return {name: _secret(f"{where}.{name}", value) for name, value in values.items()}


def _secret(where: str, value: object) -> Secret:
    # A text here would be taken for a password, and often be one: it is not shown.
    if not isinstance(value, dict):
        expected = (
            'a table such as { secret = "app-db" } or { env = "APP_DB_PASSWORD" }: a secret itself stands in no file'
        )
        raise ConnectionConfigError(f"{where}: expected {expected}")
    _refuse_unknown(where, value, tuple(_SECRET_KEYS))
    for key, text in value.items():
        if not isinstance(text, str) or not text:
            raise ConnectionConfigError(f"{where}: {key}: expected a text that is not empty")
    if not value.keys() & {"secret", "env"}:
        raise ConnectionConfigError(f"{where}: expected the secret's name, or env, the variable that holds it")
    fields = {_SECRET_KEYS[key]: text for key, text in value.items()}
    try:
        return Secret(**{"key": value.get("env", ""), **fields})
    except FlyteCoreError as error:
        raise ConnectionConfigError(f"{where}: {error}") from error


def _from_variable(variable: str, url: str, in_file: Configured | None) -> Configured:
    source = f"environment {variable}"
    split = _said(source, lambda: split_secrets(url))
    if split is None:
        raise ConnectionConfigError(
            f"{source}: expected a URL such as postgresql://ann@host/database; in user and password / @ and : are "
            "written as %2F %40 and %3A"
        )
    bare, parts = split
    fields: dict[str, Any] = {"url": bare}
    if in_file is not None:
        same = backend_of(bare) == backend_of(in_file.fields["url"])
        kept = {"options", "secret_options", "driver", "read_only"} if same else {"read_only"}
        if same and parts.password is None:
            kept.add("password")
        fields |= {key: value for key, value in in_file.fields.items() if key in kept}
        source += f" over {in_file.source}"
    return Configured(
        fields=fields,
        source=source,
        password=None if parts.password is None else Hidden(parts.password),
        query={
            name: Hidden(value) if isinstance(value, str) else tuple(map(Hidden, value))
            for name, value in parts.secret_query.items()
        },
    )


def _refuse_unknown(where: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in values:
        if key not in known:
            close = near_misses(key, known)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
            raise ConnectionConfigError(f"{where}: unknown key {key!r}; {hint}")


def _names(table: PluginTable, tables: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Give every name that is configured, and where."""
    found = {name: _within(table, "connections", name) for name in tables}
    by_variable = {variable_of(name): name for name in tables}
    for variable in sorted(env):
        if variable.startswith(_PREFIX) and len(variable) > len(_PREFIX) and env[variable]:
            name = by_variable.get(variable, variable.removeprefix(_PREFIX).lower())
            found[name] = f"environment {variable}"
    return found


def _unknown(name: str, variable: str, names: Mapping[str, str]) -> str:
    close: Iterable[str] = near_misses(name, names) or near_misses(name.lower(), names)
    file = _FILE.search(name)
    if file is not None and not close:
        schemes = ["duckdb"] if file[1] else ["sqlite", "duckdb"] if name.lower().endswith(".db") else ["sqlite"]
        close = [f"{scheme}:///{name}" for scheme in schemes]
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    listed = ", ".join(f"{known!r} ({source})" for known, source in names.items())
    return (
        f"connection {name!r} is not configured.{hint} "
        f"{f'There are: {listed}' if listed else 'No connection is configured'}. "
        f'Set {variable} to its URL, or write url = "..." into [tool.flyte_core.sql.connections.{name}] of '
        f"pyproject.toml ([sql.connections.{name}] of flyte_core.toml)"
    )
