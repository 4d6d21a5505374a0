"""One container against an engine that answers as it is told: what is asked, in which order, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from flyte_core_container.errors import ContainerFailedError, ContainerLostError, EngineUnavailableError
from flyte_core_container.local import container as module
from flyte_core_container.local.container import Container, ContainerSpec, Ending, Mount
from flyte_core_container.local.engine import Engine

from flyte_core.errors import ImagePullBackOffError

docker_errors = pytest.importorskip("docker.errors")
requests = pytest.importorskip("requests")


def refusal(status: int, reason: str) -> Exception:
    response = requests.Response()
    response.status_code = status
    return docker_errors.APIError("no", response, reason)


GONE = requests.ConnectionError("connection refused")


class Api:
    """Gives the next of the answers prepared for each method; the last one again and again."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._answers = {
            "containers": [[]],
            "create_container_from_config": [{"Id": "c1"}],
            "put_archive": [True],
            "remove_container": [None],
            "start": [None],
            "stop": [None],
            "wait": [{"StatusCode": 0}],
            **answers,
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, args, kwargs))
            answers = self._answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        method.__name__ = name
        return method

    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked if name != "containers"]

    def configs(self) -> list[dict[str, Any]]:
        return [args[0] for name, args, _ in self.asked if name == "create_container_from_config"]


def spec(**given: Any) -> ContainerSpec:
    return ContainerSpec(
        **{
            "task": "boxed",
            "name": "flyte-core-boxed-1",
            "image": "busybox:1",
            "command": ["true"],
            "config": {"Env": ["A=1"]},
            "host": {},
            "mounts": (),
            **given,
        }
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Mount, ...]:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return (
        Mount(here=tmp_path / "in", there=PurePosixPath("/var/inputs")),
        Mount(here=tmp_path / "out", there=PurePosixPath("/var/outputs"), is_output=True),
    )


def create(api: Api, **given: Any) -> Container:
    return asyncio.run(Container.create(Engine(api), spec(**given)))


def state(status: str, code: int = 0, **more: Any) -> dict[str, Any]:
    return {"State": {"Status": status, "ExitCode": code, **more}}


def test_a_container_is_made_with_one_call_and_its_folders_bound(folders: tuple[Mount, ...]) -> None:
    api = Api()
    create(api, mounts=folders)
    assert api.names() == ["create_container_from_config"]
    (config,) = api.configs()
    assert (config["Image"], config["Cmd"], config["Env"]) == ("busybox:1", ["true"], ["A=1"])
    assert [mount["Target"] for mount in config["HostConfig"]["Mounts"]] == ["/var/inputs", "/var/outputs"]


@pytest.mark.parametrize(
    "reason",
    [
        'invalid mount config for type "bind": bind source path does not exist: /tmp/x',
        "statfs /tmp/x: no such file or directory",
        "Mounts denied: the path /tmp/x is not shared from the host",
    ],
)
def test_folders_that_the_engine_does_not_see_are_copied_now_and_later(folders: tuple[Mount, ...], reason: str) -> None:
    api = Api(create_container_from_config=[refusal(400, reason), {"Id": "c1"}])
    engine = Engine(api)
    asyncio.run(Container.create(engine, spec(mounts=folders)))
    assert api.names() == ["create_container_from_config", "create_container_from_config", "put_archive"]
    assert "Mounts" not in api.configs()[1]["HostConfig"]
    assert not engine.sees_files


def test_a_folder_that_may_not_be_bound_is_copied(folders: tuple[Mount, ...]) -> None:
    api = Api()
    there = folders[1]
    create(api, mounts=(folders[0], Mount(here=there.here, there=there.there, is_output=True, may_bind=False)))
    assert [mount["Target"] for mount in api.configs()[0]["HostConfig"]["Mounts"]] == ["/var/inputs"]
    assert api.names()[-1] == "put_archive"


