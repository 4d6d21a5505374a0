"""flyte_core.storage.config: what is configured, where it is read from, and what is not shown."""

from __future__ import annotations

import datetime as dt
import inspect
from pathlib import Path

import pytest

import flyte_core
from flyte_core.errors import ConfigError, InvalidTypeError, InvalidValueError, StoragePermissionError
from flyte_core.storage.config import ABFS, GCS, S3, Storage, current_storage, use_storage
from flyte_core.storage.credentials import aws_profile, certificates, options_of, places_of
from flyte_core.storage.engine import Transfer


def test_the_defaults_are_those_of_one_transfer():
    assert Storage().transfer() == Transfer()


def test_values_of_the_environment_have_the_types_of_their_fields(monkeypatch):
    monkeypatch.setenv("UNION_STORAGE_RETRIES", "7")
    monkeypatch.setenv("UNION_STORAGE_BACKOFF_SECONDS", "0.5")
    monkeypatch.setenv("UNION_STORAGE_DEBUG", "true")
    monkeypatch.setenv("FLYTE_CORE_STORAGE_DEADLINE_SECONDS", "90")
    monkeypatch.setenv("FLYTE_CORE_STORAGE_CHECKSUM", "off")
    for cls in (Storage, S3, GCS, ABFS):
        config = cls.auto()
        assert (config.retries, config.backoff, config.enable_debug) == (7, dt.timedelta(seconds=0.5), True)
        assert (config.deadline, config.checksum) == (dt.timedelta(seconds=90), False)


@pytest.mark.parametrize(
    ("variable", "value", "cls"),
    [
        ("UNION_STORAGE_RETRIES", "many", Storage),
        ("UNION_STORAGE_RETRIES", "-1", S3),
        ("UNION_STORAGE_BACKOFF_SECONDS", "soon", GCS),
        ("UNION_STORAGE_BACKOFF_SECONDS", "1e400", GCS),
        ("UNION_STORAGE_DEBUG", "perhaps", ABFS),
        ("FLYTE_CORE_STORAGE_PART_SIZE", "1024", S3),
        ("FLYTE_AWS_ENDPOINT", "localhost:9000", S3),
        ("AWS_ENDPOINT_URL_S3", "localhost:9000", S3),
        ("GCP_GSUTIL_PARALLELISM", "2", GCS),
    ],
)
def test_a_wrong_value_of_the_environment_is_an_error_that_names_the_variable(variable, value, cls, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable):
        cls.auto()


