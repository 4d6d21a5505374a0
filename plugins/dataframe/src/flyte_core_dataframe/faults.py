"""What the libraries raise, in this project's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flyte_core.errors import FlyteCoreError, TypeTransformerFailedError, without_secrets

__all__ = ["refuse_duplicates", "said_of"]


@contextmanager
def said_of(what: str, kind: type, url: str, format: str) -> Iterator[None]:
    """Name frame, format and place in whatever a library raises; the project's own errors pass.

    Raises:
        TypeTransformerFailedError: the library raised something; it is chained.
    """
    try:
        yield
    except (FlyteCoreError, MemoryError):
        raise
    except Exception as error:  # each library has kinds of its own, with no common base
        name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
        raise TypeTransformerFailedError(
            f"cannot {what} a {name} as {format} at {without_secrets(url)}: {type(error).__name__}: {error}"
        ) from error


def refuse_duplicates(names: Iterable[object]) -> None:
    """Refuse columns of one name: the files have names alone, so one of the two would be lost.

    Raises:
        TypeTransformerFailedError: two names are the same as text.
    """
    seen: set[str] = set()
    twice = [name for name in map(str, names) if name in seen or seen.add(name)]  # type: ignore[func-returns-value] # None
    if twice:
        raise TypeTransformerFailedError(
            f"the frame has several columns named {', '.join(map(repr, sorted(set(twice))))}; rename them"
        )
