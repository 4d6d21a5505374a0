from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("PROJECT", "DOMAIN", "ORG", "PLUGINS", "LOG_LEVEL", "IMAGE_BUILDER"):
        monkeypatch.delenv(f"FLYTE_CORE_{name}", raising=False)


def shown(result):
    return {one["name"]: (one["value"], one["source"]) for one in result.json()}


def test_every_setting_is_shown_with_where_it_came_from(cli, project, monkeypatch):
    (project / "flyte_core.toml").write_text('project = "file"\ndomain = "file"\norg = "file"\n')
    monkeypatch.setenv("FLYTE_CORE_DOMAIN", "environment")
    monkeypatch.setenv("FLYTE_CORE_ORG", "environment")

    found = shown(cli("config", "show", "--org", "flag", "--json"))

    assert found["project"] == ("file", f"{project / 'flyte_core.toml'} [project]")
    assert found["domain"] == ("environment", "environment FLYTE_CORE_DOMAIN")
    assert found["org"] == ("flag", "flag org")
    assert found["log_level"] == ("WARNING", "default")
    assert found["cache_dir"][1] == "environment FLYTE_CORE_CACHE_DIR"


def test_settings_of_plugins_and_images_are_shown_one_by_one(cli, project, monkeypatch):
    (project / "pyproject.toml").write_text(
        '[tool.flyte_core.plugins]\nblock = ["otel"]\nchoose = { sql = "flyte-core-sql" }\n'
        '[tool.flyte_core.images]\nmirrors = { "docker.io" = "mirror.example.com/hub" }\nextra_index_urls = ["https://a.example"]\n'
    )
    monkeypatch.setenv("FLYTE_CORE_IMAGE_BUILDER", "docker")
    file = project / "pyproject.toml"

    found = shown(cli("config", "show", "--json"))

    assert found["plugins: block"] == ("otel", f"{file} [tool.flyte_core.plugins]")
    assert found["plugins: sql"] == ("flyte-core-sql", f"{file} [tool.flyte_core.plugins]")
    assert found["images.mirrors"] == ({"docker.io": "mirror.example.com/hub"}, f"{file} [tool.flyte_core.images]")
    assert found["images.extra_index_urls"] == (["https://a.example"], f"{file} [tool.flyte_core.images]")
    assert found["images.builder"] == ("docker", "environment FLYTE_CORE_IMAGE_BUILDER")
    assert "images.wheels" not in found


def test_the_table_is_for_people(cli, project):
    (project / "flyte_core.toml").write_text('[images]\nmirrors = { "docker.io" = "mirror.example.com/hub" }\n')

    lines = cli("config", "show").out.splitlines()

    assert lines[0].split() == ["setting", "value", "source"]
    assert any(line.split()[:4] == ["images.mirrors", "docker.io", "=", "mirror.example.com/hub"] for line in lines)


@pytest.mark.parametrize("text", ['projekt = "x"', '[images]\nbilder = "x"'])
def test_a_wrong_setting_is_a_fault_that_names_its_place(cli, project, text):
    (project / "flyte_core.toml").write_text(text)

    result = cli("config", "show")

    assert result.status == 2
    assert "flyte_core.toml" in result.err
    assert "did you mean" in result.err
