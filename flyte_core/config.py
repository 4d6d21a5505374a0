"""One settings object: flags over environment over file, and where each value came from.

Settings are read from, nearest first:

1. flags: what a command line or a caller gives to `load_settings`;
2. the environment: ``FLYTE_CORE_CACHE_DIR``, ``FLYTE_CORE_PROJECT``, ``FLYTE_CORE_DOMAIN``, ``FLYTE_CORE_ORG``,
   ``FLYTE_CORE_LOG_LEVEL`` and ``FLYTE_CORE_PLUGINS``;
3. one file: ``flyte_core.toml``, or the ``[tool.flyte_core]`` table of ``pyproject.toml``, in the nearest folder from
   the working directory upwards that has one (both in one folder: ``flyte_core.toml``).

Which plugins may be used is written alike in all three. A name alone means every kind of plugin, ``kind:name`` one kind
(`KINDS`). In one text, ``name=distribution`` chooses, ``-name`` blocks and ``+name`` requires::

    FLYTE_CORE_PLUGINS="sql=flyte-core-sql,-otel,-executor:docker,+policy,+hooks:audit"

    [tool.flyte_core.plugins]                # in flyte_core.toml: [plugins]
    choose = { sql = "flyte-core-sql" }      # of several distributions that claim "sql", this one
    block = ["otel", "executor:docker"]      # never use these
    require = ["policy"]                     # fail unless these are installed and sound

Of two sources that name one plugin, the nearer one's choice or block counts. Requirements add up, so that a nearer
source cannot switch a policy off.

Any other table of the file belongs to the plugin of its name, which reads it with `plugin_table`: ``[sql]`` in
``flyte_core.toml``, ``[tool.flyte_core.sql]`` in ``pyproject.toml``. The core neither checks nor shows what is in it.
"""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import attrs

from flyte_core._settings_file import find_table
from flyte_core.errors import ConfigError, InvalidTypeError, InvalidValueError, near_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "KINDS",
    "PLUGINS_VARIABLE",
    "PluginSettings",
    "PluginTable",
    "Setting",
    "Settings",
    "load_settings",
    "normalize_distribution",
    "plugin_table",
]

#: Every kind of plugin, by the singular name that settings, errors and listings use.
KINDS = ("task", "config", "hooks", "image_builder", "executor", "transformer", "command")

#: The environment variable that chooses, blocks and requires plugins.
PLUGINS_VARIABLE = "FLYTE_CORE_PLUGINS"

#: How each key of the table is written in a text; as names of plugins they would be settings that fail open.
_TEXT_FORMS = {
    "choose": "name=distribution to choose",
    "block": "-name to block",
    "require": "+name to require",
}
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

T = TypeVar("T")


def normalize_distribution(name: str) -> str:
    """Give a distribution's name in the one spelling that PEP 503 defines.

    Args:
        name: the name as somebody wrote it.

    Returns:
        The name in lower case, each run of ``-``, ``_`` and ``.`` as one hyphen.

    Example:
        >>> normalize_distribution("Flyte_Core.SQL")
        'flyte-core-sql'
    """
    plain = name.lower().replace("_", "-").replace(".", "-")
    return re.sub("-+", "-", plain) if "--" in plain else plain  # without the expression: a sixth of the time


def _claim(key: object, field: str) -> str:
    """Check a plugin's name, perhaps with its kind."""
    if not isinstance(key, str):
        raise InvalidTypeError("PluginSettings", field, key, "a plugin's name, or kind:name, as a str")
    kind, colon, name = key.rpartition(":")
    if not name or name != name.strip():
        raise InvalidValueError("PluginSettings", field, key, "a plugin's name, or kind:name")
    if colon and kind not in KINDS:
        kinds = ", ".join(KINDS)
        raise InvalidValueError("PluginSettings", field, key, f"one of these kinds before the colon: {kinds}")
    return key


def _claims(keys: Iterable[object], field: str) -> frozenset[str]:
    if isinstance(keys, str):
        raise InvalidTypeError("PluginSettings", field, keys, "a list of names, not one str")
    return frozenset(_claim(key, field) for key in keys)


def _blocked(keys: Iterable[str]) -> frozenset[str]:
    return _claims(keys, "block")


def _required(keys: Iterable[str]) -> frozenset[str]:
    return _claims(keys, "require")


def _read_only(values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(values))


