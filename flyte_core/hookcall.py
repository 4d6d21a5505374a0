"""HookCall: the un-started awaitable that a call of an asynchronous hook gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

from flyte_core.errors import HookCallError

__all__ = ["HookCall"]

T = TypeVar("T")


class HookCall(Generic[T]):
    """One call of an asynchronous hook that starts when it is awaited.

    Nothing runs until then, so a wrapper that drops it has replaced the call, and no "never awaited" warning appears.

    Args:
        start: makes the awaitable; called when the call is awaited.
        label: what is being called, for the error.

    Raises:
        HookCallError: when it is awaited a second time.

    Example:
        >>> import asyncio
        >>> async def answer():
        ...     return 42
        >>> async def main():
        ...     return await HookCall(answer, "execute")
        >>> asyncio.run(main())
        42
    """

    __slots__ = ("_label", "_start", "_started")

    def __init__(self, start: Callable[[], Awaitable[T]], label: str = "hook") -> None:
        self._start = start
        self._label = label
        self._started = False

    def __await__(self) -> Generator[Any, Any, T]:
        if self._started:
            raise HookCallError(
                f"this call of hook {self._label!r} was awaited twice; await it once and keep its result"
            )
        self._started = True
        return self._start().__await__()

    @property
    def started(self) -> bool:
        """Whether the call has been awaited."""
        return self._started

    def __repr__(self) -> str:
        return f"<HookCall {self._label} {'started' if self._started else 'not started'}>"
