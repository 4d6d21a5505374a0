"""Limits that a task has unless it sets its own."""

from __future__ import annotations

__all__ = ["MAX_INLINE_IO_BYTES"]

MAX_INLINE_IO_BYTES = 10 * 1024 * 1024
"""The largest inputs or outputs, in bytes, that a task passes inline unless it sets its own limit."""
