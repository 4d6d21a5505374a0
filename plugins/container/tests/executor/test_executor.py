"""Runs on the engine of this machine: what goes into containers, and what comes out of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flyte_core_container.errors import ContainerFailedError, ContainerOOMError, UnseenFilesError
from flyte_core_container.executor import DockerExecutor
from flyte_core_container.local.engine import Engine, use_engine

from flyte_core import with_runcontext
from flyte_core.errors import BaseRuntimeError
from flyte_core.io import Dir, File

Project = Callable[[str], ModuleType]


@pytest.fixture
def work(project: Project) -> ModuleType:
    return project("work")


def _run(task: Any, *args: Any, **options: Any) -> Any:
    return with_runcontext(mode="docker", **options).run(task, *args).outputs()


def test_records_go_in_and_come_out_as_what_they_are(work: ModuleType) -> None:
    first, count = _run(work.table, [work.Row("a", [0.5]), work.Row("b", [])])
    assert first == work.Row("a", [0.5])
    assert count == 2


def test_a_task_reads_the_files_and_folders_of_this_machine(work: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "one.txt").write_text("1")
    (tmp_path / "file.txt").write_text("content")
    found = _run(work.read, File(path=str(tmp_path / "file.txt")), Dir(path=str(folder)))
    assert found == "content ['one.txt']"


def test_a_task_cannot_change_the_files_of_this_machine(work: ModuleType, tmp_path: Path) -> None:
    given = tmp_path / "file.txt"
    given.write_text("content")
    assert _run(work.cannot_write, File(path=str(given))) == "OSError"
    assert given.read_text() == "content"


def test_a_file_that_a_task_wrote_outlives_its_container(work: ModuleType) -> None:
    assert Path(_run(work.write, "kept").path).read_text() == "kept"


def test_variables_and_secrets_reach_the_task_and_neither_labels_nor_logs(
    work: ModuleType,
    docker_api: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORD", "xyzzy-7431")
    labels: list[Any] = []

    def look(event: Any) -> None:
        labels.extend(one["Labels"] for one in docker_api.containers(all=True))

    with caplog.at_level("DEBUG"):
        found = _run(work.knows, env_vars={"GIVEN": "more"}, on_event=look)
    assert found == ["xyzzy-7431", "red", "more"]
    assert "xyzzy-7431" not in caplog.text + json.dumps(labels) + "".join(capfd.readouterr())


def test_code_lies_where_the_task_works_and_the_container_runs_nothing_else(work: ModuleType) -> None:
    folder, number, action, file = _run(work.where)
    assert (number, action, file) == ("1", "a0", "work.py")
    assert Path(folder).name == "unpacked"


def test_a_task_that_is_a_container_itself_runs_as_in_a_local_run(work: ModuleType) -> None:
    assert _run(work.shouts, "ahoy") == "AHOY!"


def test_an_image_without_flyte_core_is_told_as_such(work: ModuleType) -> None:
    with pytest.raises(ContainerFailedError, match="the image needs flyte-core") as caught:
        _run(work.without_flyte)
    assert caught.value.exit_code == 127


def test_a_plugin_that_is_not_in_the_image_is_named_with_how_to_add_it(project: Project) -> None:
    with pytest.raises(BaseRuntimeError, match=r"add it: Image\.with_pip_packages\('flyte-core-sql'\)"):
        _run(project("needs_sql").work)


def test_an_engine_that_does_not_see_the_runs_files_is_told_with_what_to_give(
    work: ModuleType, docker_api: Any
) -> None:
    with use_engine(Engine(docker_api, sees_files=False)), pytest.raises(UnseenFilesError, match="s3://"):
        _run(work.where)


def test_a_folder_of_the_users_keeps_its_mode(work: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o750)
    _run(work.where, run_base_dir=str(folder), raw_data_path=str(folder))
    assert folder.stat().st_mode & 0o777 == 0o750


def test_tasks_that_wait_for_others_do_not_take_their_place(work: ModuleType) -> None:
    from flyte_core.extend import TaskPluginRegistry
    from flyte_core.runtime import RunOptions

    async def main() -> Any:
        executor = DockerExecutor(at_once=1)
        return await executor.wait(
            await executor.submit(work.nests, {"depth": 3}, RunOptions(registry=TaskPluginRegistry))
        )

    import asyncio

    assert asyncio.run(main()) == 3


def test_a_task_of_a_console_goes_as_a_pickle_and_calls_others(host: Callable[..., subprocess.Popen[str]]) -> None:
    script = """
import os
source = '''
from flyte_core import TaskEnvironment, with_runcontext
env = TaskEnvironment("console", image=os.environ["FLYTE_CORE_TEST_IMAGE"])
@env.task
async def double(x: int) -> int:
    return 2 * x
@env.task
async def quadruple(x: int) -> int:
    return await double(await double(x))
print("result", with_runcontext(mode="docker").run(quadruple, 3).outputs())
'''
del globals()["__file__"]
exec(compile(source, "<stdin>", "exec"))
"""
    told, _ = host(script).communicate(timeout=120)
    assert "result 12" in told.splitlines(), told


def test_a_crash_is_told_with_the_last_lines_that_the_task_printed(work: ModuleType) -> None:
    with pytest.raises(ContainerFailedError, match=r"(?s)SIGSEGV.*about to crash"):
        _run(work.crashes)


def test_a_task_beyond_its_memory_is_told_as_such(work: ModuleType) -> None:
    from flyte_core import Resources

    with pytest.raises(ContainerOOMError, match=r"resources\.memory"):
        _run(work.eats_memory.override(resources=Resources(memory="150Mi")))


def test_a_tasks_error_comes_with_the_traceback_of_its_code_as_it_lies_here(work: ModuleType) -> None:
    with pytest.raises(BaseRuntimeError) as caught:
        _run(work.read, File(path="/nowhere"), Dir(path="/nowhere"))
    assert f'File "{work.__file__}", line' in str(caught.value.__cause__)


def test_outputs_that_nobody_awaited_are_not_waited_for(work: ModuleType, docker_api: Any) -> None:
    assert _run(work.leaves_a_child) == "ended"
    assert not docker_api.containers(all=True, filters={"label": ["flyte-core.task=work.waits"]})


def test_a_call_that_the_task_cancels_ends_its_container(work: ModuleType) -> None:
    assert _run(work.gives_up) == "given up"
