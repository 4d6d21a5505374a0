"""Finding: what one check of ``flyte-core doctor`` found."""

from __future__ import annotations

from typing import Any, Literal

import attrs

__all__ = ["Finding", "Status"]

Status = Literal["ok", "note", "problem"]


@attrs.frozen(kw_only=True)
class Finding:
    """What one check found.

    Args:
        area: what was checked; findings of one area stand together.
        text: what was found, for people.
        status: ``problem`` when something will not work, ``note`` when it is worth knowing.
        command: a command that would mend it.
    """

    area: str
    text: str
    status: Status = "ok"
    command: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON shows it."""
        return {"area": self.area, "status": self.status, "text": self.text, "command": self.command}
