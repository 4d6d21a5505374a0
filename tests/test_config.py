from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.config import (
    KINDS,
    PluginSettings,
    PluginTable,
    Settings,
    load_settings,
    normalize_distribution,
    plugin_table,
)
from flyte_core.errors import ConfigError, InvalidTypeError, InvalidValueError


def load(env=None, cwd="/", flags=None):
    return load_settings(flags, env or {}, cwd)


def test_without_any_source_everything_is_its_default(tmp_path):
    settings = load(cwd=tmp_path)
    assert settings.project.value is None
    assert settings.log_level.value == "WARNING"
    assert settings.plugins.value == PluginSettings()
    assert {settings.project.source, settings.plugins.source, settings.cache_dir.source} == {"default"}


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path):
    (tmp_path / "flyte_core.toml").write_text('project = "file"\ndomain = "file"\norg = "file"\n')
    env = {"FLYTE_CORE_PROJECT": "env", "FLYTE_CORE_DOMAIN": "env"}
    settings = load(env, tmp_path, {"project": "flag", "domain": None})
    assert (settings.project.value, settings.project.source) == ("flag", "flag project")
    assert (settings.domain.value, settings.domain.source) == ("env", "environment FLYTE_CORE_DOMAIN")
    assert (settings.org.value, settings.org.source) == ("file", f"{tmp_path}/flyte_core.toml [org]")


def test_an_empty_variable_counts_as_not_set(tmp_path):
    assert load({"FLYTE_CORE_PROJECT": ""}, tmp_path).project.source == "default"


def test_the_nearest_folder_with_settings_counts(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.flyte_core]\nproject = "outer"\n')
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["flyte_core"]\n')
    assert load(cwd=inner).project.value == "outer"
    (tmp_path / "a" / "flyte_core.toml").write_text('project = "inner"\n')
    assert load(cwd=inner).project.value == "inner"


@pytest.mark.parametrize(
    "text",
    [
        "[tool.flyte_core]\nproject='x'",
        "[ tool . 'flyte_core' ]\nproject='x'",
        "[tool]\nflyte_core.project = 'x'",
        "[tool]\nother = 1\n  flyte_core = { project = 'x' }",
        'tool = { a = 1, "flyte_core" = { project = "x" } }',
        "tool.flyte_core.project = 'x'",
    ],
)
def test_the_table_of_pyproject_may_be_written_in_every_way_toml_allows(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert load(cwd=tmp_path).project.value == "x"


def test_a_pyproject_that_only_names_the_package_is_not_parsed(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project.entry-points."flyte_core.task_types"]\nsql = "flyte_core_sql.hooks"\n'
        'dependencies = ["flyte_core"]\n= not toml'
    )
    assert load(cwd=tmp_path).project.source == "default"


def test_flyte_core_toml_wins_over_pyproject_of_its_folder(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.flyte_core]\nproject = "pyproject"\n')
    (tmp_path / "flyte_core.toml").write_text('project = "own"\n')
    assert load(cwd=tmp_path).project.value == "own"


@pytest.mark.parametrize(
    ("env", "expected", "source"),
    [
        ({"FLYTE_CORE_CACHE_DIR": "here"}, "{cwd}/here", "environment FLYTE_CORE_CACHE_DIR"),
        ({"FLYTE_CORE_CACHE_DIR": "/there", "XDG_CACHE_HOME": "/xdg"}, "/there", "environment FLYTE_CORE_CACHE_DIR"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/flyte_core", "environment XDG_CACHE_HOME"),
        ({"XDG_CACHE_HOME": "relative"}, "{home}/.cache/flyte_core", "default"),
        ({}, "{home}/.cache/flyte_core", "default"),
    ],
)
def test_the_cache_folder_follows_its_own_variable_then_xdg_then_home(tmp_path, env, expected, source):
    setting = load(env, tmp_path).cache_dir
    assert setting.value == expected.format(cwd=tmp_path, home=Path.home())
    assert setting.source == source


def test_a_relative_cache_folder_in_a_file_starts_at_the_file(tmp_path):
    (tmp_path / "flyte_core.toml").write_text('cache_dir = "cache"\n')
    (tmp_path / "deep").mkdir()
    assert load(cwd=tmp_path / "deep").cache_dir.value == str(tmp_path / "cache")


def test_the_log_level_is_read_in_any_case():
    assert load({"FLYTE_CORE_LOG_LEVEL": "debug"}).log_level.value == "DEBUG"


# ---- plugins ------------------------------------------------------------------------------------------------


def test_the_variable_chooses_and_blocks():
    setting = load({"FLYTE_CORE_PLUGINS": " sql=Flyte_Core_SQL, -otel ,-executor:docker,"}).plugins
    assert setting.source == "environment FLYTE_CORE_PLUGINS"
    assert dict(setting.value.choose) == {"sql": "flyte-core-sql"}
    assert setting.value.block == {"otel", "executor:docker"}


def test_the_variable_requires_what_has_a_plus(tmp_path):
    (tmp_path / "flyte_core.toml").write_text('[plugins]\nrequire = ["audit"]\n')
    settings = load({"FLYTE_CORE_PLUGINS": "+policy, + hooks:guard ,-otel"}, tmp_path).plugins.value
    assert settings.require == {"policy", "hooks:guard", "audit"}
    assert settings.source("policy") == "environment FLYTE_CORE_PLUGINS"
    assert (settings.block, dict(settings.choose)) == ({"otel"}, {})


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("require=policy", r"write \+name to require"),
        ("sql=x, require = policy", r"write \+name to require"),
        ("block=otel", "write -name to block"),
        ("choose=sql", "write name=distribution to choose"),
    ],
)
def test_a_key_of_the_table_in_the_variable_is_no_choice(text, form):
    with pytest.raises(ConfigError, match=form):
        load({"FLYTE_CORE_PLUGINS": text})


