"""What the engine does with an image, with a builder that keeps images in a dict."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flyte_core
from flyte_core import Image, TaskEnvironment
from flyte_core.errors import ImageBuildError, InvalidTypeError, InvalidValueError, PluginLoadError, PluginNotFoundError
from flyte_core.extend import ImageBuildEngine
from flyte_core.images import BuildResult, ImageSettings, build_image
from flyte_core.registry import TaskPluginRegistry
from tests.support.dists import Site

DIGEST = f"sha256:{'a' * 64}"


def image(name: str = "app", package: str = "httpx") -> Image:
    return Image.from_base("python:3.12").clone(registry="registry.example.com", name=name).with_pip_packages(package)


def result_of(image: Image, **options: Any) -> BuildResult:
    return asyncio.run(build_image(image, **options))


def test_an_image_that_is_absent_is_built_and_then_exists(recorder: Any) -> None:
    first, second = result_of(image()), result_of(image())

    assert (first.built, first.reason, first.digest) == (True, "absent", DIGEST)
    assert (second.built, second.reason, second.digest) == (False, "exists", DIGEST)
    assert first.pinned == second.pinned == f"{image().uri}@{DIGEST}"
    assert recorder.built == [image().uri]
    assert recorder.asked[0] == ("registry.example.com/app", image().uri.rpartition(":")[2], ("linux/amd64",))


def test_the_engine_gives_the_uri_as_the_image_does(recorder: Any) -> None:
    assert asyncio.run(ImageBuildEngine.build(image())) == image().uri
    assert flyte_core.build(image()) == image().uri


def test_an_image_can_be_looked_for_without_building_it(recorder: Any) -> None:
    assert asyncio.run(ImageBuildEngine.image_exists(Image.from_base("python:3.12"))) == "python:3.12"
    assert asyncio.run(ImageBuildEngine.image_exists(image())) is None
    result_of(image())
    assert asyncio.run(ImageBuildEngine.image_exists(image())) == f"{image().uri}@{DIGEST}"
    recorder.unsure = ConnectionError("down")
    with pytest.raises(ImageBuildError, match="nobody can say whether it exists: Checker: down"):
        asyncio.run(ImageBuildEngine.image_exists(image()))


def test_what_is_no_image_is_refused(recorder: Any) -> None:
    with pytest.raises(InvalidTypeError, match="image = 'python:3.12' is not allowed; expected an Image"):
        flyte_core.build("python:3.12")  # type: ignore[arg-type] # what a user may write


@pytest.mark.parametrize("parts", [{"registry": "https://registry.example.com"}, {"name": "Two Words"}])
def test_a_name_that_no_registry_knows_is_refused_before_anything_is_asked(recorder: Any, parts: Any) -> None:
    for dry_run in (False, True):
        with pytest.raises(InvalidValueError):
            result_of(image().clone(**parts), dry_run=dry_run)
    assert recorder.asked == recorder.requests == []


@pytest.mark.parametrize("given", [Image.from_base("python:3.12"), Image.from_base("registry.example.com/a/b:1")])
def test_an_image_that_is_given_by_its_name_needs_no_builder(only_ours: None, given: Image) -> None:
    TaskPluginRegistry.refresh()

    result = result_of(given)

    assert (result.uri, result.built, result.reason) == (given.uri, False, "given by its name")


def test_force_builds_what_exists_without_asking(recorder: Any) -> None:
    result_of(image())
    recorder.asked.clear()

    result = result_of(image(), force=True)

    assert (result.built, result.reason, recorder.asked) == (True, "forced", [])
    assert len(recorder.built) == 2


def test_a_dry_run_says_what_would_be_built_and_asks_nobody(recorder: Any) -> None:
    said: list[str] = []

    result = result_of(image(), dry_run=True, say=said.append)

    assert (result.built, result.reason, said) == (False, "dry run", ["FROM python:3.12"])
    assert recorder.asked == recorder.built == []


def test_the_builder_is_told_where_the_image_goes(recorder: Any) -> None:
    settings = ImageSettings(index_url="https://pypi.example.com/simple")
    local = Image.from_base("python:3.12").clone(name="app").with_pip_packages("x")
    lines: list[str] = []

    result_of(image(), settings=settings, progress=lines.append)
    result_of(image("other"), push=False)
    result_of(local)

    assert [request.push for request in recorder.requests] == [True, False, False]
    assert recorder.requests[0].settings == settings
    assert lines == ["step 1"]


def test_an_image_without_a_registry_cannot_be_pushed(recorder: Any) -> None:
    with pytest.raises(ImageBuildError, match=r"app:\w+ has no registry .* clone\(registry="):
        result_of(Image.from_base("python:3.12").clone(name="app"), push=True)


def test_the_size_is_told_where_it_is_asked_for(recorder: Any, install: Callable[..., Any]) -> None:
    install("bare", "Bare")

    assert result_of(image(), builder="recorder").size is None
    assert result_of(image(), builder="recorder", measured=True).size == 5_000_000
    assert result_of(image(), builder="bare", measured=True).size is None


def test_sources_are_checked_before_the_build(recorder: Any, tmp_path: Path) -> None:
    class Refusing(type(image().layers[0])):  # type: ignore[misc] # a layer of a third party
        def validate(self) -> None:
            raise ValueError("the file is not there")

    with pytest.raises(ValueError, match="the file is not there"):
        result_of(image().clone(addl_layer=Refusing(packages=("x",))))
    assert recorder.built == []


class TestWhenNobodyKnows:
    """A registry that does not answer is neither a yes nor a no."""

    @pytest.fixture(autouse=True)
    def _unsure(self, recorder: Any) -> None:
        recorder.unsure = ConnectionError("https://robot:hunter2@registry.example.com is down")

    def test_it_is_built_with_a_warning(self, recorder: Any, caplog: pytest.LogCaptureFixture) -> None:
        result = result_of(image())

        assert result.built
        assert result.reason == "unknown: Checker: https://***@registry.example.com is down"
        [record] = caplog.records
        assert record.levelname == "WARNING"
        assert "nobody can say whether it exists: Checker: " in record.getMessage()
        assert "hunter2" not in caplog.text

    @pytest.mark.parametrize("value", ["true", "1", "yes"])
    def test_it_is_an_error_in_ci(self, recorder: Any, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("CI", value)

        with pytest.raises(ImageBuildError, match=r"is down.* CI builds only what is known to be absent.*--force"):
            result_of(image())
        assert recorder.built == []

    def test_the_next_checker_is_asked(self, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        class Sure:
            @classmethod
            async def image_exists(cls, repository: str, tag: str, arch: object = ()) -> str:
                return f"{repository}:{tag}@{DIGEST}"

        monkeypatch.setattr(recorder.Builder, "get_checkers", lambda self: [recorder.Checker, Sure])

        assert result_of(image()).reason == "exists"

    def test_the_digest_of_what_was_pushed_stays_unknown(self, recorder: Any, caplog: pytest.LogCaptureFixture) -> None:
        recorder.gives = lambda image: image.uri

        result = result_of(image())

        assert (result.built, result.digest) == (True, None)
        assert "its digest is not known" in caplog.text


def test_the_digest_is_asked_of_the_registry_when_the_builder_does_not_tell(recorder: Any) -> None:
    async def build(self: Any, image: Image, dry_run: bool) -> str:
        recorder.images[image.uri] = f"{image.uri}@{DIGEST}"
        return image.uri

    recorder.Builder.build_image = build

    assert result_of(image()).digest == DIGEST


def test_what_a_builder_pushed_and_nobody_has_is_an_error(recorder: Any) -> None:
    async def build(self: Any, image: Image, dry_run: bool) -> str:
        return image.uri

    recorder.Builder.build_image = build

    with pytest.raises(ImageBuildError, match="was built, but it is not in its registry"):
        result_of(image())


class TestBuilders:
    """Which builder is asked."""

    def test_the_only_one_needs_no_name(self, recorder: Any) -> None:
        assert result_of(image()).builder == "recorder"

    def test_several_have_to_be_chosen_from(self, install: Callable[..., Any]) -> None:
        install("one")
        install("two")

        with pytest.raises(PluginNotFoundError, match=r"several image builders are installed: one, two; choose one"):
            result_of(image())

    @pytest.mark.parametrize("way", ["argument", "init", "environment", "settings"])
    def test_it_can_be_named(self, install: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        install("one")
        install("two")
        options: dict[str, Any] = {}
        if way == "argument":
            options["builder"] = "two"
        elif way == "environment":
            monkeypatch.setenv("FLYTE_CORE_IMAGE_BUILDER", "two")
        elif way == "settings":
            options["settings"] = ImageSettings(builder="two")
        else:
            flyte_core.init(image_builder="two")
        try:
            assert result_of(image(), **options).builder == "two"
        finally:
            flyte_core.init()

    def test_none_is_an_error_that_says_what_to_install(self, only_ours: None) -> None:
        TaskPluginRegistry.refresh()

        with pytest.raises(PluginNotFoundError, match=r"no image builder .* pip install flyte-core-image-docker"):
            result_of(image())

    def test_an_unknown_one_is_an_error_that_names_what_is_there(self, recorder: Any) -> None:
        with pytest.raises(PluginNotFoundError, match="recorder"):
            result_of(image(), builder="recordr")

    def test_what_cannot_be_called_is_no_builder(self, install: Callable[..., Any]) -> None:
        install("wrong", "images")

        with pytest.raises(PluginLoadError, match=r"'wrong' is a dict without build_image and get_checkers"):
            result_of(image())

    def test_what_is_no_builder_is_refused(self, install: Callable[..., Any]) -> None:
        install("wrong", "NoBuilder")

        with pytest.raises(PluginLoadError, match=r"'wrong' is a NoBuilder without build_image and get_checkers"):
            result_of(image())


def held(recorder: Any) -> tuple[asyncio.Event, asyncio.Event]:
    """Have each build wait; gives what says that one has begun, and what lets it go on."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go_on.wait()

    recorder.slow = slow
    return begun, go_on


