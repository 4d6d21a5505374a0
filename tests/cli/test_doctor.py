from __future__ import annotations

import json
import os

import pytest

from flyte_core.cli.pluginchecks import module_exists
from flyte_core.runtime.local import runs_folder
from tests.cli.test_plugins import SPY

TASKS = "flyte_core.task_types"


@pytest.fixture
def doctor(shell, site):
    """Give a function that runs the doctor with the site folder, and gives its findings and the whole result."""

    def run(**env: str):
        result = shell("doctor", "--json", path=(site,), program=("-c", SPY), **env)
        return result.json()["findings"], result

    return run


def problems(findings):
    return [finding for finding in findings if finding["status"] == "problem"]


def notes(findings):
    return [finding for finding in findings if finding["status"] == "note"]


def test_a_sound_installation_has_no_problems_and_gives_0(doctor, site):
    site.plugin(TASKS, "graph", "1 / 0")  # broken, but nobody imports it
    findings, result = doctor()
    assert (result.status, problems(findings)) == (0, [])
    assert result.err == "[]\n"
    texts = [finding["text"] for finding in findings]
    assert any(text.startswith("Python 3.") for text in texts)
    for name in ("pluggy", "protobuf", "flyteidl2", "flyte-core"):
        assert any(text.startswith(f"{name} ") for text in texts)
    assert any(text.startswith("cache_dir = ") and "FLYTE_CORE_CACHE_DIR" in text for text in texts)


def test_the_page_for_people_ends_with_the_number_of_problems(shell, site):
    assert shell("doctor", path=(site,)).out.endswith("no problems\n")


def test_a_conflict_is_a_problem_with_a_command(doctor, site):
    site.plugin(TASKS, "graph", "", dist="one-graph")
    site.plugin(TASKS, "graph", "", dist="two-graph")
    findings, result = doctor()
    (problem,) = problems(findings)
    assert result.status == 1
    assert "one-graph" in problem["text"]
    assert problem["command"] == 'export FLYTE_CORE_PLUGINS="task:graph=one-graph"'
    # The proposed command works.
    findings, result = doctor(FLYTE_CORE_PLUGINS="task:graph=one-graph")
    assert (result.status, problems(findings)) == (0, [])


def test_one_line_decides_every_conflict_and_keeps_what_the_variable_says(doctor, site):
    for dist in ("one-graph", "two-graph"):
        site.install(dist, {TASKS: {"graph": "json", "graph-v2": "json"}})
    for dist in ("a-docker", "b-docker"):
        site.install(dist, {"flyte_core.executors": {"docker": "json"}})
    one, other = problems(doctor(FLYTE_CORE_PLUGINS="-otel,")[0])
    assert "one-graph and two-graph contest task graph, task graph-v2" in one["text"]
    assert one["command"] == other["command"]
    line = "-otel,task:graph=one-graph,task:graph-v2=one-graph,executor:docker=a-docker"
    assert one["command"] == f'export FLYTE_CORE_PLUGINS="{line}"'
    assert problems(doctor(FLYTE_CORE_PLUGINS=line)[0]) == []


def test_stale_metadata_is_a_problem(doctor, site):
    module = site.plugin(TASKS, "graph", "")
    (site.folder / f"{module}.py").unlink()
    (problem,) = problems(doctor()[0])
    assert module in problem["text"]
    assert problem["command"] == "pip install --force-reinstall dist-graph"


def test_a_plugin_for_another_core_is_a_problem(doctor, site):
    site.plugin(TASKS, "graph", "", requires=("flyte-core>=99",))
    (problem,) = problems(doctor()[0])
    assert ">=99" in problem["text"]
    assert problem["command"] == "pip install --upgrade flyte-core dist-graph"


def test_a_required_plugin_that_is_missing_is_a_problem(doctor, project):
    (project / "flyte_core.toml").write_text('[plugins]\nrequire = ["policy"]\n')
    (problem,) = problems(doctor()[0])
    assert "policy is required by" in problem["text"]
    assert "install the distribution that provides it, or remove it from require" in problem["text"]
    assert problem["command"] is None  # anybody may own that name at a package index


def test_a_required_plugin_of_this_project_is_proposed_to_be_installed(doctor):
    (problem,) = problems(doctor(FLYTE_CORE_PLUGINS="+hooks:otel")[0])
    assert problem["command"] == "pip install flyte-core-otel"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def (", "SyntaxError"),
        ("from flyte_core.extend import hookimpl\n@hookimpl\ndef confg(task): ...", "there is no such hook"),
        ("flyte_core_api = '>=9'", "hook API"),
    ],
)
def test_a_required_plugin_that_is_broken_is_a_problem_with_the_reason(doctor, site, source, reason):
    site.plugin("flyte_core.hooks", "policy", source)
    site.plugin("flyte_core.hooks", "other", "1 / 0")  # not required, so nobody imports it
    findings, result = doctor(FLYTE_CORE_PLUGINS="+policy")
    broken, required = problems(findings)
    assert result.status == 1
    assert reason in broken["text"]
    assert "nothing runs: it is broken" in required["text"]


def test_all_plugins_are_loaded_on_demand_and_their_prints_kept_out_of_the_answer(shell, site):
    site.plugin("flyte_core.hooks", "loud", "print('hello')")
    site.plugin("flyte_core.hooks", "bad", "1 / 0")
    site.plugin(TASKS, "worse", "raise SystemExit(3)")
    result = shell("doctor", "--load", "--json", path=(site,))
    texts = [problem["text"] for problem in problems(result.json()["findings"])]
    assert result.status == 1
    assert ["ZeroDivisionError" in text or "SystemExit" in text for text in texts] == [True, True]
    assert "hello" in result.err


