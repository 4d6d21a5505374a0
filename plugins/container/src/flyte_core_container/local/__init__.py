"""Container tasks on a Docker engine of this machine, or of another."""

from __future__ import annotations

from flyte_core_container.local.engine import Engine, use_engine
from flyte_core_container.local.run import execute

__all__ = ["Engine", "execute", "use_engine"]