class TestAtOnce:
    """Builds of one image at the same time."""

    def test_one_image_is_built_once(self, recorder: Any) -> None:
        async def main() -> list[BuildResult]:
            return await asyncio.gather(*(build_image(image()) for _ in range(20)))

        results = asyncio.run(main())

        assert len(recorder.built) == 1
        assert {result.digest for result in results} == {DIGEST}

    def test_one_image_is_built_once_in_several_threads(self, recorder: Any) -> None:
        from concurrent.futures import ThreadPoolExecutor

        async def slow() -> None:
            await asyncio.sleep(0.05)

        recorder.slow = slow
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: result_of(image()), range(8)))

        assert len(recorder.built) == 1
        assert {result.digest for result in results} == {DIGEST}

    def test_an_error_reaches_everybody_who_waits(self, recorder: Any) -> None:
        async def fail() -> None:
            await asyncio.sleep(0)
            raise ImageBuildError("the disk is full")

        recorder.slow = fail

        async def main() -> list[Any]:
            return await asyncio.gather(*(build_image(image()) for _ in range(3)), return_exceptions=True)

        assert [str(error) for error in asyncio.run(main())] == ["the disk is full"] * 3
        assert len(recorder.built) == 1

    def test_who_waits_builds_when_the_first_is_cancelled(self, recorder: Any) -> None:
        async def main() -> BuildResult:
            begun, go_on = held(recorder)
            first = asyncio.create_task(build_image(image()))
            await begun.wait()
            second = asyncio.create_task(build_image(image()))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            go_on.set()
            return await second

        assert asyncio.run(main()).built
        assert len(recorder.built) == 2

    def test_a_waiter_that_is_cancelled_leaves_the_build_alone(self, recorder: Any) -> None:
        async def main() -> BuildResult:
            begun, go_on = held(recorder)
            first = asyncio.create_task(build_image(image()))
            await begun.wait()
            second = asyncio.create_task(build_image(image()))
            while second._fut_waiter is None:  # type: ignore[attr-defined] # until it waits for the first
                await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            go_on.set()
            return await first

        assert asyncio.run(main()).built
        assert len(recorder.built) == 1

    def test_processes_build_one_image_once(self, recorder: Any, site: Site, tmp_path: Path) -> None:
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=_build_in_process, args=(tmp_path,)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)

        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert (tmp_path / "built").read_text() == "built\n"


