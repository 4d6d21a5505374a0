"""Hashes of content that is written or read: the interface, and two ways to fulfil it."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

from flyte_core.errors import InvalidValueError

__all__ = ["HashMethod", "HashlibAccumulator", "PrecomputedValue"]


@runtime_checkable
class HashMethod(Protocol):
    """Takes content piece by piece, in order, and gives its hash.

    One object serves one content at a time; it is called from one thread at a time, which need not be the caller's.
    """

    def update(self, data: memoryview, /) -> None:
        """Take the next piece; the memory is used anew afterwards."""
        ...

    def result(self) -> str:
        """Give the hash of everything taken so far."""
        ...

    def reset(self) -> None:
        """Begin anew."""
        ...


class _Hash(Protocol):
    """The part of the standard library's hash objects that is used."""

    def update(self, data: memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...

    def copy(self) -> _Hash: ...


class PrecomputedValue:
    """A hash that is known already: no content is read for it.

    Args:
        value: the hash.

    Example:
        >>> PrecomputedValue("v1").result()
        'v1'
    """

    def __init__(self, value: str) -> None:
        self._value = value

    def update(self, data: memoryview, /) -> None:
        """Take no notice of content."""

    def result(self) -> str:
        """Give the value."""
        return self._value

    def reset(self) -> None:
        """Keep the value."""

    def __repr__(self) -> str:
        return f"PrecomputedValue({self._value!r})"


class HashlibAccumulator:
    """A hash of the standard library's `hashlib`, or of any object like those.

    Args:
        h: the hash object, as `hashlib.new` gives it; what it has taken already counts, also after `reset`.

    Example:
        >>> accumulator = HashlibAccumulator.from_hash_name("sha256")
        >>> accumulator.update(memoryview(b"text"))
        >>> accumulator.result()[:8]
        '982d9e3e'
    """

    def __init__(self, h: _Hash) -> None:
        self._fresh = h.copy()
        self._h = h

    @classmethod
    def from_hash_name(cls, name: str) -> HashlibAccumulator:
        """Make one from the name of an algorithm.

        Args:
            name: a name that `hashlib.new` knows, such as ``sha256``, ``md5`` or ``blake2b``.

        Returns:
            The accumulator.

        Raises:
            InvalidValueError: there is no such algorithm, or its result has no fixed length.
        """
        known = ", ".join(sorted(hashlib.algorithms_available - {"shake_128", "shake_256"}))
        try:
            made = hashlib.new(name, usedforsecurity=False)
        except (ValueError, TypeError) as error:
            raise InvalidValueError("HashlibAccumulator", "name", name, known) from error
        if made.digest_size == 0:
            raise InvalidValueError("HashlibAccumulator", "name", name, known)
        return cls(made)

    def update(self, data: memoryview, /) -> None:
        """Take the next piece of content."""
        self._h.update(data)

    def result(self) -> str:
        """Give the hexadecimal hash of the content so far."""
        return self._h.hexdigest()

    def reset(self) -> None:
        """Begin anew."""
        self._h = self._fresh.copy()

    def __repr__(self) -> str:
        return f"HashlibAccumulator({getattr(self._h, 'name', type(self._h).__name__)})"
