"""Connections to databases: what a task says of one, and what that means where the task runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

import attrs

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Secret
from flyte_core_sql.credentials import Hidden, carries_credentials, credential_options, scrub
from flyte_core_sql.errors import ConnectionConfigError
from flyte_core_sql.named import Configured, check_name, find_connection
from flyte_core_sql.schemes import misspelt
from flyte_core_sql.url import UrlParts, backend_of, dialect_of, is_url, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL

__all__ = ["Connection", "Driver", "OpenConnection", "resolve_connection", "scrub"]

Driver = Literal["auto", "adbc", "sqlalchemy", "duckdb"]
"""Through what a database is reached; ``auto`` takes ADBC for PostgreSQL where it is installed."""

_EXAMPLE = "a URL such as postgresql://ann@host/database or duckdb:///file.db"
_ELSEWHERE = "password=Secret(...), or secret_options={...} for what else is secret"
_WANTED = "a Secret, which says where it is kept: Secret(key='...'); never the value itself"
#: Stands in messages for what may be a secret.
_NOT_SHOWN = "***"


def _as_secret(value: Secret | None) -> Secret | None:
    return None if value is None else _checked("password", value)


def _checked(field: str, value: object) -> Secret:
    # A text may be the password itself, so it is not shown, and never taken for the key of a secret.
    if not isinstance(value, Secret):
        raise InvalidTypeError("Connection", field, type(value).__name__, _WANTED)
    return value


def _as_options(values: Mapping[str, Any]) -> Mapping[str, Any]:
    _check_mapping("options", values)
    try:
        # A copy in depth, of what a wire form can carry.
        return MappingProxyType(json.loads(json.dumps(dict(values), allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        allowed = "values that JSON can write, by name"
        raise InvalidTypeError("Connection", "options", _NOT_SHOWN, allowed) from None


def _as_secret_options(values: Mapping[str, Secret]) -> Mapping[str, Secret]:
    _check_mapping("secret_options", values)
    return MappingProxyType({name: _checked(f"secret_options[{name!r}]", value) for name, value in values.items()})


def _check_mapping(field: str, values: object) -> None:
    if not isinstance(values, Mapping):
        raise InvalidTypeError("Connection", field, type(values).__name__, "a mapping by the option's name")
    for name in values:
        if not isinstance(name, str):
            raise InvalidTypeError("Connection", field, name, "texts as names")


def _shown(values: Mapping[str, Any]) -> str:
    return repr(dict(values))


# unsafe_hash=False: the class defines its own hash, for options can hold lists.
@attrs.frozen(kw_only=True, slots=False, eq=True, unsafe_hash=False)
class Connection:
    """How to reach a database; no secret is in it, only the names of secrets.

    Args:
        name: what messages call it; by default its URL.
        url: where the database is, in SQLAlchemy's grammar, without a password. ``duckdb://`` is an embedded database
            in memory, ``duckdb:///file.db`` one in a file. Relative files start at the working directory.
        password: the secret that holds the password, a `flyte_core.Secret`. On a cluster the task gets it; in a local
            run it is read from the secret's environment variable, or from its mounted file.
        options: further arguments with which the driver connects, values of JSON; for DuckDB its settings.
        secret_options: further arguments that are secret, such as tokens: the secrets that hold them.
        driver: through what the database is reached.
        read_only: whether no task may write through it.

    Raises:
        InvalidValueError: the URL is none, or its scheme is misspelt; it or an option holds a password or token, which
            is not shown; there is a password and no user in the URL; the driver is for other databases.
        InvalidTypeError: a value is of another type.

    Example:
        >>> warehouse = Connection(url="postgresql://ann@db.example/app", password=Secret("warehouse-password"))
        >>> warehouse.dialect, [secret.as_env_var for secret in warehouse.secrets]
        ('postgres', ['WAREHOUSE_PASSWORD'])
        >>> warehouse.custom()
        {'url': 'postgresql://ann@db.example/app', 'driver': 'auto'}
    """

    name: str | None = None
    url: str = "duckdb://"
    password: Secret | None = attrs.field(default=None, converter=_as_secret)
    options: Mapping[str, Any] = attrs.field(factory=dict, converter=_as_options, repr=_shown, eq=dict)
    secret_options: Mapping[str, Secret] = attrs.field(factory=dict, converter=_as_secret_options, repr=_shown, eq=dict)
    driver: Driver = "auto"
    read_only: bool = False

    def __attrs_post_init__(self) -> None:
        if self.name is not None:
            check_name("Connection", self.name)
        if not isinstance(self.read_only, bool):
            raise InvalidTypeError("Connection", "read_only", self.read_only, "True or False")
        self._check_url()
        self._check_options()
        if self.driver not in get_args(Driver):
            raise InvalidValueError("Connection", "driver", self.driver, f"one of {', '.join(get_args(Driver))}")
        if self.driver == "duckdb" and backend_of(self.url) != "duckdb":
            raise InvalidValueError("Connection", "driver", self.driver, f"another driver: the URL is {self.url!r}")

    def _check_url(self) -> None:
        if not isinstance(self.url, str):
            raise InvalidTypeError("Connection", "url", type(self.url).__name__, _EXAMPLE)
        parts = parse_url(self.url)
        # What is refused may hold a password anywhere.
        shown = f"{backend_of(self.url)}://{_NOT_SHOWN}" if is_url(self.url) else _NOT_SHOWN
        if parts is None:
            raise InvalidValueError("Connection", "url", shown, f"{_EXAMPLE}; @ : / in a user's name are %40 %3A %2F")
        if parts.password is not None or parts.secret_query or carries_credentials(parts.database or ""):
            raise InvalidValueError("Connection", "url", shown, f"{_EXAMPLE}, with no password or token: {_ELSEWHERE}")
        if self.password is not None and parts.username is None and "cipher" not in parts.scheme:
            allowed = "a URL with the user whose password it is, such as postgresql://ann@host/database"
            raise InvalidValueError("Connection", "url", self.url, allowed)
        if close := misspelt(parts.scheme):
            meant = " or ".join(f"{name}://" for name in close)
            allowed = f"a database's scheme; did you mean {meant}? If it is a dialect of SQLAlchemy, pip install it"
            raise InvalidValueError("Connection", "url", self.url, allowed)

    def _check_options(self) -> None:
        for name in credential_options(self.options):
            allowed = f"no password or token in options: {_ELSEWHERE}"
            raise InvalidValueError("Connection", f"options[{name!r}]", _NOT_SHOWN, allowed)
        for name in self.secret_options:
            if name in self.options:
                allowed = "names that are not also in options"
                raise InvalidValueError("Connection", "secret_options", name, allowed)

    def __hash__(self) -> int:
        options = json.dumps(dict(self.options), sort_keys=True)
        secrets = tuple(sorted((name, hash(secret)) for name, secret in self.secret_options.items()))
        return hash((self.name, self.url, self.password, options, secrets, self.driver, self.read_only))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "options": dict(self.options), "secret_options": dict(self.secret_options)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("options", "secret_options"):
            self.__dict__[name] = MappingProxyType(state[name])

    @property
    def dialect(self) -> str:
        """What sqlglot calls the URL's dialect; ``""``, which is ANSI SQL, where it knows none."""
        return dialect_of(self.url)

    @property
    def backend(self) -> str:
        """The kind of database, as the URL begins: ``duckdb``, ``sqlite``, ``postgresql``."""
        return backend_of(self.url)

    @property
    def parts(self) -> UrlParts:
        """The URL taken apart."""
        parts = parse_url(self.url)
        assert parts is not None, "checked when the connection was made"
        return parts

    @property
    def label(self) -> str:
        """What messages call it: ``connection 'warehouse'``, or its URL."""
        return f"connection {self.name!r}" if self.name else f"connection {self.url}"

    @property
    def secrets(self) -> list[Secret]:
        """The secrets that a task with this connection needs."""
        named = [] if self.password is None else [self.password]
        return list(dict.fromkeys([*named, *self.secret_options.values()]))

    def custom(self) -> dict[str, Any]:
        """Give its wire form: name, URL, options and driver, and no secret; what is not set is left out."""
        form: dict[str, Any] = {"name": self.name} if self.name else {}
        form |= {"url": self.url, "driver": self.driver}
        if self.options:
            form["options"] = json.loads(json.dumps(dict(self.options)))
        if self.read_only:
            form["read_only"] = True
        return form