def _build_in_process(folder: Path) -> None:
    """Build with a registry that is a file, and with a log of what was built."""
    import throwaway_builder_recorder as recorder  # type: ignore[import-not-found] # made by the test

    there, log = folder / "image", folder / "built"

    class Checker:
        @classmethod
        async def image_exists(cls, repository: str, tag: str, arch: object = ()) -> str | None:
            return there.read_text() if there.exists() else None

    async def build(self: Any, image: Image, dry_run: bool) -> str:
        with log.open("a") as file:
            file.write("built\n")
        await asyncio.sleep(0.2)
        there.write_text(f"{image.uri}@{DIGEST}")
        return there.read_text()

    recorder.Builder.get_checkers = lambda self: [Checker]
    recorder.Builder.build_image = build
    assert result_of(image()).digest == DIGEST


WRAPPER = """
import flyte_core

seen = []


@flyte_core.hookimpl(wrapper=True)
def build_image(image, builder):
    call = yield

    async def watched():
        seen.append(("begin", image.name, builder))
        try:
            uri = await call
        except Exception as error:
            seen.append(("error", type(error).__name__))
            raise
        seen.append(("end", uri))
        return uri

    return watched()
"""


def test_a_wrapper_sees_what_is_built_what_exists_and_what_fails(recorder: Any, site: Site) -> None:
    import importlib

    module = site.plugin("flyte_core.hooks", "watch", WRAPPER)
    TaskPluginRegistry.refresh()

    result_of(image())
    result_of(image())
    recorder.images.clear()

    async def fail() -> None:
        raise ImageBuildError("no room")

    recorder.slow = fail
    with pytest.raises(ImageBuildError, match="no room"):
        result_of(image())

    begin, end = ("begin", "app", "recorder"), ("end", f"{image().uri}@{DIGEST}")
    assert importlib.import_module(module).seen == [begin, end, begin, end, begin, ("error", "ImageBuildError")]


