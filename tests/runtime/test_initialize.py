"""flyte_core.runtime.initialize: what a process says once, and the files it is read from."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyte_core import current_domain, init, init_from_config, init_in_cluster, logger
from flyte_core.context import use_task_context
from flyte_core.errors import ConfigError, InitializationError, InvalidTypeError, InvalidValueError
from flyte_core.extend import is_initialized
from flyte_core.images.settings import use_images
from flyte_core.models import ActionID, RawDataPath, TaskContext
from flyte_core.runtime import initialize
from flyte_core.runtime.flyte_config import FlyteConfig, load_flyte_config, search_places
from flyte_core.runtime.init_config import InitConfig
from flyte_core.runtime.initialize import init_settings
from flyte_core.storage.config import use_storage


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process that was told nothing, in an empty folder, with an empty home."""
    monkeypatch.setattr(initialize, "_config", None)
    home = tmp_path / "home"
    home.mkdir()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    for name in ("UCTL_CONFIG", "FLYTECTL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    kept = logger.level, list(logger.handlers), logger.propagate
    yield
    use_storage(None)
    use_images()
    logger.level, logger.handlers, logger.propagate = kept[0], kept[1], kept[2]
    logger.setLevel(kept[0])


def _config() -> InitConfig:
    config = initialize._config
    assert config is not None
    return config


def _task_context(domain: str | None) -> TaskContext:
    return TaskContext(
        action=ActionID(name="a0", domain=domain),
        version="1",
        raw_data_path=RawDataPath(path="/raw"),
        output_path="/out",
        run_base_dir="/run",
        report=None,
    )


# ---- init ------------------------------------------------------------------------------------------------


def test_a_process_is_initialized_by_init_alone() -> None:
    assert is_initialized() is False
    init_settings()
    assert is_initialized() is False
    init()
    assert is_initialized() is True


def test_both_forms_keep_what_they_are_told() -> None:
    init("org", "project", "domain", images={"a": "b"})
    assert (_config().org, _config().project, _config().domain, dict(_config().images)) == (
        "org",
        "project",
        "domain",
        {"a": "b"},
    )

    async def main() -> None:
        await init.aio(project="other")

    asyncio.run(main())
    assert (_config().org, _config().project) == (None, "other")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (
            init,
            {
                "org": None,
                "project": None,
                "domain": None,
                "root_dir": None,
                "log_level": None,
                "log_format": None,
                "endpoint": None,
                "headless": False,
                "insecure": False,
                "insecure_skip_verify": False,
                "ca_cert_file_path": None,
                "auth_type": "Pkce",
                "command": None,
                "proxy_command": None,
                "api_key": None,
                "client_id": None,
                "client_credentials_secret": None,
                "auth_client_config": None,
                "rpc_retries": 3,
                "http_proxy_url": None,
                "storage": None,
                "batch_size": 1000,
                "image_builder": "local",
                "images": None,
                "source_config_path": None,
                "sync_local_sys_paths": True,
                "load_plugin_type_transformers": True,
            },
        ),
        (
            init_from_config,
            {
                "path_or_config": None,
                "root_dir": None,
                "log_level": None,
                "log_format": "console",
                "storage": None,
                "images": None,
                "sync_local_sys_paths": True,
            },
        ),
        (
            init_in_cluster,
            {"org": None, "project": None, "domain": None, "api_key": None, "endpoint": None, "insecure": False},
        ),
    ],
)
def test_parameters_and_defaults_are_those_of_the_reference(function: Any, parameters: dict[str, Any]) -> None:
    signature = inspect.signature(function)
    assert {name: p.default for name, p in signature.parameters.items()} == parameters
    assert list(signature.parameters) == list(parameters)


@pytest.mark.parametrize(
    ("endpoint", "address", "org"),
    [
        ("acme.flyte.example", "dns:///acme.flyte.example", "acme"),
        ("https://acme.flyte.example/", "dns:///acme.flyte.example", "acme"),
        ("http://flyte.example", "dns:///flyte.example", None),
        ("dns:///localhost:8090", "dns:///localhost:8090", None),
    ],
)
def test_an_endpoint_is_kept_in_one_form_and_tells_the_organization(
    endpoint: str, address: str, org: str | None
) -> None:
    init(endpoint=endpoint, command=["print", "token"], rpc_retries=5)
    cluster = _config().cluster
    assert cluster is not None
    assert (cluster.endpoint, cluster.command, cluster.rpc_retries) == (address, ("print", "token"), 5)
    assert _config().org == org
    init(endpoint=endpoint, org="mine")
    assert _config().org == "mine"


def test_without_endpoint_and_key_there_is_no_cluster() -> None:
    init(insecure=True)
    assert _config().cluster is None


