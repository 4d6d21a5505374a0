"""Whether a task's results are cached, and what makes two versions of it differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, near_misses
from flyte_core.models.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flyte_core.models.bundle import CodeBundle
    from flyte_core.models.image import Image

__all__ = [
    "Cache",
    "CacheBehavior",
    "CachePolicy",
    "CacheRequest",
    "FunctionBodyPolicy",
    "VersionParameters",
    "cache_from_request",
]

CacheBehavior = Literal["auto", "override", "disable"]
"""Use cached results; compute anew and cache; do neither."""

_BEHAVIORS = ("auto", "override", "disable")


@frozen(slots=False)
class VersionParameters:
    """What a cache version may be computed from.

    Args:
        func: the task's function, where it has one.
        image: the task's image.
        code_bundle: the task's code.
        definition: of a task without a function, what it does, such as the command of a container.
    """

    func: Callable[..., Any] | None
    image: str | Image | None = None
    code_bundle: CodeBundle | None = None
    definition: str | bytes = ""


@runtime_checkable
class CachePolicy(Protocol):
    """Anything that turns a task into a text which changes when cached results must not be used any more."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """The version.

        Args:
            salt: mixed into the version.
            params: what the version may depend on.
        """
        ...


@frozen(slots=False)
class FunctionBodyPolicy:
    """The default policy: the version is a hash of the function's code.

    Comments, layout, the file's place and the version of Python do not count; decorators and the docstring do.
    A task without a function is versioned by its image and its definition.

    Example:
        >>> one, two = (VersionParameters(None, image) for image in ("app:1", "app:2"))
        >>> FunctionBodyPolicy().get_version("", one) == FunctionBodyPolicy().get_version("", two)
        False
    """

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """The version, as SHA-256 in hexadecimal.

        Args:
            salt: mixed into the version.
            params: the function, or image and definition.

        Raises:
            InvalidTypeError: when the function has neither source nor bytecode.
        """
        if params.func is not None:
            from flyte_core.models.fingerprint import function_fingerprint

            return digest((salt, "function", function_fingerprint(params.func)))
        image = params.image if isinstance(params.image, (str, type(None))) else params.image.uri
        return digest((salt, "definition", image, params.definition))


# The converters leave what is of another type as it is, for the constructor to refuse.
def _names(value: str | tuple[str, ...] | list[str] | set[str] | frozenset[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, (list, set, frozenset)) else value


def _policies(value: CachePolicy | tuple[CachePolicy, ...] | list[CachePolicy] | None) -> tuple[CachePolicy, ...]:
    if value is None:
        return (FunctionBodyPolicy(),)
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


@frozen(slots=False)
class Cache:
    """How the results of a task are cached.

    Args:
        behavior: ``"auto"`` uses cached results, ``"override"`` computes anew and caches, ``"disable"`` does neither.
        version_override: the version of the results; computed by ``policies`` when not given.
        serialize: whether of several equal calls at a time one runs and the others wait for its result.
        ignored_inputs: inputs that are no part of the cache key.
        salt: mixed into the computed version.
        policies: one policy or several; by default a hash of the function's code.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when there is no such behavior, or neither a version nor a policy.

    Example:
        >>> Cache("auto", version_override="v1", ignored_inputs="seed").get_ignored_inputs()
        ('seed',)
    """

    behavior: CacheBehavior
    version_override: str | None = None
    serialize: bool = False
    ignored_inputs: tuple[str, ...] | str = field(default=(), converter=_names)
    salt: str = ""
    policies: tuple[CachePolicy, ...] | list[CachePolicy] | CachePolicy | None = field(
        default=None, converter=_policies
    )

    def __attrs_post_init__(self) -> None:
        if self.behavior not in _BEHAVIORS:
            raise InvalidValueError("Cache", "behavior", self.behavior, f"one of {', '.join(_BEHAVIORS)}")
        names = self.ignored_inputs
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise InvalidTypeError("Cache", "ignored_inputs", names, "a name or a tuple of names")
        if not isinstance(self.version_override, (str, type(None))):
            raise InvalidTypeError("Cache", "version_override", self.version_override, "a text or None")
        if not isinstance(self.salt, str):
            raise InvalidTypeError("Cache", "salt", self.salt, "a text")
        for policy in self._all_policies():
            # Not isinstance: for a protocol that takes as long as all the rest of the constructor.
            if not callable(getattr(policy, "get_version", None)):
                raise InvalidTypeError("Cache", "policies", policy, "objects with a get_version method")
        if self.is_enabled() and self.version_override is None and not self._all_policies():
            raise InvalidValueError("Cache", "policies", self.policies, "at least one policy, or a version_override")

    def _all_policies(self) -> tuple[CachePolicy, ...]:
        # The converter has made a tuple of every form that the constructor takes.
        return self.policies if isinstance(self.policies, tuple) else ()

    def is_enabled(self) -> bool:
        """Whether results are cached."""
        return self.behavior != "disable"

    def get_ignored_inputs(self) -> tuple[str, ...]:
        """The inputs that are no part of the cache key."""
        return self.ignored_inputs if isinstance(self.ignored_inputs, tuple) else (self.ignored_inputs,)

    def check_inputs(self, names: Iterable[str], owner: str = "Cache") -> None:
        """Refuse ignored inputs that the task does not have.

        Args:
            names: the task's inputs.
            owner: whom the message blames, such as the task's name.

        Raises:
            InvalidValueError: naming the input and those that look like it.
        """
        known = list(names)
        for name in self.get_ignored_inputs():
            if name not in known:
                close = near_misses(name, known)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                allowed = f"inputs of the task ({', '.join(known) or 'it has none'}){hint}"
                raise InvalidValueError(owner, "ignored_inputs", name, allowed)

    def get_version(self, params: VersionParameters | None = None) -> str:
        """The version under which results are cached.

        Args:
            params: what the version may be computed from.

        Returns:
            An empty text when caching is disabled; else ``version_override``; else, with a pickled code bundle, the
            bundle's version; else SHA-256 of what the policies give.

        Raises:
            InvalidValueError: when the version must be computed and cannot be; the policy's error is chained.
        """
        if not self.is_enabled():
            return ""
        if self.version_override is not None:
            return self.version_override
        if params is None:
            raise InvalidValueError("Cache", "params", None, "VersionParameters, for there is no version_override")
        if params.code_bundle is not None and params.code_bundle.pkl is not None:
            return params.code_bundle.computed_version
        return digest([self._ask(policy, params) for policy in self._all_policies()])

    def _ask(self, policy: CachePolicy, params: VersionParameters) -> str:
        try:
            return policy.get_version(self.salt, params)
        except Exception as error:
            raise InvalidValueError("Cache", "policies", policy, f"a policy that gives a version ({error})") from error


CacheRequest = CacheBehavior | Cache
"""What a task's ``cache`` may be."""


def cache_from_request(cache: CacheRequest) -> Cache:
    """The cache that a task's ``cache`` asks for.

    Args:
        cache: a `Cache` or a behavior.

    Raises:
        InvalidTypeError: when it is something else.
        InvalidValueError: when there is no such behavior.

    Example:
        >>> cache_from_request("disable").is_enabled()
        False
    """
    if isinstance(cache, Cache):
        return cache
    if not isinstance(cache, str):
        raise InvalidTypeError("Task", "cache", cache, f"a Cache or one of {', '.join(_BEHAVIORS)}")
    return Cache(behavior=cache)
