from __future__ import annotations

import os

import pytest

from flyte_core.cli.pluginchecks import module_exists
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
    site.plugin(TASKS, "sql", "1 / 0")  # broken, but nobody imports it
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
    site.plugin(TASKS, "sql", "", dist="one-sql")
    site.plugin(TASKS, "sql", "", dist="two-sql")
    findings, result = doctor()
    (problem,) = problems(findings)
    assert result.status == 1
    assert "one-sql" in problem["text"]
    assert problem["command"] == 'export FLYTE_CORE_PLUGINS="task:sql=one-sql"'
    # The proposed command works.
    findings, result = doctor(FLYTE_CORE_PLUGINS="task:sql=one-sql")
    assert (result.status, problems(findings)) == (0, [])


def test_stale_metadata_is_a_problem(doctor, site):
    module = site.plugin(TASKS, "sql", "")
    (site.folder / f"{module}.py").unlink()
    (problem,) = problems(doctor()[0])
    assert module in problem["text"]
    assert problem["command"] == "pip install --force-reinstall dist-sql"


def test_a_plugin_for_another_core_is_a_problem(doctor, site):
    site.plugin(TASKS, "sql", "", requires=("flyte-core>=99",))
    (problem,) = problems(doctor()[0])
    assert ">=99" in problem["text"]
    assert problem["command"] == "pip install --upgrade flyte-core dist-sql"


def test_a_required_plugin_that_is_missing_is_a_problem(doctor, project):
    (project / "flyte_core.toml").write_text('[plugins]\nrequire = ["policy"]\n')
    (problem,) = problems(doctor()[0])
    assert "policy is required by" in problem["text"]
    assert problem["command"] == "pip install policy"


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
    module = site.plugin(TASKS, "sql", "")
    again = site_maker("again")
    again.install("dist-sql", {TASKS: {"sql": module}})
    result = shell("doctor", "--json", path=(site, again))
    (note,) = notes(result.json()["findings"])
    assert str(site) in note["text"]
    assert str(again) in note["text"]


def test_a_choice_of_nobody_is_a_problem_and_a_block_of_nobody_a_note(doctor, site):
    site.plugin("flyte_core.hooks", "otel", "")
    findings, _ = doctor(FLYTE_CORE_PLUGINS="sql=flyte-core-sql,-otle")
    (problem,), (note,) = problems(findings), notes(findings)
    assert problem["command"] == "pip install flyte-core-sql"
    assert "did you mean otel?" in note["text"]


def test_a_misspelt_group_is_a_note(doctor, site):
    site.plugin("flyte_core.task_type", "sql", "")
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
