"""Values of secrets: where they are found, and where they are not shown."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from flyte_core.errors import ImageBuildError
from flyte_core.images.dockerfile import BuildSecret, Masked, docker_config, find_secrets
from flyte_core.images.dockerfile.logins import auths_of
from flyte_core.models import Image, Secret

TOKEN = Secret(key="api-key", group="mail")


@pytest.mark.parametrize("variable", ["MAIL_API_KEY", "MAIL_API-KEY"])
def test_a_secret_is_found_in_its_variable(variable: str, tmp_path: Path) -> None:
    (found,) = find_secrets([BuildSecret(id="i", secret=TOKEN)], {variable: "value"}, str(tmp_path))
    assert found.option == f"id=i,env={variable}"
    assert "value" not in repr(found)


def test_a_secret_is_found_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "mail_api-key").write_text("value\n")
    (found,) = find_secrets([BuildSecret(id="i", secret=TOKEN)], {}, str(tmp_path))
    assert found.option == f"id=i,src={tmp_path}/mail_api-key"


def test_all_secrets_that_are_missing_are_named_with_where_they_were_looked_for(tmp_path: Path) -> None:
    secrets = [BuildSecret(id="i", secret=TOKEN), BuildSecret(id="j", secret=Secret(key="b"))]
    with pytest.raises(ImageBuildError) as caught:
        find_secrets(secrets, {}, str(tmp_path))
    assert f"neither the variable MAIL_API_KEY nor the file {tmp_path}/mail_api-key" in str(caught.value)
    assert f"neither the variable B nor the file {tmp_path}/b" in str(caught.value)


def test_a_secret_is_in_no_text_whole_by_line_or_as_in_a_url() -> None:
    masked = Masked(["p@ss w/rd", "first line\nsecond line"])
    assert masked("https://p%40ss%20w%2Frd@x and p@ss w/rd") == "https://***@x and ***"
    assert masked("- second line") == "- ***"


def test_a_name_and_password_become_a_login_for_the_images_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN", "me:pa:ss\n")
    base = Image.from_base("busybox").clone(name="a", registry="r.example.com:5000", registry_secret="login")
    auths, shown = auths_of(base.uri, base.registry_secret)
    assert base64.b64decode(auths["r.example.com:5000"]["auth"]) == b"me:pa:ss"
    assert {"me:pa:ss", auths["r.example.com:5000"]["auth"], "pa:ss"} <= set(shown)
    hub, _ = auths_of(base.clone(registry="me").uri, base.registry_secret)
    assert list(hub) == ["https://index.docker.io/v1/"]


@pytest.mark.parametrize("value", ["just-a-token", "{}", "[1]"])
def test_a_registry_secret_of_another_form_is_refused_without_showing_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN", value)
    image = Image.from_base("busybox").clone(name="a", registry="r.example.com", registry_secret="login")
    with pytest.raises(ImageBuildError, match=r"neither user:password nor a Docker config\.json") as caught:
        auths_of(image.uri, image.registry_secret)
    assert value == "{}" or value not in str(caught.value)


def test_a_throw_away_configuration_keeps_everything_of_the_users_own(tmp_path: Path) -> None:
    own, made = tmp_path / "own", tmp_path / "made"
    (own / "cli-plugins").mkdir(parents=True)
    made.mkdir()
    given = {"auths": {"a": {}, "b": {}}, "credsStore": "pass", "credHelpers": {"c": "own"}, "currentContext": "far"}
    (own / "config.json").write_text(json.dumps(given))
    docker_config({"b": {"auth": "x"}}, made, own)
    config = json.loads((made / "config.json").read_text())
    assert config == {
        "auths": {"a": {}, "b": {"auth": "x"}},
        "credHelpers": {"a": "pass", "c": "own"},
        "currentContext": "far",
    }
    assert stat.S_IMODE((made / "config.json").stat().st_mode) == 0o600
    assert (made / "cli-plugins").is_dir()
    assert json.loads((own / "config.json").read_text()) == given
