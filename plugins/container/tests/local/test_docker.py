"""Container tasks on a real engine: data, resources, users, logs and the ways to fail."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from flyte_core_container import ContainerTask
from flyte_core_container.errors import (
    ContainerFailedError,
    ContainerLostError,
    ContainerOOMError,
    EngineUnavailableError,
    MissingOutputError,
    OutputError,
    PathInTemplateError,
)
from flyte_core_container.local import Engine, use_engine
from flyte_core_container.local.files import staging_root

import flyte_core
from flyte_core.errors import ImagePullBackOffError, TaskTimeoutError
from flyte_core.io import Dir, File
from flyte_core.runtime.actions import TIME_IS_UP
from tests.support.engines import containers_of, log_of


def shell(image: str, script: str, **given: Any) -> ContainerTask:
    return ContainerTask(**{"name": "boxed", "image": image, "command": ["sh", "-c", script], **given})


def run(task: ContainerTask, **inputs: Any) -> Any:
    return asyncio.run(task.execute(**inputs))


@pytest.fixture(params=["bound", "copied"])
def engine(request: pytest.FixtureRequest, docker_api: Any) -> Any:
    """The engine, once as one that sees this machine's files and once as a remote one."""
    with use_engine(Engine(docker_api, sees_files=request.param == "bound")) as engine:
        yield engine


@pytest.fixture(params=["root", "user"])
def either_image(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("image" if request.param == "root" else "image_as_user")


async def begun(api: Any, name: str, work: asyncio.Future[Any]) -> str:
    """Wait until the container of a task that is at work has printed ``begun``; give its id."""
    while True:
        for found in containers_of(api, name):
            if b"begun" in log_of(api, found["Id"]):
                return str(found["Id"])
        if work.done():
            raise AssertionError("it has ended before it began") from work.exception()
        await asyncio.sleep(0.05)


ECHO = """
set -e
cd /var/inputs
cp number share word flag when span /var/outputs
cat file > /var/outputs/file
cp -r tree /var/outputs/tree
"""


def test_inputs_of_every_kind_come_back_from_root_and_other_users_bound_or_copied(
    engine: Any, either_image: str, tmp_path: Path
) -> None:
    types = {
        "number": int,
        "share": float,
        "word": str,
        "flag": bool,
        "when": dt.datetime,
        "span": dt.timedelta,
        "file": File,
        "tree": Dir,
    }
    file, tree = tmp_path / "some.csv", tmp_path / "some-tree"
    file.write_bytes(b"a,b\r\n\x00\xff")
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "x").write_text("x")
    given = {
        "number": -42,
        "share": 1e21,
        "word": " two\nlines é\n",
        "flag": False,
        "when": dt.datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc),
        "span": dt.timedelta(days=1, microseconds=1),
        "file": File(path=str(file)),
        "tree": Dir(path=str(tree)),
    }
    got = run(shell(either_image, ECHO, inputs=types, outputs=types), **given)
    *plain, file_back, tree_back = got
    assert plain == [value if name != "word" else " two\nlines é" for name, value in given.items()][:-2]
    assert Path(file_back.path).read_bytes() == file.read_bytes()
    assert (Path(tree_back.path) / "deep" / "x").read_text() == "x"
    assert list(staging_root().iterdir()) == []


def test_inputs_in_the_command_and_the_metadata_file_agree(image: str) -> None:
    task = shell(
        image,
        "cd /var/outputs; cat /var/inputs/inputs.json > meta; printf %s '{{.inputs.n}} {{.inputs.flag}}' > said",
        inputs={"n": int, "flag": bool},
        outputs={"meta": str, "said": str},
    )
    assert run(task, n=3, flag=True) == ('{"flag":true,"n":3}', "3 true")


def test_an_input_passes_no_shell(image: str) -> None:
    task = ContainerTask(
        name="quiet",
        image=image,
        command=["sh", "-c", 'printf %s "$1" > /var/outputs/said', "sh", "{{.inputs.word}}"],
        inputs={"word": str},
        outputs={"said": str},
    )
    assert run(task, word="$(id); `x` 'y' \"z\"") == ("$(id); `x` 'y' \"z\"",)


def test_folders_and_format_are_the_tasks_own(image: str) -> None:
    task = shell(
        image,
        "cat /data/in/inputs.yaml > /data/out/meta",
        inputs={"number": int},
        outputs={"meta": str},
        input_data_dir="/data/in",
        output_data_dir="/data/out",
        metadata_format="YAML",
    )
    assert run(task, number=3) == ("number: 3",)


