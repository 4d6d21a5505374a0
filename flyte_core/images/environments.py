"""The images of environments, built, for the tasks that are serialized with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from flyte_core._syncify import syncify
from flyte_core.errors import ImageBuildError, InvalidTypeError
from flyte_core.images.engine import BuildResult, ImageBuildEngine, build_image
from flyte_core.images.settings import image_settings

if TYPE_CHECKING:
    from flyte_core.environment import Environment
    from flyte_core.images.settings import ImageSettings
    from flyte_core.models import Image, ImageCache
    from flyte_core.registry import Registry
    from flyte_core.template import TaskTemplate

__all__ = ["EnvironmentImage", "build", "build_each", "build_images", "completed", "images_of"]

#: Builds at a time; each keeps the engine's cores busy by itself, and its waiting for the network overlaps.
_AT_ONCE = 4

#: The reference for the image of environments that name none.
_DEFAULT_REF = "default"


@syncify
async def build(image: Image) -> str:
    """Give an image's URI, and build the image before unless it exists.

    Args:
        image: the image.

    Returns:
        Its URI.

    Raises:
        ImageBuildError: it could not be built, or in CI nobody can say whether it exists.
        PluginError: there is no builder, or no single one, or it is broken.

    Example:
        >>> from flyte_core import Image, build
        >>> build(Image.from_base("python:3.12"))
        'python:3.12'
    """
    return await ImageBuildEngine.build(image)


@syncify
async def build_images(envs: Environment) -> ImageCache:
    """Build the images of an environment and of those that it depends on.

    Args:
        envs: the environment.

    Returns:
        The image of each environment by its name, with its digest, for `SerializationContext.image_cache`.

    Raises:
        ImageBuildError: an image could not be built; all that failed are named.
        PluginError: there is no builder, or no single one, or it is broken.
        InvalidValueError: an environment's image has a name that nobody knows.

    Example:
        >>> import flyte_core
        >>> env = flyte_core.TaskEnvironment("greetings", image="python:3.12")
        >>> flyte_core.build_images(env).image_lookup
        {'greetings': 'python:3.12'}
    """
    from flyte_core.models import ImageCache

    found = await completed(images_of([envs], image_settings()))
    results = await _build_all([one.image for one in found])
    lookup = {one.environment: result.pinned for one, result in zip(found, results, strict=True)}
    return ImageCache(image_lookup=dict(sorted(lookup.items())))


@frozen(kw_only=True)
class EnvironmentImage:
    """An environment's image.

    Args:
        environment: the environment's name.
        image: the image.
        tasks: the tasks that run in it.
    """

    environment: str
    image: Image
    tasks: tuple[TaskTemplate, ...] = ()


def images_of(environments: Iterable[Environment], settings: ImageSettings) -> list[EnvironmentImage]:
    """Give the images of environments and of all that they depend on, each environment once.

    Args:
        environments: where to begin.
        settings: what stands for ``"auto"``, where the settings say so.

    Raises:
        InvalidTypeError: one of them is no environment.
        ImageBuildError: two different environments have one name.
    """
    from flyte_core.environment import Environment, TaskEnvironment

    found: dict[str, Environment] = {}
    waiting = list(environments)
    while waiting:
        env = waiting.pop(0)
        if not isinstance(env, Environment):
            raise InvalidTypeError("build_images", "envs", env, "an Environment")
        if found.get(env.name, env) is not env:
            raise ImageBuildError(f"two environments are named {env.name!r}; give one of them another name")
        if env.name not in found:
            found[env.name] = env
            waiting += env.depends_on
    return [
        EnvironmentImage(
            environment=name,
            image=_image_of(env, settings),
            tasks=tuple(env.tasks.values()) if isinstance(env, TaskEnvironment) else (),
        )
        for name, env in found.items()
    ]


async def completed(found: Iterable[EnvironmentImage], registry: Registry | None = None) -> list[EnvironmentImage]:
    """Give images that flyte_core is installed into the plugins that their tasks need, at the versions installed here.

    Args:
        found: the images; those that do not install this version of flyte_core stay as they are.
        registry: where plugins are looked up; default the process's own.

    Raises:
        ImageBuildError: flyte_core or a plugin is installed from a folder, and no wheel of it can be built.
    """
    from flyte_core.images.installed import needed_distributions, with_installed
    from flyte_core.registry import TaskPluginRegistry

    plugins = registry if registry is not None else TaskPluginRegistry
    return [
        evolve(one, image=await with_installed(one.image, needed_distributions(one.tasks, plugins))) for one in found
    ]


def _image_of(env: Environment, settings: ImageSettings) -> Image:
    from flyte_core.models import Image

    if isinstance(env.image, Image):
        return env.image
    if env.image != "auto":
        return Image.from_base(env.image)
    if _DEFAULT_REF in settings.refs:
        return Image.from_base(settings.refs[_DEFAULT_REF])
    return Image.from_debian_base()


def _nothing(image: Image, text: str) -> None:
    return None


async def build_each(
    images: Sequence[Image],
    *,
    say: Callable[[Image, str], None] = _nothing,
    progress: Callable[[Image, str], None] = _nothing,
    **options: Any,
) -> list[BuildResult | Exception]:
    """Build images, some at a time, equal ones once; one that fails does not keep the others from being built.

    Args:
        images: the images.
        say: takes what a dry run says of an image.
        progress: takes the lines of an image's build.
        **options: as `build_image` has them.

    Returns:
        What became of each, or its error.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(image: Image) -> BuildResult | Exception:
        async with room:
            try:
                return await build_image(image, say=partial(say, image), progress=partial(progress, image), **options)
            except Exception as error:  # of a builder, a hook, or a layer: told when the others are done
                return error

    different = list(dict.fromkeys(images))
    outcomes = dict(zip(different, await asyncio.gather(*map(one, different)), strict=True))
    return [outcomes[image] for image in images]


async def _build_all(images: Sequence[Image]) -> list[BuildResult]:
    outcomes = await build_each(images)
    failures = list(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, Exception)))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        texts = "\n".join(f"- {failure}" for failure in failures)
        raise ImageBuildError(f"{len(failures)} images could not be built:\n{texts}") from failures[0]
    return [outcome for outcome in outcomes if isinstance(outcome, BuildResult)]
