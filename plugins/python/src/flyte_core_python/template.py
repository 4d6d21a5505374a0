"""AsyncFunctionTaskTemplate: a Python function, synchronous or not, as a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from flyte_core.extend import TaskTemplate

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from typing_extensions import ParamSpec, TypeVar

    from flyte_core.models import SerializationContext

    # With defaults, so that the bare class in an annotation means any function task.
    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any)
    F = TypeVar("F", bound=Callable[..., Any], default=Any)
else:
    from typing import ParamSpec, TypeVar

    P, R, F = ParamSpec("P"), TypeVar("R"), TypeVar("F")

__all__ = ["AsyncFunctionTaskTemplate"]


@attrs.define(kw_only=True, slots=False, eq=False)
class AsyncFunctionTaskTemplate(TaskTemplate[P, R, F]):
    """A Python function as a task; ``@env.task`` makes one.

    Args:
        func: the function, ``def`` or ``async def``.
        plugin_config: configuration of the plugin whose class this is, if any.
        debuggable: whether a debugger may be attached; default True.

    The other arguments are those of `flyte_core.extend.TaskTemplate`.

    Example:
        >>> from flyte_core.models import NativeInterface
        >>> def double(x: int) -> int:
        ...     return 2 * x
        >>> task = AsyncFunctionTaskTemplate(
        ...     name="double", func=double, interface=NativeInterface.from_callable(double)
        ... )
        >>> task(21)
        42
    """

    func: F
    plugin_config: Any = None
    debuggable: bool = True

    runs_pre_and_post: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Mark the task as synchronous when its function is."""
        super().__post_init__()
        if not inspect.iscoroutinefunction(self.func):
            self._call_as_synchronous = True

    @property
    def source_file(self) -> str | None:
        """Path of the file that defines the function; None for a callable without code of its own."""
        code = getattr(inspect.unwrap(self.func), "__code__", None)
        return code.co_filename if code is not None else None

    def forward(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any] | Any:
        """Call the function with nothing around it; a coroutine function gives its coroutine."""
        return self.func(*args, **kwargs)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function with ``pre`` before and ``post`` after it."""
        from flyte_core.runtime import around

        return await around(self, self.func, args, kwargs)

    # The parameter has the reference's name; the core passes it by position.
    def container_args(  # pyright: ignore[reportIncompatibleMethodOverride] - a parameter of another name
        self, serialize_context: SerializationContext
    ) -> list[str]:
        """Give the command line of the runtime entry point for this task."""
        from flyte_core.extend import runtime_args

        return runtime_args(self, serialize_context)