def test_environment_user_and_working_folder_are_the_tasks(image: str) -> None:
    task = shell(
        image,
        "echo $A-$(id -u):$(id -g)-$(pwd) > /var/outputs/said",
        outputs={"said": str},
        env_vars={"A": "x y"},
        user="1000:2000",
        working_dir="/tmp/made",
    )
    assert run(task) == ("x y-1000:2000-/tmp/made",)


def test_resources_become_limits(docker_api: Any, image: str) -> None:
    seen: dict[str, Any] = {}

    class Spy:
        def __getattr__(self, name: str) -> Any:
            return getattr(docker_api, name)

        def start(self, container: str) -> None:
            seen.update(docker_api.inspect_container(container)["HostConfig"])
            docker_api.start(container)

    resources = flyte_core.Resources(cpu=(0.5, 1), memory="32Mi", shm="8Mi")
    with use_engine(Engine(Spy())):
        run(shell(image, "true", resources=resources))
    assert (seen["NanoCpus"], seen["Memory"], seen["ShmSize"]) == (10**9, 32 * 2**20, 8 * 2**20)


def test_more_processors_than_there_are_is_no_limit(image: str) -> None:
    task = shell(image, "echo 1 > /var/outputs/x", outputs={"x": int}, resources=flyte_core.Resources(cpu=4096))
    assert run(task) == (1,)


def test_a_gpu_that_is_not_there_is_an_error_that_says_so(image: str) -> None:
    with pytest.raises(ContainerFailedError, match="NVIDIA container toolkit"):
        run(shell(image, "true", resources=flyte_core.Resources(gpu=1)))


def test_the_log_is_printed_line_by_line_with_the_tasks_name(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(shell(image, "echo one; echo two >&2; printf three", name="told"))
    assert sorted(capsys.readouterr().out.splitlines()) == ["[told] one", "[told] three", "[told] two"]


def test_the_log_is_printed_while_the_container_runs(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> str:
        task = shell(image, "echo early; exec sleep 60", stop_grace=0)
        work = asyncio.ensure_future(task.execute())
        said = ""
        while not said and not work.done():
            await asyncio.sleep(0.05)
            said += capsys.readouterr().out
        work.cancel()
        await asyncio.wait({work})
        return said

    assert asyncio.run(main()) == "[boxed] early\n"


def test_without_local_logs_nothing_is_printed_and_errors_still_show_the_log(
    image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ContainerFailedError, match=r"(?s)exit code 3.*last lines.*    why\n    because"):
        run(shell(image, "echo why; echo because; exit 3", local_logs=False))
    assert capsys.readouterr().out == ""


def test_a_line_of_a_megabyte_and_binary_garbage_are_shown_and_cut_in_errors(
    image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "head -c 1000000 /dev/zero | tr '\\0' x; echo; printf '\\377\\000\\n'; exit 1"
    with pytest.raises(ContainerFailedError) as caught:
        run(shell(image, script))
    printed = capsys.readouterr().out
    assert len(printed) > 1_000_000
    assert printed.count("\n") == 2
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("exit 3", 3, "exit code 3"),
        ("nosuchprogram", 127, "command was not found"),
        ("echo x > /f; /f", 126, "may not be executed"),
        ("sleep 9 & kill -9 $!; wait $!", 137, "SIGKILL"),
        ("exit 255", 255, "printed nothing"),
    ],
)
def test_an_exit_code_is_an_error_that_says_what_it_means(image: str, script: str, code: int, said: str) -> None:
    with pytest.raises(ContainerFailedError, match=said) as caught:
        run(shell(image, script))
    assert caught.value.exit_code == code


def test_a_failed_container_fails_its_run_with_the_same_error(image: str) -> None:
    with pytest.raises(ContainerFailedError, match="exit code 3"):
        flyte_core.run(shell(image, "exit 3"))


def test_an_attempt_is_a_container_of_its_own(image: str, tmp_path: Path) -> None:
    marker = File(path=str(tmp_path / "marker"))
    Path(marker.path).write_text("")
    task = shell(image, "exit 1", name="thrice", retries=2)
    from flyte_core.runtime import with_runcontext

    told: list[str] = []
    with pytest.raises(ContainerFailedError):
        with_runcontext(on_event=lambda event: told.append(event.kind)).run(task)
    assert told.count("retrying") == 2


def test_too_much_memory_is_an_error_of_its_own(image: str) -> None:
    with pytest.raises(ContainerOOMError, match=r"(?s)OOM.*16,777,216 bytes.*resources\.memory.*    begun"):
        run(shell(image, "echo begun; tail /dev/zero", resources=flyte_core.Resources(memory="16Mi")))


def test_a_program_that_is_not_there_is_an_error_naming_it(image: str) -> None:
    with pytest.raises(ContainerFailedError, match="no program 'nosuch'"):
        run(ContainerTask(name="none", image=image, command=["nosuch"]))


def test_an_image_that_cannot_be_had_is_an_error_that_says_what_to_do(docker_api: Any) -> None:
    task = ContainerTask(name="none", image="localhost:1/nosuch:1", command=["true"])
    with pytest.raises(ImagePullBackOffError, match=r"localhost:1/nosuch:1.*docker login"):
        run(task)
    with pytest.raises(ImagePullBackOffError, match="No such image"):
        run(task.override(pull_policy="never"))
    with pytest.raises(ImagePullBackOffError):
        run(ContainerTask(name="none", image="localhost:1/busybox:1", command=["true"], pull_policy="always"))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_engine_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnavailableError, match=r"none\.sock.*DOCKER_HOST"):
        run(ContainerTask(name="none", image="busybox:1", command=["true"]))
    # The package docker leaves the socket that it could not connect to the collector.
    gc.collect()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("garbage", r"such as unix:///var/run/docker\.sock, tcp://HOST:2375"),
        ("tcp://127.0.0.1:abc", "DOCKER_HOST has to be"),
        ("foo://x", "DOCKER_HOST has to be"),
        ("tcp://127.0.0.1:1", "start Docker"),
    ],
)
def test_an_address_without_an_engine_is_told_what_helps(
    monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineUnavailableError, match=said):
        run(ContainerTask(name="none", image="busybox:1", command=["true"]))
    gc.collect()