def test_a_plugin_may_have_a_keys_name_where_its_kind_is_given():
    assert load({"FLYTE_CORE_PLUGINS": "task:require=x"}).plugins.value.choice("task", "require")


def test_a_bare_name_means_every_kind_and_a_prefixed_one_its_own():
    settings = PluginSettings(block=["otel", "executor:docker"], choose={"task:sql": "x", "y": "z"})
    assert all(settings.blocked_by(kind, "otel") == "otel" for kind in KINDS)
    assert settings.blocked_by("executor", "docker") == "executor:docker"
    assert settings.blocked_by("image_builder", "docker") is None
    assert settings.choice("task", "sql") == ("task:sql", "x")
    assert settings.choice("command", "sql") is None
    assert settings.choice("command", "y") == ("y", "z")


@pytest.mark.parametrize(
    ("name", "head"), [("pyproject.toml", "[tool.flyte_core.plugins]"), ("flyte_core.toml", "[plugins]")]
)
def test_a_file_chooses_blocks_and_requires(tmp_path, name, head):
    (tmp_path / name).write_text(
        f'{head}\nchoose = {{ sql = "flyte-core-sql" }}\nblock = ["otel"]\nrequire = ["hooks:policy"]\n'
    )
    setting = load(cwd=tmp_path).plugins
    assert setting.value == PluginSettings(choose={"sql": "flyte-core-sql"}, block=["otel"], require=["hooks:policy"])
    assert str(tmp_path / name) in setting.source
    assert str(tmp_path / name) in setting.value.source("otel")
    assert setting.value.required_by("hooks", "policy") == "hooks:policy"


def test_the_nearer_source_decides_about_one_name_and_requirements_add_up(tmp_path):
    (tmp_path / "flyte_core.toml").write_text(
        '[plugins]\nchoose = { a = "far", "executor:c" = "far" }\nblock = ["b", "d"]\nrequire = ["policy"]\n'
    )
    plugins = load({"FLYTE_CORE_PLUGINS": "-a,b=near,-c"}, tmp_path).plugins.value
    assert plugins.block == {"a", "c", "d"}
    assert dict(plugins.choose) == {"b": "near"}
    assert plugins.require == {"policy"}