def _choices(choices: Mapping[str, str]) -> Mapping[str, str]:
    checked: dict[str, str] = {}
    for key, distribution in choices.items():
        if not isinstance(distribution, str):
            raise InvalidTypeError("PluginSettings", f"choose[{key!r}]", distribution, "a distribution's name as a str")
        if not distribution.strip():
            raise InvalidValueError("PluginSettings", f"choose[{key!r}]", distribution, "a distribution's name")
        checked[_claim(key, "choose")] = normalize_distribution(distribution.strip())
    return MappingProxyType(checked)


@attrs.frozen(kw_only=True)
class PluginSettings:
    """Which plugins may, must and must not be used.

    Args:
        choose: distribution by plugin name or ``kind:name``, for names that several distributions claim.
        block: plugin names or ``kind:name`` that are never used.
        require: plugin names or ``kind:name`` without which nothing runs.
        sources: where each of the above was said, by name or ``kind:name``; for error messages.

    Raises:
        InvalidValueError: a name or kind is not valid, or one name is both chosen and blocked.

    Example:
        >>> settings = PluginSettings(choose={"sql": "Flyte_Core_SQL"}, block=["executor:docker"])
        >>> settings.choice("task", "sql")
        ('sql', 'flyte-core-sql')
        >>> settings.blocked_by("image_builder", "docker") is None
        True
    """

    choose: Mapping[str, str] = attrs.field(factory=dict, converter=_choices)
    block: frozenset[str] = attrs.field(default=frozenset(), converter=_blocked)
    require: frozenset[str] = attrs.field(default=frozenset(), converter=_required)
    sources: Mapping[str, str] = attrs.field(factory=dict, converter=_read_only, eq=False)

    def __attrs_post_init__(self) -> None:
        for key in sorted(self.block):
            if key in self.choose:
                raise InvalidValueError("PluginSettings", "block", key, f"a name that is not also in choose: {key}")

    def choice(self, kind: str, name: str) -> tuple[str, str] | None:
        """Say which distribution is chosen for a plugin.

        Args:
            kind: one of `KINDS`.
            name: the entry point's name.

        Returns:
            The key of ``choose`` that applies and its distribution, or None.
        """
        for key in (f"{kind}:{name}", name):
            if key in self.choose:
                return key, self.choose[key]
        return None

    def blocked_by(self, kind: str, name: str) -> str | None:
        """Say which entry of ``block`` forbids a plugin.

        Choosing a distribution for one kind (``executor:docker=...``) lifts a block of the bare name.

        Args:
            kind: one of `KINDS`.
            name: the entry point's name.

        Returns:
            The entry of ``block``, or None when the plugin may be used.
        """
        exact = f"{kind}:{name}"
        if exact in self.block:
            return exact
        return name if name in self.block and exact not in self.choose else None

    def required_by(self, kind: str, name: str) -> str | None:
        """Say which entry of ``require`` names a plugin; None when it is not required."""
        return next((key for key in (f"{kind}:{name}", name) if key in self.require), None)

    def source(self, key: str) -> str:
        """Say where a name of ``choose``, ``block`` or ``require`` was written."""
        return self.sources.get(key, "the settings")


@attrs.frozen
class Setting(Generic[T]):
    """A value and where it came from.

    Args:
        value: the value that counts.
        source: the flag, variable or file that gave it, or ``default``.
    """

    value: T
    source: str