def test_ssh_without_its_package_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = pytest.importorskip("docker")

    def refuse(**given: object) -> None:
        raise docker.errors.DockerException("Install paramiko package to enable ssh:// support")

    monkeypatch.setattr(docker, "from_env", refuse)
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@elsewhere")
    with pytest.raises(EngineUnavailableError, match=r"pip install 'docker\[ssh\]'"):
        run(ContainerTask(name="none", image="busybox:1", command=["true"]))


@pytest.mark.parametrize("kind", [int, lambda seconds: dt.timedelta(seconds=seconds)], ids=["int", "timedelta"])
def test_a_timeout_stops_the_container_and_shows_its_log(docker_api: Any, image: str, kind: Any) -> None:
    began = time.monotonic()
    # How long a container takes to begin is the machine's affair; until it has, there is no log to show.
    for seconds in (1, 4, 16, 64):
        task = shell(image, "echo begun; exec sleep 600", name="slow", timeout=kind(seconds), stop_grace=0)
        with pytest.raises(TaskTimeoutError, match=r"(?s)timeout of ") as caught:
            flyte_core.run(task)
        assert containers_of(docker_api, "slow") == []
        if "    begun" in str(caught.value):
            break
    assert "    begun" in str(caught.value)
    assert time.monotonic() - began < 300


def test_a_container_that_ignores_sigterm_is_killed_after_its_grace(
    docker_api: Any, image: str, caplog: pytest.LogCaptureFixture
) -> None:
    task = shell(image, "trap '' TERM; echo begun; while :; do sleep 1; done", name="deaf", timeout=1, stop_grace=2)
    with pytest.raises(TaskTimeoutError):
        run(task)
    assert containers_of(docker_api, "deaf") == []
    assert "does not end on SIGTERM" in caplog.text


def test_a_container_may_use_its_grace_to_end_well(docker_api: Any, image: str) -> None:
    script = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.1; done"

    async def main() -> None:
        work = asyncio.ensure_future(shell(image, script, name="tidy", timeout=600, stop_grace=300).execute())
        await begun(docker_api, "tidy", work)
        # As the runner does when the time is up, which must not be before the container listens to SIGTERM.
        work.cancel(TIME_IS_UP)
        await work

    with pytest.raises(TaskTimeoutError, match="tidied"):
        asyncio.run(main())


def test_cancelling_stops_and_removes_the_container(docker_api: Any, image: str) -> None:
    async def main() -> None:
        work = asyncio.ensure_future(shell(image, "echo begun; exec sleep 60", name="cut", stop_grace=0).execute())
        await begun(docker_api, "cut", work)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(main())
    assert containers_of(docker_api, "cut") == []
    assert list(staging_root().iterdir()) == []