def test_a_wrapper_can_answer_in_the_place_of_the_builder(recorder: Any, site: Site) -> None:
    source = """
    import flyte_core

    @flyte_core.hookimpl(wrapper=True)
    def build_image(image, builder):
        yield

        async def answered():
            return "registry.example.com/approved:1"

        return answered()
    """
    site.plugin("flyte_core.hooks", "policy", source)
    TaskPluginRegistry.refresh()

    result = result_of(image())

    assert (result.uri, result.built, result.reason) == (
        "registry.example.com/approved:1",
        False,
        "a plugin's hook answered",
    )
    assert recorder.asked == recorder.built == []


class TestEnvironments:
    """Images of environments, for the serializer."""

    def test_each_environment_has_its_image_with_its_digest(self, recorder: Any) -> None:
        other = TaskEnvironment("other", image=image("other"))
        env = TaskEnvironment("main", image=image(), depends_on=[other, TaskEnvironment("given", image="python:3.12")])
        other.add_dependency(env)

        cache = flyte_core.build_images(env)

        assert cache.image_lookup == {
            "given": "python:3.12",
            "main": f"{image().uri}@{DIGEST}",
            "other": f"{image('other').uri}@{DIGEST}",
        }

    def test_environments_with_one_image_have_it_built_once(self, recorder: Any) -> None:
        env = TaskEnvironment("main", image=image(), depends_on=[TaskEnvironment("other", image=image())])

        flyte_core.build_images(env)

        assert len(recorder.built) == len(recorder.asked) == 1

    def test_an_image_with_flyte_core_gets_what_its_tasks_need(
        self, recorder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from flyte_core.images import installed

        async def completed(image: Image, distributions: list[str]) -> Image:
            return image.clone(name="-".join(distributions)) if "flyte-core-python" in distributions else image

        # What it does is tested where it is; it would build wheels here.
        monkeypatch.setattr(installed, "with_installed", completed)
        env = TaskEnvironment("main", image=image(), depends_on=[TaskEnvironment("empty", image=image("empty"))])

        @env.task
        async def work() -> None: ...

        found = flyte_core.build_images(env).image_lookup

        assert found["main"].startswith("registry.example.com/flyte-core-flyte-core-python:")
        assert found["empty"].startswith("registry.example.com/empty:")

    def test_what_fails_does_not_keep_the_rest_from_being_built(self, recorder: Any) -> None:
        good, bad = recorder.Builder.build_image, {"bad1", "bad2"}

        async def build(self: Any, image: Image, dry_run: bool) -> str:
            if image.name in bad:
                raise ImageBuildError(f"{image.name} does not build")
            uri: str = await good(self, image, dry_run)
            return uri

        recorder.Builder.build_image = build
        env = TaskEnvironment(
            "main",
            image=image("bad1"),
            depends_on=[TaskEnvironment("b", image=image("bad2")), TaskEnvironment("c", image=image())],
        )

        with pytest.raises(ImageBuildError, match=r"2 images could not be built:\n- bad1 does.*\n- bad2 does"):
            flyte_core.build_images(env)
        assert recorder.built == [image().uri]

    @pytest.mark.parametrize("way", ["init", "settings"])
    def test_a_name_stands_for_what_the_settings_say(
        self, recorder: Any, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refs = {"gpu": "registry.example.com/gpu:1", "default": "registry.example.com/default:1"}
        monkeypatch.chdir(tmp_path)
        if way == "init":
            flyte_core.init(images=refs)
        else:
            text = "\n".join(f'{name} = "{uri}"' for name, uri in refs.items())
            (tmp_path / "flyte_core.toml").write_text(f"[images.refs]\n{text}\n")
        try:
            layered = Image.from_ref_name("gpu").with_pip_packages("x")
            env = TaskEnvironment(
                "main",
                image=Image.from_ref_name("gpu"),
                depends_on=[TaskEnvironment("plain"), TaskEnvironment("layered", image=layered)],
            )

            found = flyte_core.build_images(env).image_lookup
        finally:
            flyte_core.init()

        assert found["main"] == refs["gpu"]
        assert found["plain"] == refs["default"]
        assert found["layered"] == f"{layered.clone(base_image=refs['gpu']).uri}@{DIGEST}"

    def test_a_name_that_nobody_knows_is_an_error(self, recorder: Any) -> None:
        settings = ImageSettings(refs={"gpu": "registry.example.com/gpu:1"})

        with pytest.raises(InvalidValueError, match=r"ref_name = 'gpus' .* did you mean 'gpu'\?.*\[images.refs\]"):
            result_of(Image.from_ref_name("gpus"), settings=settings)

    def test_two_environments_of_one_name_are_an_error(self) -> None:
        env = TaskEnvironment("main", depends_on=[TaskEnvironment("a"), TaskEnvironment("a")])

        with pytest.raises(ImageBuildError, match="two environments are named 'a'"):
            flyte_core.build_images(env)