@attrs.frozen(kw_only=True, eq=False)
class OpenConnection:
    """A connection where it is used, with the values of its secrets; made by `resolve_connection`.

    No repr shows a secret, and no pickle takes one.

    Args:
        connection: what was declared or configured.
        source: where: ``the task``, a variable, or a file and its table.
        hidden_password: the password.
        hidden_query: credentials of the URL's query.
        hidden_options: the values of ``secret_options``.
    """

    connection: Connection
    source: str = "the task"
    hidden_password: Hidden | None = attrs.field(default=None, repr=False)
    hidden_query: Mapping[str, Hidden | Sequence[Hidden]] = attrs.field(factory=dict, repr=False)
    hidden_options: Mapping[str, Hidden] = attrs.field(factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The URL without anything secret."""
        return self.connection.url

    @property
    def label(self) -> str:
        """What messages call the connection."""
        return self.connection.label

    @property
    def options(self) -> dict[str, Any]:
        """Arguments with which the driver connects, secret ones among them: not for messages."""
        return {
            **json.loads(json.dumps(dict(self.connection.options))),
            **{name: hidden.reveal() for name, hidden in self.hidden_options.items()},
        }

    @property
    def query(self) -> dict[str, str | Sequence[str]]:
        """The URL's query, credentials among it: not for messages."""
        return {**self.connection.parts.query, **self._revealed_query()}

    @property
    def secret_values(self) -> tuple[str, ...]:
        """The values of all secrets, for `scrub`."""
        return tuple(hidden.reveal() for hidden in self._hidden())

    def url_with_password(self) -> URL:
        """Give the URL that connects, with everything secret: for the driver alone."""
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        if self.hidden_password is not None:
            url = url.set(password=self.hidden_password.reveal())
        return url.update_query_dict(self._revealed_query())

    def scrub(self, text: object) -> str:
        """Give a driver's message without this connection's secrets.

        Args:
            text: the message, or the driver's error.
        """
        return scrub(str(text), *self.secret_values)

    def _revealed_query(self) -> dict[str, str | Sequence[str]]:
        return {
            name: hidden.reveal() if isinstance(hidden, Hidden) else [part.reveal() for part in hidden]
            for name, hidden in self.hidden_query.items()
        }

    def _hidden(self) -> Iterator[Hidden]:
        if self.hidden_password is not None:
            yield self.hidden_password
        for hidden in (*self.hidden_query.values(), *self.hidden_options.values()):
            yield from (hidden,) if isinstance(hidden, Hidden) else hidden

    def __reduce__(self) -> NoReturn:
        raise InvalidTypeError("OpenConnection", "pickle", self, "the Connection: secrets are read where they are used")


_EMBEDDED = Connection()


def resolve_connection(
    given: str | Connection | None,
    *,
    env: Mapping[str, str] = os.environ,
    cwd: str | os.PathLike[str] | None = None,
) -> OpenConnection:
    """Find out what a task's connection is here, and read its secrets.

    A name is looked up in the environment, ``FLYTE_CORE_SQL_<NAME>``, which holds a whole URL and may hold the password
    in it, and in the table ``[tool.flyte_core.sql.connections.<name>]`` of the settings' file, with the fields of
    `Connection`; there ``password = { secret = "KEY", group = "GROUP", env = "VARIABLE" }`` names the secret.

    Args:
        given: None for an embedded DuckDB in memory, a name, a URL without a password, or a `Connection`.
        env: the environment.
        cwd: where the search for the settings' file starts; the working directory unless given.

    Returns:
        The connection with its secrets.

    Raises:
        ConnectionConfigError: no connection of that name is configured, or not as it must be, or a secret is missing.
        InvalidValueError: what is given is neither a name nor a URL without a password.
        InvalidTypeError: it is of another type.

    Example:
        >>> env = {"FLYTE_CORE_SQL_WAREHOUSE": "postgresql://ann:pa55@db.example/app"}
        >>> resolved = resolve_connection("warehouse", env=env, cwd="/")
        >>> resolved.url, resolved.source
        ('postgresql://ann@db.example/app', 'environment FLYTE_CORE_SQL_WAREHOUSE')
        >>> resolved.scrub("cannot connect as ann with pa55")
        'cannot connect as ann with ***'
    """
    if given is None:
        return OpenConnection(connection=_EMBEDDED)
    if isinstance(given, Connection):
        return _opened(given, env)
    if is_url(given):
        return _opened(Connection(url=given), env)
    name = check_name("resolve_connection", given)
    return _configured(name, find_connection(name, env, cwd), env)


def _configured(name: str, found: Configured, env: Mapping[str, str]) -> OpenConnection:
    fields = dict(found.fields)
    if found.password is not None:
        fields.pop("password", None)
    try:
        connection = Connection(name=name, **fields)
    except (InvalidValueError, InvalidTypeError) as error:
        text = f"{found.source}: {error.field} = {error.value!r} is not allowed; expected {error.allowed}"
        raise ConnectionConfigError(text) from error
    opened = _opened(connection, env, found.source)
    return attrs.evolve(
        opened, hidden_password=found.password or opened.hidden_password, hidden_query=dict(found.query)
    )


def _opened(connection: Connection, env: Mapping[str, str], source: str = "the task") -> OpenConnection:
    password = connection.password
    return OpenConnection(
        connection=connection,
        source=source,
        hidden_password=None if password is None else _read(password, f"the password of {connection.label}", env),
        hidden_options={
            name: _read(secret, f"the option {name!r} of {connection.label}", env)
            for name, secret in connection.secret_options.items()
        },
    )


def _read(secret: Secret, what: str, env: Mapping[str, str]) -> Hidden:
    """Read a secret's value: from its variable, else from its file.

    Raises:
        ConnectionConfigError: it is in neither; the message names both.
    """
    if secret.as_env_var and env.get(secret.as_env_var):
        return Hidden(env[secret.as_env_var])
    files = _files(secret)
    for file in files:
        text = _content(file, what)
        if text:
            return Hidden(text)
    places = [f"the environment variable {secret.as_env_var}"] if secret.as_env_var else []
    places += [f"the file {file}" for file in files[:1]]
    name = f"{secret.key!r} of group {secret.group!r}" if secret.group else repr(secret.key)
    raise ConnectionConfigError(
        f"{what} is the secret {name}, which is not here: looked for {' and '.join(places)}. "
        f"For a local run give it there; for a cluster, have it in the secret store, and among the task's secrets "
        "where the task only names its connection"
    )


def _files(secret: Secret) -> list[Path]:
    """Give the places of a mounted secret, the likeliest first.

    Flyte's webhook mounts ``<group>/<key>`` in lower case; a stand-in for it may write the names as they are, or mount
    the file itself.
    """
    if secret.mount is None:
        return []
    name = f"{secret.group}/{secret.key}" if secret.group else secret.key
    return [secret.mount / place for place in dict.fromkeys((name, name.lower(), secret.key, secret.key.lower(), ""))]


def _content(file: Path, what: str) -> str | None:
    try:
        # Editors and kubectl --from-file leave a line's end behind.
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConnectionConfigError(f"{what}: {file} cannot be read: {reason}") from None
