"""Entry points of plugins, read from installed metadata alone: no plugin is ever imported here."""

from __future__ import annotations

from flyte_core.discovery.entrypoint import GROUP_PREFIX, GROUPS, EntryPoint, kind_of
from flyte_core.discovery.index import PluginIndex

__all__ = ["GROUPS", "GROUP_PREFIX", "EntryPoint", "PluginIndex", "kind_of"]