def test_a_required_plugin_that_is_blocked_is_a_problem(doctor, site, project):
    site.plugin("flyte_core.hooks", "policy", "")
    (project / "flyte_core.toml").write_text('[plugins]\nrequire = ["policy"]\n')
    (problem,) = problems(doctor(FLYTE_CORE_PLUGINS="-policy")[0])
    assert "it is blocked" in problem["text"]


def test_a_required_plugin_that_is_there_is_fine(doctor, site, project):
    site.plugin("flyte_core.hooks", "policy", "")
    (project / "flyte_core.toml").write_text('[plugins]\nrequire = ["policy"]\n')
    assert problems(doctor()[0]) == []


def test_a_distribution_that_is_there_twice_is_a_note_with_both_paths(doctor, site, site_maker, shell):
    module = site.plugin(TASKS, "graph", "")
    again = site_maker("again")
    again.install("dist-graph", {TASKS: {"graph": module}})
    result = shell("doctor", "--json", path=(site, again))
    (note,) = notes(result.json()["findings"])
    assert str(site) in note["text"]
    assert str(again) in note["text"]


def test_a_choice_of_nobody_is_a_problem_and_a_block_of_nobody_a_note(doctor, site):
    site.plugin("flyte_core.hooks", "audit", "")
    findings, _ = doctor(FLYTE_CORE_PLUGINS="otel=flyte-core-otel,audit=mine,x=y,-auidt")
    (other, known, unknown), (note,) = problems(findings), notes(findings)
    assert known["command"] == "pip install flyte-core-otel"
    assert (other["command"], unknown["command"]) == (None, None)
    assert other["text"].endswith("choose dist-audit there")
    assert unknown["text"].endswith("correct or remove it there")
    assert "did you mean audit?" in note["text"]


def test_a_misspelt_group_is_a_note(doctor, site):
    site.plugin("flyte_core.task_type", "graph", "")
    (note,) = notes(doctor()[0])
    assert "did its author mean flyte_core.task_types?" in note["text"]


def test_a_command_that_a_built_in_hides_is_a_note(doctor, site):
    site.plugin("flyte_core.commands", "run", "")
    (note,) = notes(doctor()[0])
    assert "hidden by the built-in command" in note["text"]


def test_settings_that_cannot_be_read_are_a_problem(doctor, project):
    (project / "flyte_core.toml").write_text("not toml")
    (problem,) = problems(doctor()[0])
    assert "flyte_core.toml" in problem["text"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_an_index_that_others_can_change_is_a_problem(doctor, tmp_path):
    folder = tmp_path / "cache" / "plugins"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    (problem,) = problems(doctor()[0])
    assert problem["command"] == f"chmod 700 '{folder}'"


def test_a_cache_folder_that_cannot_be_made_is_a_problem(doctor, tmp_path):
    (tmp_path / "file").write_text("")
    (problem,) = problems(doctor(FLYTE_CORE_CACHE_DIR=str(tmp_path / "file" / "cache"))[0])
    assert "is no folder" in problem["text"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="Linux")
def test_a_cache_folder_where_nothing_can_be_made_is_a_problem(doctor):
    (problem,) = problems(doctor(FLYTE_CORE_CACHE_DIR="/proc/foo")[0])
    assert "/proc/foo cannot be made in /proc" in problem["text"]


def test_a_cache_folder_that_can_be_made_is_fine_and_nothing_is_left_behind(doctor, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    findings, _ = doctor(FLYTE_CORE_CACHE_DIR=str(folder / "deep" / "cache"))
    assert any("will be made when needed" in finding["text"] for finding in findings)
    assert not [path for path in folder.iterdir() if path.name != "deep"]


@pytest.mark.parametrize(
    ("content", "status"), [(b"SQLite format 3\0 and so on", "ok"), (b"", "ok"), (b"garbage", "note")]
)
def test_a_damaged_result_cache_is_a_note(doctor, tmp_path, content, status):
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "results.db").write_bytes(content)
    findings, result = doctor()
    (found,) = [finding for finding in findings if "results.db" in finding["text"]]
    assert (found["status"], result.status) == (status, 0)


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ("json", True),
        ("json.decoder", True),
        ("json.decoder:JSONDecoder.decode", True),
        ("json.nowhere", False),
        ("json.decoder.deeper", False),
        ("no_such_top", False),
        ("", False),
    ],
)
def test_modules_are_found_without_importing_them(value, there):
    assert module_exists(value) is there


def test_looking_for_a_module_imports_none_of_its_packages(site):
    site.module("outer_unimported.inner.leaf", "raise AssertionError('imported')")
    (site.folder / "outer_unimported" / "__init__.py").write_text("raise AssertionError('imported')")
    assert module_exists("outer_unimported.inner.leaf")


def test_the_folder_of_runs_is_told_with_what_it_takes(cli, flows, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = runs_folder()

    def told():
        findings = json.loads(cli("doctor", "--json").out)["findings"]
        return [finding["text"] for finding in findings if finding["area"] == "runs"]

    assert told() == [f"{folder} will be made when needed"]
    (folder / "r1" / "raw_data").mkdir(parents=True)
    (folder / "r1" / "raw_data" / "x").write_bytes(bytes(1_250_000))
    assert told() == [f"{folder} has 1 run, 1.2 MB"]


def test_settings_of_images_are_shown_and_checked(doctor, project):
    (project / "flyte_core.toml").write_text('[images]\nbuilder = "docker"\n')
    assert any(one["text"].startswith("images.builder = docker (") for one in doctor()[0])

    (project / "flyte_core.toml").write_text('[images]\nbilder = "docker"\n')
    (problem,) = problems(doctor()[0])
    assert "unknown key 'bilder'; did you mean 'builder'?" in problem["text"]
