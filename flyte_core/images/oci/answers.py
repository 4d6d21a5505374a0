"""An answer of a registry, and what it says when it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

__all__ = ["MOST", "Answer", "Fault"]

#: The longest answer that is read: registries take no larger manifest.
MOST = 4 * 2**20

_LONGEST_TOLD = 200
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


@frozen(kw_only=True)
class Fault:
    """One of the errors in an answer, as the distribution specification writes them.

    Args:
        code: such as ``MANIFEST_UNKNOWN``.
        message: the registry's words.
    """

    code: str
    message: str = ""


@frozen(kw_only=True)
class Answer:
    """The last answer to a request, after redirects.

    Args:
        status: the status.
        headers: the headers, by any case of their names; the last of each.
        body: the whole body.
        origin: scheme, host and port of who answered.
        was_redirected: whether that is another than who was asked.
        challenges: the values of ``WWW-Authenticate``.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    origin: str
    was_redirected: bool = False
    challenges: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        """The media type, without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Read the body.

        Raises:
            ValueError: it is no JSON.
        """
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("JSON that is nested too deeply") from None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The errors that the body lists; none where it is not what the specification says."""
        try:
            document = self.json()
        except ValueError:
            return ()
        errors = document.get("errors") if isinstance(document, dict) else None
        if not isinstance(errors, list):
            return ()
        found = [error for error in errors if isinstance(error, dict) and isinstance(error.get("code"), str)]
        return tuple(Fault(code=error["code"], message=str(error.get("message") or "")) for error in found)

    @property
    def told(self) -> str:
        """Status and errors, for messages."""
        texts = [
            f"{fault.code} ({fault.message})" if fault.message else fault.code
            for fault in self.faults
            if _CODE.fullmatch(fault.code)
        ]
        words = "".join(c if c.isprintable() else " " for c in "; ".join(texts))
        if len(words) > _LONGEST_TOLD:
            words = words[: _LONGEST_TOLD - 3] + "..."
        return f"{self.status}: {words}" if words else str(self.status)