def test_half_a_key_in_the_environment_names_the_missing_variable(monkeypatch):
    monkeypatch.setenv("FLYTE_AWS_ACCESS_KEY_ID", "AKIA")
    with pytest.raises(ConfigError, match="FLYTE_AWS_SECRET_ACCESS_KEY"):
        S3.auto()


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}, "http://b"),
        ({"AWS_ENDPOINT_URL_S3": "http://b", "FLYTE_AWS_ENDPOINT": "http://c"}, "http://c"),
        ({}, None),
    ],
)
def test_the_nearest_variable_says_the_endpoint(variables, endpoint, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert S3.auto().endpoint == endpoint


def test_a_region_that_is_given_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert S3.auto().region == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert S3.auto().region == "eu-west-2"
    assert S3.auto(region="us-west-1").region == "us-west-1"


def test_the_sandbox_is_on_this_machine_and_has_the_environments_other_settings(monkeypatch):
    monkeypatch.setenv("UNION_STORAGE_RETRIES", "9")
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://elsewhere")
    config = S3.for_sandbox()
    assert (config.endpoint, config.access_key_id, config.retries) == ("http://localhost:4566", "minio", 9)


@pytest.mark.parametrize(
    ("cls", "options", "error"),
    [
        (Storage, {"retries": "3"}, InvalidTypeError),
        (Storage, {"retries": True}, InvalidTypeError),
        (Storage, {"retries": -1}, InvalidValueError),
        (Storage, {"backoff": 5}, InvalidTypeError),
        (Storage, {"backoff": dt.timedelta(0)}, InvalidValueError),
        (Storage, {"deadline": dt.timedelta(seconds=-1)}, InvalidValueError),
        (Storage, {"part_size": 4 * 2**20}, InvalidValueError),
        (Storage, {"concurrency": 0}, InvalidValueError),
        (Storage, {"anonymous": "yes"}, InvalidTypeError),
        (S3, {"endpoint": "minio:9000"}, InvalidValueError),
        (S3, {"access_key_id": "a"}, InvalidValueError),
        (S3, {"region": 1}, InvalidTypeError),
    ],
)
def test_a_value_that_cannot_be_is_refused(cls, options, error):
    with pytest.raises(error) as caught:
        cls(**options)
    assert cls.__name__ in str(caught.value)


def test_secrets_are_not_shown():
    s3 = S3(access_key_id="AKIA1", secret_access_key="hidden1", session_token="hidden2")
    azure = ABFS(account_name="data", account_key="hidden3", client_secret="hidden4")
    assert "hidden" not in repr(s3) + repr(azure)
    assert "AKIA1" not in repr(s3)
    assert "data" in repr(azure)
    with pytest.raises(InvalidTypeError) as caught:
        S3(access_key_id="a", secret_access_key=b"hidden5")
    assert "hidden5" not in str(caught.value)


def test_the_options_for_fsspec_have_the_reference_s_names():
    s3 = S3(endpoint="http://h", access_key_id="a", secret_access_key="b", region="r", retries=2)
    options = s3.get_fsspec_kwargs(anonymous=True)
    assert options["config"] == {
        "access_key_id": "a",
        "secret_access_key": "b",
        "endpoint_url": "http://h",
        "skip_signature": True,
    }
    assert options["region"] == "r"
    assert options["retry_config"]["max_retries"] == 2
    assert s3.get_fsspec_kwargs(access_key_id="c")["config"]["access_key_id"] == "c"
    assert ABFS(account_name="n").get_fsspec_kwargs()["config"] == {"account_name": "n"}
    assert GCS(anonymous=True).get_fsspec_kwargs() == {"config": {"skip_signature": True}}
    assert Storage().get_fsspec_kwargs() == {}


def test_init_sets_what_storage_is_reached_with():
    flyte_core.init(storage=S3(retries=8))
    assert current_storage("s3").retries == 8
    assert current_storage("s3a").retries == 8
    assert current_storage("gs").retries == 3
    flyte_core.init()
    assert current_storage("s3").retries == 3


def test_a_plain_storage_holds_for_every_scheme_beside_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://minio:9000")
    use_storage(Storage(retries=8))
    assert {current_storage(scheme).retries for scheme in ("s3", "gs", "abfs", "https", "memory")} == {8}
    assert current_storage("s3").endpoint == "http://minio:9000"


def test_init_refuses_something_else():
    with pytest.raises(InvalidTypeError, match="storage"):
        flyte_core.init(storage={"endpoint": "http://h"})


def test_a_run_sees_the_configuration_in_its_worker_threads():
    flyte_core.init(storage=S3(retries=8))
    env = flyte_core.TaskEnvironment("storage", image="python:3.12-slim")

    @env.task
    def retries() -> int:
        return current_storage("s3").retries

    assert flyte_core.run(retries).outputs() == 8


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / ".aws"
    folder.mkdir()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-west-3\n"
        "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = work\n"
    )
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DS\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = WS\naws_session_token = WT\n"
    )
    return folder


def test_keys_and_region_are_read_from_a_profile(aws, monkeypatch):
    assert options_of(S3()) == {"region": "eu-west-1", "access_key_id": "D", "secret_access_key": "DS"}
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert options_of(S3.auto()) == {
        "region": "eu-west-3",
        "access_key_id": "W",
        "secret_access_key": "WS",
        "session_token": "WT",
    }
    assert options_of(S3(profile="default", region="x"))["region"] == "x"


def test_keys_of_the_environment_go_before_profiles_that_are_not_named_in_the_program(aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ES")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert "access_key_id" not in options_of(S3.auto())
    assert options_of(S3(profile="default"))["access_key_id"] == "D"


def test_a_profile_that_is_not_there_is_an_error_with_near_names(aws):
    with pytest.raises(ConfigError, match="is it work"):
        aws_profile("wrok")


def test_files_that_cannot_be_read_are_an_error_that_does_not_repeat_them(aws):
    (aws / "credentials").write_text("aws_secret_access_key = hidden\n")
    with pytest.raises(ConfigError, match="credentials") as caught:
        aws_profile()
    assert "hidden" not in str(caught.value)


def test_a_profile_with_a_role_takes_boto3(aws, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "boto3":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="pip install boto3"):
        options_of(S3(profile="role"))


def test_keys_that_are_given_go_before_everything(aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    given = S3(access_key_id="G", secret_access_key="GS", profile="work")
    assert options_of(given) == {"access_key_id": "G", "secret_access_key": "GS"}


def test_certificates_of_a_private_authority_are_read(tmp_path, monkeypatch):
    assert certificates() is None
    bundle = tmp_path / "ca.pem"
    bundle.write_text("PEM")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert certificates() == "PEM"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="AWS_CA_BUNDLE"):
        certificates()


@pytest.mark.parametrize("scheme", ["s3", "s3a", "gs", "abfs", "abfss", "az", "http", "https"])
def test_every_scheme_says_where_its_credentials_come_from(scheme):
    assert "looked for" in places_of(scheme)
    assert issubclass(StoragePermissionError, PermissionError)


def test_every_setting_is_described():
    for cls in (Storage, S3, GCS, ABFS):
        described = inspect.getdoc(cls) or ""
        own = [name for name in cls.__annotations__ if not name.startswith("_")]
        assert [name for name in own if f"{name}:" not in described] == []