def test_cancelling_twice_does_not_wait_for_the_grace(docker_api: Any, image: str) -> None:
    async def main() -> float:
        task = shell(image, "echo begun; exec sleep 600", name="cut-twice", stop_grace=300)
        work = asyncio.ensure_future(task.execute())
        await begun(docker_api, "cut-twice", work)
        began = time.monotonic()
        work.cancel()
        await asyncio.sleep(0.5)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return time.monotonic() - began

    assert asyncio.run(main()) < 60
    assert containers_of(docker_api, "cut-twice") == []


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.05, 0.1, 0.2, 0.4])
def test_cancelling_at_any_moment_leaves_nothing(docker_api: Any, image: str, moment: float) -> None:
    name = f"cut-at-{moment}"

    async def main() -> None:
        work = asyncio.ensure_future(
            shell(image, "exec sleep 60", name=name, stop_grace=0, inputs={"x": int}, outputs={"y": int}).execute(x=1)
        )
        await asyncio.sleep(moment)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(main())
    assert containers_of(docker_api, name) == []


def test_a_misspelt_output_is_named_as_the_container_knows_it(engine: Any, image: str) -> None:
    with pytest.raises(MissingOutputError) as failed:
        run(shell(image, "cd /var/outputs; echo 1 > totl; echo 2 > other", outputs={"total": int}))
    assert (
        "reading the outputs failed: variable [total], file /var/outputs/total: file not found at path, nor with an "
        "extension (did you mean totl?); /var/outputs holds other, totl; the container printed nothing"
    ) in str(failed.value)


def test_a_missing_output_is_an_error_with_the_log(image: str) -> None:
    with pytest.raises(MissingOutputError, match=r"(?s)exit code 0.*y.*    forgot"):
        run(shell(image, "echo forgot", outputs={"y": int}))


@pytest.mark.parametrize("outputs", [{}, {"y": int}])
@pytest.mark.parametrize("code", [0, 4])
def test_a_report_is_part_of_the_failure_whatever_is_declared(
    engine: Any, either_image: str, outputs: dict[str, type], code: int
) -> None:
    task = shell(either_image, f"ls /var/inputs; echo why > /var/outputs/_ERROR; exit {code}", outputs=outputs)
    with pytest.raises(ContainerFailedError, match="reported in the file _ERROR: User Error: why;") as failed:
        run(task)
    assert failed.value.exit_code == code
    assert (f"exit code {code}," in str(failed.value)) == (code != 0)


def test_a_report_that_cannot_be_read_does_not_hide_the_failure(
    engine: Any, image: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ContainerFailedError, match="exit code 4;"):
        run(shell(image, "mkdir /var/outputs/_ERROR; exit 4"))
    assert "_ERROR of its container cannot be read" in caplog.text


def test_a_failure_that_the_container_reports_itself_is_the_tasks(engine: Any, image: str) -> None:
    script = "echo 1 > /var/outputs/y; printf 'boom\\n' > /var/outputs/_ERROR"
    with pytest.raises(ContainerFailedError, match="User Error: boom;"):
        run(shell(image, script, outputs={"y": int}))


@pytest.mark.parametrize(
    ("script", "python_type"),
    [
        ("printf abc > /var/outputs/y", int),
        ("printf '1_000' > /var/outputs/y", int),
        ("printf yes > /var/outputs/y", bool),
        ("printf '\\377\\376' > /var/outputs/y", str),
        ("mkdir /var/outputs/y", int),
        ("ln -s /etc/hostname /var/outputs/y", str),
        ("ln -s /etc/hostname /var/outputs/y", File),
        ("ln -s /etc /var/outputs/y", Dir),
    ],
)
def test_an_output_that_is_not_of_its_type_is_an_error(engine: Any, image: str, script: str, python_type: type) -> None:
    with pytest.raises(OutputError, match="y"):
        run(shell(image, script, outputs={"y": python_type}))


def test_texts_come_back_whole(engine: Any, image: str) -> None:
    script = "printf 'a\\r\\nb\\r\\n' > /var/outputs/lines; head -c 1048576 /dev/zero | tr '\\0' x > /var/outputs/long"
    lines, long = run(shell(image, script, outputs={"lines": str, "long": str}))
    assert lines == "a\r\nb\r"
    assert long == "x" * 2**20


