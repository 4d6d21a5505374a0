from __future__ import annotations

import re

import pytest

from flyte_core.errors import ImageBuildError
from tests.support.builders import install, only_ours, recorder

__all__ = ["install", "only_ours", "recorder"]

DIGEST = f"sha256:{'a' * 64}"

FLOWS = """
from flyte_core import Image, TaskEnvironment

base = Image.from_base("python:3.12").clone(registry="registry.example.com", name="app")
other = TaskEnvironment("other", image=base.with_pip_packages("httpx"))
same = TaskEnvironment("same", image=base.with_pip_packages("httpx"))
plain = TaskEnvironment("plain", image="python:3.12")
env = TaskEnvironment("main", image=base.clone(name="main").with_apt_packages("git"), depends_on=[other])
"""


@pytest.fixture
def flows(write) -> str:
    return write(FLOWS)


def test_the_table_tells_what_became_of_each_image(cli, flows, recorder):
    result = cli("build", flows)

    assert result.status == 0
    heading, _, *rows = result.out.splitlines()
    assert heading.split() == ["image", "environments", "what", "digest", "size", "time"]
    app, plain, main = (re.split(r" {2,}", row) for row in rows)
    assert app[0].startswith("registry.example.com/app:")
    assert app[1:5] == ["other, same", "built: absent", DIGEST[:19], "5.0 MB"]
    assert plain[:3] == ["python:3.12", "plain", "given by its name"]
    assert main[0].startswith("registry.example.com/main:")
    assert len(recorder.built) == 2


def test_what_exists_is_not_built_again_unless_that_is_forced(cli, flows, recorder):
    cli("build", flows)

    assert "exists" in cli("build", flows).out
    assert len(recorder.built) == 2
    assert "built: forced" in cli("build", flows, "--force").out
    assert len(recorder.built) == 4


def test_the_builds_own_output_goes_to_standard_error_with_the_images_name(cli, flows, recorder):
    result = cli("build", flows)

    assert sorted(result.err.splitlines()) == ["app step 1", "main step 1"]
    assert "step 1" not in result.out


def test_the_results_are_json_on_demand(cli, flows, recorder):
    app, plain, main = cli("build", flows, "--json").json()

    assert main.pop("seconds") >= 0
    assert main == {
        "image": recorder.built[-1] if "main" in recorder.built[-1] else recorder.built[0],
        "environments": ["main"],
        "digest": DIGEST,
        "built": True,
        "reason": "absent",
        "builder": "recorder",
        "size": 5_000_000,
    }
    assert (app["environments"], plain["built"], plain["builder"]) == (["other", "same"], False, None)


def test_a_dry_run_prints_the_plans_and_builds_nothing(cli, flows, recorder):
    result = cli("build", flows, "--dry-run")

    assert (result.status, result.err, recorder.built, recorder.asked) == (0, "", [], [])
    assert result.out.count("FROM python:3.12\n") == 2
    assert "# registry.example.com/app:" in result.out
    assert "(environments: other, same)\nFROM python:3.12" in result.out
    assert "# python:3.12 (environments: plain)\ngiven by its name" in result.out


def test_one_environment_brings_those_that_it_depends_on(cli, flows, recorder):
    cli("build", flows, "--env", "main")

    assert sorted(uri.partition(":")[0].rpartition("/")[2] for uri in recorder.built) == ["app", "main"]


@pytest.mark.parametrize(("option", "pushed"), [((), True), (("--push",), True), (("--no-push",), False)])
def test_pushing_can_be_chosen(cli, flows, recorder, option, pushed):
    cli("build", flows, *option)

    assert {request.push for request in recorder.requests} == {pushed}


def test_the_builder_can_be_chosen(cli, flows, install):
    install("one")
    two = install("two")

    several = cli("build", flows)
    assert (several.status, several.out) == (2, "")
    assert several.err.startswith("Error: several image builders are installed: one, two; choose one with builder=")
    assert cli("build", flows, "--builder", "two").status == 0
    assert len(two.built) == 2


def test_an_image_that_fails_leaves_the_others_and_the_table(cli, flows, recorder):
    build = recorder.Builder.build_image

    async def failing(self, image, dry_run):
        if image.name == "main":
            raise ImageBuildError("RUN apt-get install git\n  E: no package git")
        return await build(self, image, dry_run)

    recorder.Builder.build_image = failing
    result = cli("build", flows)

    assert result.status == 1
    assert "built: absent" in result.out
    assert re.search(r"^registry.example.com/main:\w+  +main  +failed$", result.out, re.MULTILINE)
    assert "Error: image registry.example.com/main:" in result.err
    assert ": RUN apt-get install git\n  E: no package git" in result.err

    failed = cli("build", flows, "--json")
    assert failed.status == 1
    assert failed.json()[2]["error"] == {
        "code": "ImageBuildError",
        "message": "RUN apt-get install git\n  E: no package git",
    }


def test_a_wrong_environment_is_a_fault_of_the_command_line(cli, flows, recorder):
    result = cli("build", flows, "--env", "mian")

    assert result.status == 2
    assert f"{flows} has no environment 'mian'; did you mean 'main'?" in result.err
    assert "It has: other, same, plain, main" in result.err


def test_a_file_without_environments_is_a_fault_of_the_command_line(cli, write, recorder):
    result = cli("build", write("x = 1"))

    assert result.status == 2
    assert "has no environments; declare one with flyte_core.TaskEnvironment" in result.err


def test_wrong_settings_are_named_with_their_place(cli, flows, project, recorder):
    (project / "flyte_core.toml").write_text('[images]\nindex_ulr = "https://pypi.example.com/simple"\n')

    result = cli("build", flows)

    assert result.status == 2
    assert "flyte_core.toml [images]: unknown key 'index_ulr'; did you mean 'index_url'?" in result.err
