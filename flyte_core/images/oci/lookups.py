"""One look-up of an image: until when it may take, and the errors that it ends with, with nothing secret in them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from flyte_core.errors import RegistryError, RegistryTimeoutError

if TYPE_CHECKING:
    from flyte_core.images.oci.settings import RegistrySettings

__all__ = ["Clock", "Lookup", "Sleep"]

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]

T = TypeVar("T")


@define(kw_only=True)
class Lookup:
    """What all requests for one image share.

    Args:
        image: the image, for errors.
        host: the registry that is asked, for errors.
        address: by which name.
        settings: how it is asked.
        clock: gives the time in seconds.
        sleep: waits for some seconds.
        last: why the last try failed.
        source: where the credentials are from that were used.
        problem: why credentials could not be read.
    """

    image: str
    host: str
    address: str
    settings: RegistrySettings
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
    last: str = ""
    source: str = ""
    problem: str = ""
    _secrets: set[str] = field(factory=set, repr=False, init=False)
    _end: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._end = self.clock() + self.settings.deadline.total_seconds()

    def left(self) -> float:
        """Give the seconds until the deadline, not less than none."""
        return max(0.0, self._end - self.clock())

    def hide(self, *secrets: str) -> None:
        """Keep texts out of every message from now on: passwords, tokens, what is made of them.

        Args:
            *secrets: the texts.
        """
        # A shorter one would tear ordinary words apart, and tells nobody anything.
        self._secrets.update(secret for secret in secrets if len(secret) >= 3)

    def shown(self, text: str) -> str:
        """Give a text without what is hidden.

        Args:
            text: the text.
        """
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def error(self, kind: type[RegistryError], reason: str, *, host: str = "", attempts: int = 1) -> RegistryError:
        """Make the error that ends the look-up.

        Args:
            kind: its class.
            reason: what went wrong and what to do.
            host: who is to blame, where it is not the registry.
            attempts: how many tries there were.
        """
        return kind(self.image, host or self.host, self.shown(reason), attempts)

    def late(self, *, host: str = "", attempts: int = 1) -> RegistryError:
        """Make the error that the deadline has passed, with why the last try failed."""
        before = f"; the last try failed: {self.last}" if self.last else ""
        problem = f"; credentials were not read: {self.problem}" if self.problem else ""
        reason = f"there was no answer within {self.settings.deadline.total_seconds():g} s{before}{problem}"
        return self.error(RegistryTimeoutError, reason, host=host, attempts=attempts)

    async def within(self, work: Awaitable[T], *, host: str = "") -> T:
        """Await something no longer than until the deadline.

        Args:
            work: what to await.
            host: who is waited for, where it is not the registry.

        Raises:
            RegistryTimeoutError: the deadline has passed.
        """
        try:
            return await asyncio.wait_for(work, self.left())
        except asyncio.TimeoutError:
            if self.left() > 0:  # somebody else's
                raise
        raise self.late(host=host)