def test_secrets_are_not_shown() -> None:
    init(api_key="hidden1", client_credentials_secret="hidden2")
    assert _config().cluster is not None
    assert "hidden" not in repr(_config())


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"endpoint": "ftp://host"}, InitializationError, r"endpoint = 'ftp://host'"),
        ({"endpoint": 5}, InvalidTypeError, "endpoint"),
        ({"project": 5}, InvalidTypeError, "project"),
        ({"domain": ["d"]}, InvalidTypeError, "domain"),
        ({"root_dir": 5}, InvalidTypeError, "root_dir"),
        ({"images": ["a=b"]}, InvalidTypeError, "images"),
        ({"endpoint": "h", "command": "print token"}, InvalidTypeError, "command"),
        ({"batch_size": 0}, InvalidValueError, "batch_size"),
        ({"batch_size": "many"}, InvalidValueError, "batch_size"),
        ({"log_level": "LOUD"}, InvalidValueError, "log_level"),
        ({"log_level": 1.5}, InvalidValueError, "log_level"),
        ({"log_format": "xml"}, InvalidValueError, "log_format"),
    ],
)
def test_wrong_arguments_are_named_and_change_nothing(
    kwargs: dict[str, Any], error: type[Exception], message: str
) -> None:
    init(project="before")
    with pytest.raises(error, match=message):
        init(**kwargs)
    assert _config().project == "before"


# ---- the root folder -------------------------------------------------------------------------------------------


def test_a_given_root_folder_counts(tmp_path: Path) -> None:
    init(root_dir=str(tmp_path))  # type: ignore[arg-type] # people give texts
    assert _config().root_dir == tmp_path


def test_the_root_folder_is_the_working_directory_at_the_time_of_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init()
    monkeypatch.chdir(tmp_path)
    assert _config().root_dir == tmp_path / "here"


@pytest.mark.parametrize(("source", "found"), [("here", True), ("here/my src", True), ("elsewhere", False)])
def test_the_root_folder_is_that_of_an_editable_installation_around_it(
    source: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    metadata = site / "my_flows-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-flows\nVersion: 1.0\n")
    folder = tmp_path / source
    folder.mkdir(exist_ok=True)
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (metadata / "direct_url.json").write_text(json.dumps(origin))
    (site / "broken-1.0.dist-info").mkdir()
    (site / "broken-1.0.dist-info" / "direct_url.json").write_text("{")
    (tmp_path / "here" / "pyproject.toml").touch()
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    init()
    assert _config().root_dir == (folder if found else tmp_path / "here")


# ---- the domain and the settings ----------------------------------------------------------------------------------


def test_the_domain_is_that_of_the_task_then_of_init_then_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InitializationError, match="no domain") as caught:
        current_domain()
    assert (caught.value.code, caught.value.kind) == ("DomainNotInitializedError", "user")
    monkeypatch.setenv("FLYTE_CORE_DOMAIN", "of-settings")
    assert current_domain() == "of-settings"
    init(domain="of-init")
    assert current_domain() == "of-init"
    with use_task_context(_task_context("of-task")):
        assert current_domain() == "of-task"
    with use_task_context(_task_context(None)):
        assert current_domain() == "of-init"


def test_what_init_was_not_told_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_CORE_PROJECT", "p")
    monkeypatch.setenv("FLYTE_CORE_ORG", "o")
    init(org="mine")
    settings = init_settings()
    assert (settings.org, settings.project, settings.domain) == ("mine", "p", None)


# ---- the log -----------------------------------------------------------------------------------------------------


def test_the_log_level_is_set_on_flyte_cores_logger_only() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    init(log_level=logging.DEBUG)
    assert logger.level == logging.DEBUG
    assert (root.level, list(root.handlers)) == before


def test_the_log_level_of_the_settings_counts_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    logger.setLevel(logging.ERROR)
    init()
    assert logger.level == logging.ERROR
    monkeypatch.setenv("FLYTE_CORE_LOG_LEVEL", "INFO")
    init()
    assert logger.level == logging.INFO
    init(log_level=logging.CRITICAL)
    assert logger.level == logging.CRITICAL


def test_json_logs_are_objects_on_standard_error_and_console_ends_them(capsys: pytest.CaptureFixture[str]) -> None:
    init(log_format="json", log_level=logging.INFO)
    init(log_format="json")
    try:
        raise KeyError("inner")
    except KeyError:
        logger.exception("it %s", "failed")
    (line,) = capsys.readouterr().err.splitlines()
    data = json.loads(line)
    assert (data["level"], data["logger"], data["message"]) == ("ERROR", "flyte_core", "it failed")
    assert "KeyError: 'inner'" in data["exc_info"]
    assert set(data) >= {"timestamp", "filename", "lineno", "funcName"}
    init(log_format="console")
    logger.error("plain")
    assert "{" not in capsys.readouterr().err
    assert logger.propagate is True


