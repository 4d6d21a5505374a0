"""The one logger of flyte_core; an application configures it like any other."""

from __future__ import annotations

import logging

__all__ = ["logger"]

logger = logging.getLogger("flyte_core")
