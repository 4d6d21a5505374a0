from __future__ import annotations

from tests.support.builders import install, only_ours, recorder

__all__ = ["install", "only_ours", "recorder"]