def test_a_handler_is_added_only_where_nothing_would_show_the_records(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(logger.handlers)
    init(log_level=logging.DEBUG)  # pytest's own handlers show them
    assert logger.handlers == before
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logger, "handlers", [])
    init(log_level=logging.DEBUG)
    init(log_level=logging.DEBUG)
    logger.debug("seen")
    assert capsys.readouterr().err == "DEBUG flyte_core: seen\n"


# ---- Flyte's configuration file -------------------------------------------------------------------------------

CONFIG = """
admin:
  endpoint: dns:///acme.flyte.example
  insecure: true
  command: [get, "a token"]
  clientId: me
  authType: DeviceFlow
  unknown: {ignored: true}
image:
  builder: remote
  image_refs:
    base: registry.example/base:1
task:
  org: my-org
  project: my-project
  domain: my-domain
logger:
  level: 4
"""


def _write(path: Path, text: str = CONFIG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_configuration_file_is_read_whole(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.yaml")
    init_from_config(path, images=("base=registry.example/base:2", "registry.example/other"))
    config = _config()
    assert (config.org, config.project, config.domain) == ("my-org", "my-project", "my-domain")
    assert (config.image_builder, config.source_config_path) == ("remote", path)
    assert dict(config.images) == {"base": "registry.example/base:2", "default": "registry.example/other"}
    assert config.cluster is not None
    assert config.cluster.endpoint == "dns:///acme.flyte.example"
    assert (config.cluster.insecure, config.cluster.insecure_skip_verify) == (True, False)
    assert (config.cluster.command, config.cluster.client_id) == (("get", "a token"), "me")
    assert config.cluster.auth_type == "DeviceFlow"


def test_the_awaited_form_reads_the_same(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.yaml")
    asyncio.run(init_from_config.aio(str(path)))
    assert _config().project == "my-project"


def test_a_configuration_can_be_given_as_a_value() -> None:
    init_from_config(FlyteConfig(project="p"))
    assert _config().project == "p"
    with pytest.raises(InvalidTypeError, match="path_or_config"):
        init_from_config(5)  # type: ignore[arg-type]


def test_a_relative_file_is_looked_for_below_the_root_folder(tmp_path: Path) -> None:
    _write(tmp_path / "root" / "c.yaml")
    init_from_config("c.yaml", root_dir=tmp_path / "root")
    assert _config().root_dir == tmp_path / "root"
    assert _config().project == "my-project"


def test_a_missing_file_is_named_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InitializationError, match=r"none\.yaml.*here") as caught:
        init_from_config("none.yaml")
    assert caught.value.code == "ConfigFileNotFoundError"
    assert not is_initialized()


def test_without_any_file_the_environment_alone_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="flyte_core")
    monkeypatch.setenv("FLYTE_TASK_PROJECT", "from-env")
    init_from_config()
    assert (_config().project, _config().source_config_path) == ("from-env", None)
    assert str(Path.home() / ".flyte" / "config.yaml") in caplog.text


def test_files_are_looked_for_in_the_order_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    named = _write(tmp_path / "named.yaml", "task: {project: named}")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(tmp_path / "not this one"))
    monkeypatch.setenv("UCTL_CONFIG", str(named))
    places = [
        Path("config.yaml"),
        Path(".flyte/config.yaml"),
        tmp_path / ".flyte" / "config.yaml",
        named,
        tmp_path / "home" / ".union" / "config.yaml",
        tmp_path / "home" / ".flyte" / "config.yaml",
    ]
    assert search_places() == places
    found = []
    for number, place in enumerate(places):
        if place != named:
            _write(place, f"task: {{project: p{number}}}")
    for place in places:
        found.append(load_flyte_config().project)
        place.unlink()
        if place == named:
            monkeypatch.delenv("UCTL_CONFIG")
            monkeypatch.delenv("FLYTECTL_CONFIG")
    assert found == ["p0", "p1", "p2", "named", "p4", "p5"]
    assert load_flyte_config() == FlyteConfig()


def test_a_file_that_the_environment_names_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTECTL_CONFIG", "/none/config.yaml")
    with pytest.raises(InitializationError, match=r"/none/config\.yaml"):
        init_from_config()