def test_the_references_texts_are_taken_with_a_warning(image: str) -> None:
    script = "cd /var/outputs; echo 2024-02-03T04:05:06 > when; echo '1 day, 2:03:04' > span"
    with pytest.warns(UserWarning, match="refused on a cluster"):
        got = run(shell(image, script, outputs={"when": dt.datetime, "span": dt.timedelta}))
    assert got == (dt.datetime(2024, 2, 3, 4, 5, 6), dt.timedelta(days=1, hours=2, minutes=3, seconds=4))


def test_a_datetime_keeps_the_offset_of_its_text(image: str) -> None:
    task = shell(image, "echo 2024-02-03T04:05:06+02:00 > /var/outputs/when", outputs={"when": dt.datetime})
    (when,) = run(task)
    assert when.isoformat() == "2024-02-03T04:05:06+02:00"
    assert flyte_core.run(task).outputs().isoformat() == "2024-02-03T02:05:06+00:00"


@pytest.mark.filterwarnings("ignore:.*refused on a cluster")
def test_in_a_run_a_datetime_without_offset_is_utc(image: str) -> None:
    task = shell(image, "echo 2024-02-03T04:05:06 > /var/outputs/when", outputs={"when": dt.datetime})
    assert flyte_core.run(task).outputs() == dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)


def test_a_file_of_this_machine_does_not_stand_in_the_command(image: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    task = shell(image, "cat {{.inputs.f}}", inputs={"f": File})
    with pytest.raises(PathInTemplateError, match="/var/inputs/f"):
        run(task, f=File(path=str(tmp_path / "f")))
    with pytest.raises(PathInTemplateError) as failed:
        flyte_core.run(task, f=File(path=str(tmp_path / "f")))
    assert str(failed.value).count("task 'boxed'") == 1


def test_other_tokens_mean_the_containers_own_folders(image: str) -> None:
    script = "cp {{.inputPrefix}}/x {{.outputPrefix}}/y; test -f {{.input}}"
    assert run(shell(image, script, inputs={"x": int}, outputs={"y": int}), x=3) == (3,)


def test_a_removed_container_is_an_error_that_says_so(docker_api: Any, image: str) -> None:
    async def main() -> None:
        work = asyncio.ensure_future(shell(image, "echo begun; exec sleep 60", name="robbed").execute())
        docker_api.remove_container(await begun(docker_api, "robbed", work), force=True)
        await work

    with pytest.raises((ContainerLostError, ContainerFailedError), match=r"removed|exit code 137"):
        asyncio.run(main())


def test_a_container_killed_from_outside_is_an_error_with_its_code(docker_api: Any, image: str) -> None:
    async def main() -> None:
        work = asyncio.ensure_future(shell(image, "echo begun; exec sleep 60", name="killed").execute())
        docker_api.kill(await begun(docker_api, "killed", work))
        await work

    with pytest.raises(ContainerFailedError, match=r"(?s)exit code 137 \(signal SIGKILL\).*begun"):
        asyncio.run(main())


def test_many_containers_run_beside_each_other(image: str) -> None:
    task = shell(
        image, "sleep 1; echo {{.inputs.n}} > /var/outputs/n", inputs={"n": int}, outputs={"n": int}, local_logs=False
    )

    async def main() -> list[Any]:
        return await asyncio.gather(*(task.execute(n=n) for n in range(12)))

    assert asyncio.run(main()) == [(n,) for n in range(12)]


def test_a_container_carries_its_run_and_its_owner(docker_api: Any, image: str) -> None:
    seen: dict[str, str] = {}

    class Spy:
        def __getattr__(self, name: str) -> Any:
            return getattr(docker_api, name)

        def start(self, container: str) -> None:
            seen.update(docker_api.inspect_container(container)["Config"]["Labels"])
            docker_api.start(container)

    from flyte_core.runtime import with_runcontext

    with use_engine(Engine(Spy())):
        with_runcontext(name="r1").run(shell(image, "true", name="flows.labelled"))
    assert seen["flyte-core.owner.pid"] == str(os.getpid())
    assert re.fullmatch(r"[0-9a-f-]+:\d+", seen["flyte-core.owner.start"])
    assert (seen["flyte-core.task"], seen["flyte-core.run"], seen["flyte-core.action"]) == (
        "flows.labelled",
        "r1",
        "a0",
    )


def test_a_file_with_a_close_umask_can_be_read_by_other_users(image_as_user: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("told")
    file.chmod(0o600)
    before = os.umask(0o077)
    try:
        task = shell(
            image_as_user, "cat /var/inputs/f > /var/outputs/t", inputs={"f": File, "x": int}, outputs={"t": str}
        )
        assert run(task, f=File(path=str(file)), x=1) == ("told",)
    finally:
        os.umask(before)