def test_a_missing_image_is_pulled_and_the_container_made_again() -> None:
    api = Api(
        create_container_from_config=[refusal(404, "No such image"), {"Id": "c1"}],
        pull=[iter([{"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 2}}])],
    )
    create(api, image="registry.example:5000/some/image:v1")
    assert api.names() == ["create_container_from_config", "pull", "create_container_from_config"]
    _, args, kwargs = next(asked for asked in api.asked if asked[0] == "pull")
    assert (args, kwargs["tag"]) == (("registry.example:5000/some/image",), "v1")


def test_an_image_is_pulled_first_or_never_as_the_policy_says() -> None:
    always = Api(pull=[iter([])])
    create(always, pull_policy="always")
    assert always.names() == ["pull", "create_container_from_config"]
    never = Api(create_container_from_config=[refusal(404, "No such image")])
    with pytest.raises(ImagePullBackOffError, match="No such image"):
        create(never, pull_policy="never")
    assert never.names() == ["create_container_from_config"]


def test_an_error_in_the_middle_of_a_pull_is_told() -> None:
    api = Api(
        create_container_from_config=[refusal(404, "No such image")],
        pull=[iter([{"status": "Pulling"}, {"error": "manifest unknown"}])],
    )
    with pytest.raises(ImagePullBackOffError, match="manifest unknown"):
        create(api)


def test_a_pull_has_a_deadline() -> None:
    import threading

    hold = threading.Event()

    def slow() -> Any:
        hold.wait(30)
        yield {}

    api = Api(create_container_from_config=[refusal(404, "No such image")], pull=[slow()])
    try:
        with pytest.raises(ImagePullBackOffError, match=r"pull_timeout, 0\.05 s"):
            create(api, pull_timeout=0.05)
    finally:
        hold.set()


def test_an_engine_with_fewer_processors_gets_no_limit() -> None:
    api = Api(create_container_from_config=[refusal(400, "Range of CPUs is from 0.01 to 2.00"), {"Id": "c1"}])
    create(api, host={"NanoCpus": 64 * 10**9, "Memory": 2**30})
    assert api.configs()[1]["HostConfig"] == {"Memory": 2**30}


def test_any_other_refusal_is_an_error_with_the_engines_words() -> None:
    with pytest.raises(ContainerFailedError, match="invalid user"):
        create(Api(create_container_from_config=[refusal(400, "invalid user")]))


def test_a_container_whose_inputs_do_not_arrive_is_removed(folders: tuple[Mount, ...]) -> None:
    api = Api(put_archive=[GONE])
    with pytest.raises(EngineUnavailableError):
        asyncio.run(Container.create(Engine(api, sees_files=False), spec(mounts=folders)))
    assert api.names()[-1] == "remove_container"


def test_a_good_end_needs_one_answer() -> None:
    api = Api()

    async def main() -> Ending:
        made = await Container.create(Engine(api), spec())
        await made.start()
        return await made.wait()

    assert asyncio.run(main()) == Ending(exit_code=0)
    assert api.names() == ["create_container_from_config", "start", "wait"]


@pytest.mark.parametrize(
    ("answers", "ending"),
    [
        (
            {"wait": [{"StatusCode": 137}], "inspect_container": [state("exited", 137, OOMKilled=True)]},
            Ending(exit_code=137, out_of_memory=True),
        ),
        (
            {"wait": [GONE, {"StatusCode": 0}], "inspect_container": [state("running")]},
            Ending(exit_code=0),
        ),
        (
            {"wait": [GONE], "inspect_container": [GONE, GONE, state("exited", 137, Error="x")]},
            Ending(exit_code=137, reason="x", after_outage=True),
        ),
        (
            {"wait": [GONE, {"StatusCode": 0}], "inspect_container": [GONE, state("running"), state("exited", 0)]},
            Ending(exit_code=0, after_outage=True),
        ),
        (
            {"wait": [refusal(500, "shutting down"), {"StatusCode": 3}], "inspect_container": [state("running")]},
            Ending(exit_code=3),
        ),
    ],
)
def test_waiting_goes_on_through_silence(answers: dict[str, Any], ending: Ending) -> None:
    made = create(Api(**answers))
    assert asyncio.run(made.wait()) == ending


def test_a_container_that_is_not_there_any_more_is_lost() -> None:
    for answers in ({"wait": [refusal(404, "gone")]}, {"wait": [GONE], "inspect_container": [refusal(404, "gone")]}):
        made = create(Api(**answers))
        with pytest.raises(ContainerLostError, match="was removed"):
            asyncio.run(made.wait())


def test_silence_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OUTAGE", 0.0)
    made = create(Api(wait=[GONE], inspect_container=[GONE]))
    with pytest.raises(EngineUnavailableError, match="connection refused"):
        asyncio.run(made.wait())


def test_what_fails_at_the_end_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    made = create(Api(stop=[GONE], kill=[GONE], remove_container=[refusal(500, "busy")]))

    async def main() -> None:
        await made.stop(1)
        made.kill()
        await made.remove()

    asyncio.run(main())
    assert [record.levelname for record in caplog.records if record.name == "flyte_core"] == ["WARNING", "WARNING"]


@pytest.mark.parametrize("status", [304, 404])
def test_what_has_ended_or_gone_already_is_not_worth_a_word(status: int, caplog: pytest.LogCaptureFixture) -> None:
    made = create(Api(stop=[refusal(status, "not there")], remove_container=[refusal(404, "not there")]))

    async def main() -> None:
        await made.stop(1)
        await made.remove()

    asyncio.run(main())
    assert [record for record in caplog.records if record.name == "flyte_core"] == []


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        ('exec: "nosuch": executable file not found in $PATH', 127, "no program 'true'"),
        ('exec: "/x": permission denied', 126, "may not be executed"),
        ('could not select device driver "" with capabilities: [[gpu]]', None, "NVIDIA container toolkit"),
        ("something else", None, "something else"),
    ],
)
def test_a_start_that_is_refused_says_why(reason: str, code: int | None, said: str) -> None:
    made = create(Api(start=[refusal(400, reason)]))
    with pytest.raises(ContainerFailedError, match=said) as caught:
        asyncio.run(made.start())
    assert caught.value.exit_code == code