def test_plugin_settings_can_be_given_as_a_flag(tmp_path):
    given_settings = PluginSettings(block=["x"])
    assert load({"FLYTE_CORE_PLUGINS": "x=y"}, tmp_path, {"plugins": given_settings}).plugins.value.block == {"x"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sql", "'sql'"),
        ("-sql=x", "'-sql=x'"),
        ("sql=", "distribution"),
        ("=x", "name"),
        ("-", "name"),
        ("a=b,a=c", "chosen twice"),
        ("a=b,-a", "also in choose"),
        ("-execturo:docker", "executor"),
    ],
)
def test_a_wrong_variable_is_refused_with_its_name(text, part):
    with pytest.raises(ConfigError) as caught:
        load({"FLYTE_CORE_PLUGINS": text})
    assert "environment FLYTE_CORE_PLUGINS" in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("project = 1", "[project]"),
        ("projct = 'x'", "did you mean 'project'"),
        ("sql = 'x'", "unknown key 'sql'; known are plugins, cache_dir"),
        ("[plugin]\nblock = ['otel']", "did you mean 'plugins'"),
        ("[projects.a]\nb = 1", "did you mean 'project'"),
        ("plugins = ['x']", "[plugins]"),
        ("[plugins]\nblock = 'otel'", "block"),
        ("[plugins]\nblock = [1]", "block"),
        ("[plugins]\nchoose = ['a']", "choose"),
        ("[plugins]\nchoose = { a = 1 }", "choose['a']"),
        ("[plugins]\nrequire = [['a']]", "require"),
        ("[plugins]\nrequired = ['a']", "did you mean 'require'"),
        ("log_level = 'loud'", "DEBUG"),
        ("not toml", "not valid TOML"),
        ("project = 'ü'".encode("latin-1"), "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_path_and_key(tmp_path, text, part):
    path = tmp_path / "flyte_core.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(cwd=tmp_path)
    assert str(path) in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize("text", ["tool = 1\nflyte_core = 1", "[tool]\nflyte_core = 1"])
def test_a_pyproject_whose_tables_are_none_is_refused(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match="expected a table"):
        load(cwd=tmp_path)


@pytest.mark.parametrize(("name", "head"), [("pyproject.toml", "tool.flyte_core.sql"), ("flyte_core.toml", "sql")])
def test_a_table_of_no_setting_belongs_to_the_plugin_of_its_name(tmp_path, name, head):
    (tmp_path / name).write_text(f"[{head}.connections.a]\nurl = 'duckdb://'\n")
    (tmp_path / "deep").mkdir()
    assert load(cwd=tmp_path / "deep") == load(cwd="/")
    table = plugin_table("sql", tmp_path / "deep")
    assert table.values == {"connections": {"a": {"url": "duckdb://"}}}
    assert (table.source, table.folder) == (f"{tmp_path / name} [{head}]", str(tmp_path))
    assert "duckdb" not in repr(table)


def test_the_table_of_a_plugin_is_empty_where_no_file_has_one(tmp_path):
    assert plugin_table("sql", tmp_path) == PluginTable()
    (tmp_path / "flyte_core.toml").write_text("[other]\na = 1\n")
    assert plugin_table("sql", tmp_path) == PluginTable()


def test_the_table_of_a_plugin_is_searched_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "flyte_core.toml").write_text("[sql]\na = 1\n")
    monkeypatch.chdir(tmp_path)
    assert plugin_table("sql").values == {"a": 1}


@pytest.mark.parametrize("name", ["", "plugins", "project"])
def test_the_table_of_a_setting_is_no_plugins(name):
    with pytest.raises(InvalidValueError, match="a plugin's name"):
        plugin_table(name, "/")


def test_a_table_as_a_flag_is_refused():
    with pytest.raises(ConfigError, match="unknown key 'sql'"):
        load(flags={"sql": {"a": 1}})


def test_an_unknown_flag_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'project'"):
        load(flags={"projekt": "x"})


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InvalidTypeError, {"block": "otel"}),
        (InvalidTypeError, {"require": [1]}),
        (InvalidValueError, {"block": [" otel"]}),
        (InvalidValueError, {"block": ["a"], "choose": {"a": "b"}}),
    ],
)
def test_plugin_settings_refuse_what_they_cannot_mean(error, fields):
    with pytest.raises(error):
        PluginSettings(**fields)


_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1).filter(lambda n: not n.startswith("-"))


@given(
    choose=st.dictionaries(_names.filter(lambda name: name not in {"choose", "block", "require"}), _names),
    block=st.frozensets(st.tuples(st.sampled_from(KINDS), _names).map(":".join)),
)
def test_whatever_is_chosen_and_blocked_is_read_back_from_the_variable(choose, block):
    text = ",".join([*(f"{name}={dist}" for name, dist in choose.items()), *(f"-{key}" for key in block)])
    plugins = load({"FLYTE_CORE_PLUGINS": text}).plugins.value
    assert plugins == PluginSettings(choose=choose, block=block)


@given(st.text("ab-_.", min_size=1))
def test_distribution_names_are_normalized_as_pep_503_says(name):
    import re

    assert normalize_distribution(name) == re.sub(r"[-_.]+", "-", name).lower()


def test_importing_the_settings_loads_no_toml_parser():
    code = "import sys, flyte_core.config; print([m for m in ('tomllib', 'tomli', 'tempfile') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_settings_made_in_code_have_defaults():
    assert Settings().plugins.value == PluginSettings()