def test_the_environment_counts_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "c.yaml")
    monkeypatch.setenv("FLYTE_ADMIN_ENDPOINT", "other.example")
    monkeypatch.setenv("FLYTE_ADMIN_INSECURE", "false")
    monkeypatch.setenv("FLYTE_ADMIN_COMMAND", "get 'my token'")
    monkeypatch.setenv("FLYTE_IMAGE_IMAGE_REFS", "a=b, c=d")
    config = load_flyte_config(path)
    assert (config.endpoint, config.insecure, config.command) == ("other.example", False, ("get", "my token"))
    assert dict(config.images) == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: [", r"c\.yaml: not valid YAML"),
        ("- a", r"c\.yaml: expected keys"),
        ("just text", r"c\.yaml: expected keys"),
        ("task: words", r"c\.yaml: task: expected keys below"),
        ("task: {project: 5}", r"c\.yaml: task\.project: expected a text, got 5; put it in quotes"),
        ("admin: {insecure: maybe}", r"c\.yaml: admin\.insecure: expected true or false, got 'maybe'"),
        ("admin: {command: {a: b}}", r"c\.yaml: admin\.command: expected a list"),
        ("""admin: {command: "'open"}""", r"c\.yaml: admin\.command"),
        ("image: {image_refs: [a]}", r"c\.yaml: image\.image_refs: expected a URI by name"),
        ("admin: {clientSecretLocation: /none/secret}", r"c\.yaml: admin\.clientSecretLocation.*/none/secret"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "c.yaml", text)
    with pytest.raises(ConfigError, match=message):
        init_from_config(path)
    assert not is_initialized()


@pytest.mark.parametrize("text", ["", "# nothing", "task:", "task: {project: ''}"])
def test_an_empty_file_says_nothing(text: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "c.yaml", text)
    assert load_flyte_config(path) == FlyteConfig(source=path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"c\.yaml: the configuration file cannot be read"):
        init_from_config(path)


def test_without_pyyaml_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "c.yaml")
    monkeypatch.setitem(importlib.import_module("sys").modules, "yaml", None)
    with pytest.raises(ConfigError, match="pip install pyyaml"):
        init_from_config(path)


def test_a_clients_secret_is_read_and_changes_the_way_to_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = _write(tmp_path / "secret", "from-file\n")
    text = f"admin: {{endpoint: e, clientSecretLocation: {secret}, clientSecretEnvVar: MY_SECRET}}"
    path = _write(tmp_path / "c.yaml", text)
    init_from_config(path)
    assert _config().cluster is not None
    assert _config().cluster.client_credentials_secret == "from-file"  # type: ignore[union-attr]
    assert _config().cluster.auth_type == "ClientSecret"  # type: ignore[union-attr]
    monkeypatch.setenv("MY_SECRET", "from-env")
    init_from_config(path)
    assert _config().cluster.client_credentials_secret == "from-env"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["=uri", "name=", ""])
def test_an_image_without_name_or_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="images"):
        init_from_config(FlyteConfig(), images=(text,))


# ---- in a cluster ------------------------------------------------------------------------------------------------


def test_in_a_cluster_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_U_ORG_NAME", "o")
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_PROJECT", "p")
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_DOMAIN", "d")
    monkeypatch.setenv("_U_EP_OVERRIDE", "flyte.example")
    monkeypatch.setenv("_U_INSECURE_SKIP_VERIFY", "True")
    remote = init_in_cluster()
    assert remote == {"insecure": False, "endpoint": "flyte.example", "insecure_skip_verify": True}
    config = _config()
    assert (config.org, config.project, config.domain, config.image_builder) == ("o", "p", "d", "remote")
    assert config.cluster is not None
    assert config.cluster.endpoint == "dns:///flyte.example"


@pytest.mark.parametrize(
    ("env", "kwargs", "remote"),
    [
        ({}, {}, {"insecure": True, "endpoint": "host.docker.internal:8090"}),
        ({}, {"endpoint": "localhost:1"}, {"insecure": True, "endpoint": "localhost:1"}),
        ({}, {"endpoint": "h.example"}, {"insecure": False, "endpoint": "h.example"}),
        ({}, {"endpoint": "h.example", "insecure": True}, {"insecure": True, "endpoint": "h.example"}),
        ({"_U_INSECURE": "1"}, {"endpoint": "h.example"}, {"insecure": True, "endpoint": "h.example"}),
        ({"_UNION_EAGER_API_KEY": "k"}, {"endpoint": "h.example"}, {"insecure": False, "api_key": "k"}),
        ({"_UNION_EAGER_API_KEY": "k"}, {"api_key": "mine"}, {"insecure": False, "api_key": "mine"}),
    ],
)
def test_arguments_count_before_the_environment(
    env: dict[str, str], kwargs: dict[str, Any], remote: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert init_in_cluster(**kwargs) == remote
    assert asyncio.run(init_in_cluster.aio(**kwargs)) == remote
