"""How an engine says no, and how it says nothing."""

from __future__ import annotations

__all__ = ["EngineGone", "EngineRefusal"]


class EngineRefusal(Exception):
    """The engine answered that it will not.

    Args:
        status: the HTTP status.
        reason: its explanation.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason} (status {status})")
        self.status, self.reason = status, reason


class EngineGone(Exception):
    """The engine did not answer: it is down, or the connection is."""