def _unset() -> Setting[str | None]:
    return Setting(None, "default")


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set from outside the code; made by `load_settings`.

    Args:
        plugins: which plugins may, must and must not be used.
        cache_dir: folder for everything that can be computed again.
        project: Flyte project of serialized tasks.
        domain: Flyte domain of serialized tasks.
        org: Flyte organization of serialized tasks.
        log_level: level of the logger ``flyte_core``.
    """

    plugins: Setting[PluginSettings] = attrs.field(factory=lambda: Setting(PluginSettings(), "default"))
    cache_dir: Setting[str] = attrs.field(factory=lambda: Setting(_default_cache_dir(os.environ), "default"))
    project: Setting[str | None] = attrs.field(factory=_unset)
    domain: Setting[str | None] = attrs.field(factory=_unset)
    org: Setting[str | None] = attrs.field(factory=_unset)
    log_level: Setting[str] = attrs.field(factory=lambda: Setting("WARNING", "default"))


@attrs.frozen(kw_only=True)
class PluginTable:
    """What the file says to one plugin; made by `plugin_table`.

    Args:
        values: the table, as TOML has it; not shown, for the core cannot know what is in it.
        source: the file and the table's name in it, for messages; empty when there is no such table.
        folder: the file's folder, where relative paths in the table start.
    """

    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    source: str = ""
    folder: str = ""


class _Layer(NamedTuple):
    """The raw values of one source; relative paths in it start at ``base``."""

    values: Mapping[str, Any]
    base: str
    place: str

    def where(self, name: str) -> str:
        """Say where the value of this name stands, for people."""
        return self.place.replace("<name>", name).replace("<NAME>", name.upper())


def load_settings(
    flags: Mapping[str, object] | None = None,
    env: Mapping[str, str] = os.environ,
    cwd: str | os.PathLike[str] | None = None,
) -> Settings:
    """Read the settings from flags, environment and file.

    Args:
        flags: values by the names of `Settings`; None means not given. ``plugins`` is written as in the environment.
        env: the environment.
        cwd: where the search for a file starts; the working directory unless given.

    Returns:
        The settings, each with its source.

    Raises:
        ConfigError: a source cannot be read, or has an unknown key or a value that is not allowed.

    Example:
        >>> settings = load_settings({"project": "flights"}, env={"FLYTE_CORE_DOMAIN": "dev"}, cwd="/")
        >>> settings.project, settings.domain
        (Setting(value='flights', source='flag project'), Setting(value='dev', source='environment FLYTE_CORE_DOMAIN'))
    """
    start = os.path.abspath(cwd) if cwd is not None else _working_directory()
    layers = [_flag_layer(flags or {}, start), _environment_layer(env, start)]
    file_layer = _file_layer(start)
    if file_layer is not None:
        layers.append(file_layer)
    found: dict[str, Setting[Any]] = {}
    for name in ("project", "domain", "org", "log_level", "cache_dir"):
        for layer in layers:
            if name in layer.values:
                value = _plain_value(layer, name)
                found[name] = Setting(value, layer.where(name))
                break
    found.setdefault("cache_dir", _cache_default(env))
    found["plugins"] = _plugins(layers)
    return Settings(**found)


def plugin_table(name: str, cwd: str | os.PathLike[str] | None = None) -> PluginTable:
    """Read what the settings' file says to one plugin.

    Args:
        name: the plugin's name, which is the table's.
        cwd: where the search for the file starts; the working directory unless given.

    Returns:
        The table; an empty one when there is no file, or it has none of that name.

    Raises:
        InvalidValueError: the name is that of a setting of the core.
        ConfigError: the file cannot be read, or what stands under the name is no table.

    Example:
        >>> plugin_table("sql", cwd="/")
        PluginTable(source='', folder='')
    """
    known = _setting_names()
    if not name or name in known:
        raise InvalidValueError("plugin_table", "name", name, f"a plugin's name, not one of {', '.join(known)}")
    layer = _file_layer(os.path.abspath(cwd) if cwd is not None else _working_directory())
    if layer is None or name not in layer.values:
        return PluginTable()
    return PluginTable(values=layer.values[name], source=layer.where(name), folder=layer.base)


# os.path and plain texts all through: every process reads its settings, and pathlib alone takes 4 ms to import.
def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder was removed while we are in it
        return os.sep


def _flag_layer(flags: Mapping[str, object], base: str) -> _Layer:
    given = {name: value for name, value in flags.items() if value is not None}
    _refuse_keys("flags", given, _setting_names())
    return _Layer(given, base, "flag <name>")


def _environment_layer(env: Mapping[str, str], base: str) -> _Layer:
    names = _setting_names()
    values = {name: env[_variable(name)] for name in names if env.get(_variable(name))}
    return _Layer(values, base, f"environment {_variable('<NAME>')}")


def _variable(name: str) -> str:
    return f"FLYTE_CORE_{name.upper()}"


def _file_layer(start: str) -> _Layer | None:
    """Give the settings of the nearest folder upwards that has some."""
    found = find_table(start)
    if found is None:
        return None
    _refuse_unknown(found.path, found.values)
    return _Layer(found.values, os.path.dirname(found.path), f"{found.path} [{found.prefix}<name>]")


def _setting_names() -> list[str]:
    return [field.name for field in attrs.fields(Settings)]


def _refuse_unknown(path: str, table: Mapping[str, Any]) -> None:
    """Refuse keys of a file that are no settings, but for the tables of plugins: those that look like no setting."""
    known = _setting_names()
    # A look for near misses loads difflib, which a table of the core's own need not pay for.
    unknown = {key: value for key, value in table.items() if key not in known}
    misspelt = {key: None for key, value in unknown.items() if not isinstance(value, dict) or near_misses(key, known)}
    _refuse_keys(path, misspelt, known)


def _refuse_keys(source: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in values:
        if key not in known:
            near = near_misses(str(key), known)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise ConfigError(f"{source}: unknown key {key!r}{hint}")


def _plain_value(layer: _Layer, name: str) -> object:
    value = layer.values[name]
    where = layer.where(name)
    if name == "cache_dir" and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: expected a text that is not empty, got {value!r}")
    if name == "cache_dir":
        expanded = os.path.expanduser(value)
        if expanded.startswith("~"):
            raise ConfigError(f"{where}: {value!r}: there is no such home folder")
        return os.path.normpath(os.path.join(layer.base, expanded))
    if name == "log_level":
        if value.upper() not in _LOG_LEVELS:
            raise ConfigError(f"{where}: expected one of {', '.join(_LOG_LEVELS)}, got {value!r}")
        return value.upper()
    return value


def _cache_default(env: Mapping[str, str]) -> Setting[str]:
    source = "environment XDG_CACHE_HOME" if _xdg_cache(env) else "default"
    return Setting(_default_cache_dir(env), source)


def _xdg_cache(env: Mapping[str, str]) -> str | None:
    # The XDG Base Directory Specification: relative paths are to be ignored.
    folder = env.get("XDG_CACHE_HOME")
    return folder if folder and os.path.isabs(folder) else None


def _default_cache_dir(env: Mapping[str, str]) -> str:
    folder = _xdg_cache(env)
    if folder:
        return os.path.join(folder, "flyte_core")
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        return os.path.join(home, ".cache", "flyte_core")
    # A container's user without a home.
    import tempfile

    return os.path.join(tempfile.gettempdir(), f"flyte_core-{os.getpid() if os.name == 'nt' else os.getuid()}")


def _plugins(layers: Iterable[_Layer]) -> Setting[PluginSettings]:
    """Merge the plugin settings of all layers, nearest first."""
    choose: dict[str, str] = {}
    block: set[str] = set()
    require: set[str] = set()
    sources: dict[str, str] = {}
    said_in: list[str] = []
    for layer in layers:
        if "plugins" not in layer.values:
            continue
        where = layer.where("plugins")
        here = _layer_plugins(where, layer.values["plugins"])
        for key, distribution in here.choose.items():
            if not block & {key, key.rpartition(":")[2]}:
                choose.setdefault(key, distribution)
        block |= here.block - choose.keys()
        require |= here.require
        for key in (*here.choose, *here.block, *here.require):
            sources.setdefault(key, where)
        said_in.append(where)
    merged = PluginSettings(choose=choose, block=block, require=require, sources=sources)
    return Setting(merged, ", ".join(said_in) or "default")


def _layer_plugins(where: str, raw: object) -> PluginSettings:
    if isinstance(raw, PluginSettings):
        return raw
    try:
        if isinstance(raw, str):
            return _plugins_from_text(where, raw)
        if isinstance(raw, dict):
            return _plugins_from_table(where, raw)
    except (InvalidValueError, InvalidTypeError) as error:
        shown = f"{error.field} = {error.value!r}"
        raise ConfigError(f"{where}: {shown} is not allowed; expected {error.allowed}") from error
    raise ConfigError(f"{where}: expected a table or a text such as sql=flyte-core-sql,-otel,+policy; got {raw!r}")


def _plugins_from_text(where: str, text: str) -> PluginSettings:
    choose: dict[str, str] = {}
    signed: dict[str, list[str]] = {"-": [], "+": []}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, distribution = (piece.strip() for piece in item.partition("="))
        if name in _TEXT_FORMS and equals:
            raise ConfigError(f"{where}: {item!r} names no plugin; write {_TEXT_FORMS[name]}")
        if equals and name[:1] not in signed:
            if choose.get(name, distribution) != distribution:
                raise ConfigError(f"{where}: {name!r} is chosen twice, as {choose[name]!r} and as {distribution!r}")
            choose[name] = distribution
        elif name[:1] in signed and not equals:
            signed[name[0]].append(name[1:].strip())
        else:
            raise ConfigError(f"{where}: cannot read {item!r}; write {', '.join(_TEXT_FORMS.values())}")
    return PluginSettings(choose=choose, block=signed["-"], require=signed["+"])


def _plugins_from_table(where: str, table: Mapping[str, Any]) -> PluginSettings:
    _refuse_keys(where, table, ("choose", "block", "require"))
    choose = table.get("choose", {})
    if not isinstance(choose, dict):
        raise ConfigError(f'{where}: choose: expected a table such as {{ sql = "flyte-core-sql" }}, got {choose!r}')
    for key in ("block", "require"):
        if not isinstance(table.get(key, []), list):
            raise ConfigError(f'{where}: {key}: expected a list such as ["otel"], got {table[key]!r}')
    return PluginSettings(choose=choose, block=table.get("block", []), require=table.get("require", []))
