from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

GOOD = {
    "--i": "-3",
    "--f": "2.5",
    "--s": "--i",
    "--when": "2013-01-01T10:00:00Z",
    "--day": "2013-02-03",
    "--gap": "1h30m",
    "--colour": "red",
    "--side": "left",
    "--items": "[1, 2]",
    "--table": '{"a": 1.5}',
    "--point": '{"x": 1}',
}


def words(values):
    return [f"{name}={value}" for name, value in values.items()]


# ---- outputs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("FLYTE_CORE_PLUGINS", "require=policy", "+name to require"),
        ("FLYTE_CORE_LOG_LEVEL", "loud", "expected one of DEBUG"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line_that_does_not_blame_the_file(
    cli, flows, monkeypatch, variable, value, part
):
    monkeypatch.setenv(variable, value)
    result = cli("run", flows, "add", "--a", "1")
    assert result.status == 2
    assert result.err.startswith(f"Error: environment {variable}: ")
    assert part in result.err
    assert result.err.count("\n") == 1
    assert cli("run", "--json", flows, "add", "--a", "1").error()["code"] == "ConfigError"


def test_an_unknown_key_of_the_file_is_said_in_one_line(cli, flows, project):
    (project / "flyte_core.toml").write_text("projekt = 1\n")
    result = cli("run", flows, "add", "--a", "1")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "unknown key 'projekt'; did you mean 'project'?" in result.err


def test_what_a_synchronous_task_prints_is_not_part_of_the_json(cli, write):
    source = """
    from flyte_core import TaskEnvironment
    env = TaskEnvironment("quiet")
    @env.task
    def nop():
        print("nothing")
    @env.task
    async def outer():
        nop()
        await nop.aio()
    """
    name = write(source)
    for task in ("nop", "outer"):
        result = cli("run", "--json", name, task)
        assert result.json()["outputs"] == {}
        assert "nothing" in result.err


def test_a_single_output_is_printed_plainly(cli, flows):
    assert cli("run", flows, "add", "--a", "3").out == "5\n"


def test_outputs_are_one_json_document(cli, flows):
    assert cli("run", "--json", flows, "add", "--a", "3").json() == {"task": "flows.add", "outputs": {"o0": 5}}


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_the_commands_own_options_may_stand_anywhere(cli, flows, at):
    line = ["run", flows, "add", "--a", "3"]
    assert cli(*line[:at], "--json", *line[at:]).json()["outputs"] == {"o0": 5}


def test_several_outputs_stand_with_their_names(cli, flows):
    assert cli("run", flows, "many").out == "o0: 1\no1: two\n"


def test_a_list_of_records_is_a_table(cli, flows):
    assert cli("run", flows, "points", "--n", "2").out.splitlines() == [
        "  x    y  name",
        "--------------",
        "0.0  0.0  p0",
        "1.0  2.5  p1",
    ]


def test_what_tasks_print_does_not_disturb_the_json_document(cli, flows):
    result = cli("run", "--json", flows, "noisy")
    assert result.json()["outputs"] == {"o0": "NaN"}
    assert "noise" in result.err


def test_every_kind_of_input_can_be_given(cli, flows):
    result = cli("run", flows, "everything", *words(GOOD), "--no-flag", "--maybe", "4")
    assert result.err == ""
    assert "(-3, 2.5, '--i', False, '2013-01-01T10:00:00+00:00'" in result.out
    assert "'RED', 'left', [1, 2], {'a': 1.5}" in result.out
    assert result.out.rstrip().endswith("4, 3)")


@pytest.mark.parametrize("spelling", ["--max-delay", "--max_delay"])
def test_hyphens_and_underscores_are_the_same(cli, flows, spelling):
    result = cli("run", flows, "everything", *words(GOOD), "--flag", spelling, "7")
    assert result.out.rstrip().endswith("None, 7)")


# ---- names of tasks and files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "flows.add", "other_name"])
def test_a_task_is_found_by_function_full_name_and_variable(cli, flows, name):
    assert cli("run", flows, name, "--a", "1").out == "3\n"


def test_a_task_is_found_by_its_short_name(cli, flows):
    assert cli("run", flows, "show everything", "--help").status == 0


def test_an_unknown_task_is_an_error_with_near_misses_and_all_tasks(cli, flows):
    result = cli("run", flows, "ad")
    assert result.status == 2
    assert "no task 'ad'; did you mean 'add'" in result.err
    assert "flows.everything" in result.err


def test_without_a_task_the_tasks_are_listed(cli, flows):
    result = cli("run", flows)
    assert result.status == 2
    assert "flows.add, flows.everything" in result.err


def test_a_name_that_several_tasks_have_is_an_error_with_their_full_names(cli, write):
    file = write(
        """
        from flyte_core import TaskEnvironment
        def make(name):
            env = TaskEnvironment(name)
            @env.task
            async def work() -> None: ...
            return env
        one, two = make("one"), make("two")
        """
    )
    result = cli("run", file, "work")
    assert result.status == 2
    assert "write one.work or two.work" in result.err


def test_a_module_is_found_by_its_dotted_name(cli, write, flows, project):
    write("", f"package_{flows[:-3]}/__init__.py")
    write((project / flows).read_text(), f"package_{flows[:-3]}/inner.py")
    assert cli("run", f"package_{flows[:-3]}.inner", "add", "--a", "1").out == "3\n"


def test_without_a_file_the_usage_is_an_error(cli):
    result = cli("run")
    assert result.status == 2
    assert "Missing argument FILE" in result.err


# ---- arguments ---------------------------------------------------------------------------------------------------


def test_all_problems_with_arguments_are_told_at_once(cli, flows):
    bad = {**GOOD, "--i": "x", "--colour": "green", "--items": '[1, "a"]', "--nope": "1"}
    del bad["--day"]
    result = cli("run", flows, "everything", *words(bad), "--flag", "extra")
    assert result.status == 2
    assert result.out == ""
    lines = result.err.splitlines()
    assert lines[0] == "Error: 6 problems with the arguments of task flows.everything:"
    assert "  --i 'x': expected int, got 'x'" in lines
    assert any(line.startswith("  --colour 'green': expected one of 'red', 'blue'") for line in lines)
    assert any(line.startswith("  --items '[1, \"a\"]': ") for line in lines)
    assert any(line.startswith("  --nope: no such option") for line in lines)
    assert "  'extra': not expected here; inputs are given as --name value" in lines
    assert "  --day: missing; expected date, such as 2013-01-31" in lines


def test_problems_are_json_when_json_was_asked_for(cli, flows):
    error = cli("run", flows, "add", "--json").error()
    assert (error["code"], error["kind"], error["task"]) == ("UsageError", "usage", "flows.add")
    assert error["problems"] == ["--a: missing; expected int"]


def test_a_wrong_option_before_the_file_is_an_error_with_a_near_miss(cli, flows):
    result = cli("run", "--jsno", flows, "add")
    assert result.status == 2
    assert "--json" in result.err


def test_a_wrong_option_before_the_file_is_json_too(cli, flows):
    assert cli("run", "--json", "--nope", flows, "add").error()["kind"] == "usage"


def test_an_own_option_without_its_value_is_a_problem(cli, flows):
    result = cli("run", flows, "add", "--a", "1", "--on")
    assert result.status == 2
    assert "--on" in result.err


def test_an_input_named_like_an_own_option_comes_first_after_the_task(cli, write):
    file = write(
        """
        from flyte_core import TaskEnvironment
        env = TaskEnvironment("names")
        @env.task
        async def work(json: str, help: int = 0) -> str:
            return json
        """
    )
    result = cli("run", "--json", file, "work", "--json", "mine", "--help", "3")
    assert result.json()["outputs"] == {"o0": "mine"}


# ---- help --------------------------------------------------------------------------------------------------------


def test_help_shows_docs_types_defaults_and_outputs(cli, flows):
    result = cli("run", flows, "add", "--help")
    assert result.status == 0
    for text in (
        f"flyte-core run {flows} add",
        "Add two numbers.",
        "They may be negative.",
        "--a int  the first number.  [required]",
        "--b int  the second number.  [default: 2]",
        "o0 int  the sum.",
        "Task flows.add of type python in environment flows.",
        "--json",
    ):
        assert text in result.out


def test_help_of_a_file_lists_its_tasks(cli, flows):
    result = cli("run", flows, "--help")
    assert result.status == 0
    assert "flows.add         Add two numbers." in result.out


def test_help_of_the_command_explains_the_words(cli):
    result = cli("run", "--help")
    assert result.status == 0
    assert "FILE TASK [INPUTS]" in result.out


# ---- warnings -----------------------------------------------------------------------------------------------------

UNTYPED = """
    from flyte_core import TaskEnvironment

    env = TaskEnvironment("pickles")

    class Odd: ...

    @env.task
    def one(a) -> int:
        return 1

    @env.task
    def two(b, odd: Odd | None = None) -> int:
        return 2
"""


def test_warnings_are_about_the_task_that_runs_and_name_it(shell, write):
    result = shell("run", write(UNTYPED), "two", "--b", "1")
    assert (result.status, result.out) == (0, "2\n")
    first, second = result.err.splitlines()
    assert first == "warning: task 'pickles.two', two: no type for b; pickled instead"
    assert second.startswith("warning: task 'pickles.two', input 'odd' goes pickled")


@pytest.mark.parametrize("words", [["--help"], ["two", "--help"]])
def test_help_has_no_warnings(shell, write, words):
    assert shell("run", write(UNTYPED), *words).err == ""


# ---- failures ------------------------------------------------------------------------------------------------------


def test_a_task_that_fails_gives_1_and_the_users_frames_only(cli, flows):
    result = cli("run", flows, "fail")
    assert result.status == 1
    assert "in fail" in result.err
    assert "in divide" in result.err
    assert "flyte_core" not in result.err.replace("Error:", "").split("Error")[0]
    assert "ZeroDivisionError: integer division or modulo by zero" in result.err
    assert "Error: task 'flows.fail' failed" in result.err


def test_debug_shows_the_frameworks_frames_too(cli, flows):
    assert os.path.join("flyte_core", "runtime") in cli("run", "--debug", flows, "fail").err


def test_a_failure_is_json_with_code_kind_message_and_task(cli, flows):
    result = cli("run", "--json", flows, "fail")
    assert result.status == 1
    assert result.out == ""
    # What the task printed went to standard error as well.
    error = json.loads(result.err.splitlines()[-1])["error"]
    assert (error["code"], error["kind"], error["task"]) == ("ZeroDivisionError", "user", "flows.fail")
    assert "integer division" in error["message"]
    assert error["traceback"][-1] == "ZeroDivisionError: integer division or modulo by zero"


def test_an_unknown_executor_is_a_wrong_command_line(cli, flows):
    result = cli("run", "--on", "nowhere", flows, "add", "--a", "1")
    assert result.status == 2
    assert "no installed plugin provides executor 'nowhere'" in result.err


def test_a_setting_that_is_not_allowed_is_an_error(cli, flows, monkeypatch):
    monkeypatch.setenv("FLYTE_CORE_LOG_LEVEL", "LOUD")
    result = cli("run", flows, "add", "--a", "1")
    assert result.status == 2
    assert "FLYTE_CORE_LOG_LEVEL" in result.err


# ---- as a process ------------------------------------------------------------------------------------------------


def test_a_run_in_a_process_of_its_own(shell, flows):
    result = shell("run", flows, "add", "--a", "3", "--json")
    assert (result.status, result.json()["outputs"]) == (0, {"o0": 5})
    assert result.err == ""


def test_another_executor_runs_the_task(shell, flows, site):
    module = site.plugin(
        "flyte_core.executors",
        "recorder",
        """
        from flyte_core.runtime import LocalExecutor

        class Recorder(LocalExecutor):
            async def submit(self, task, inputs, options):
                print("submitted", options.project, options.domain)
                return await super().submit(task, inputs, options)
        """,
        dist="recorder",
    )
    (site.folder / next(site.folder.glob("recorder*.dist-info")) / "entry_points.txt").write_text(
        f"[flyte_core.executors]\nrecorder = {module}:Recorder\n"
    )
    line = ("run", "--on", "recorder", "--project", "p", flows, "add", "--a", "3")
    result = shell(*line, path=(site,), FLYTE_CORE_DOMAIN="d")
    assert (result.status, result.out) == (0, "submitted p d\n5\n")


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_ends_a_run_with_130_and_one_line(write, project):
    file = write(
        """
        import threading
        from flyte_core import TaskEnvironment
        env = TaskEnvironment("long")
        @env.task
        async def work() -> None:
            import asyncio
            print("started", flush=True)
            await asyncio.sleep(600)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "flyte_core", "run", file, "work"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "cancelled\n")
