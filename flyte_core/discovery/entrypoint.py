"""EntryPoint: what a distribution's metadata says about one plugin."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from flyte_core.config import KINDS
from flyte_core.discovery.metadata import read_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GROUPS", "GROUP_PREFIX", "EntryPoint", "kind_of"]

#: What every entry-point group of flyte_core starts with.
GROUP_PREFIX = "flyte_core."

#: Entry-point group by kind of plugin.
GROUPS: Mapping[str, str] = MappingProxyType(
    dict(
        zip(
            KINDS,
            (
                "flyte_core.task_types",
                "flyte_core.config_types",
                "flyte_core.hooks",
                "flyte_core.image_builders",
                "flyte_core.executors",
                "flyte_core.type_transformers",
                "flyte_core.commands",
            ),
            strict=True,
        )
    )
)

_KINDS_BY_GROUP = {group: kind for kind, group in GROUPS.items()}


def kind_of(group: str) -> str | None:
    """Say which kind of plugin an entry-point group holds.

    Args:
        group: an entry-point group.

    Returns:
        One of `flyte_core.config.KINDS`, or None for a group that flyte_core does not know.

    Example:
        >>> kind_of("flyte_core.task_types")
        'task'
    """
    return _KINDS_BY_GROUP.get(group)


@attrs.frozen(kw_only=True)
class EntryPoint:
    """One line of a distribution's ``entry_points.txt``.

    Args:
        group: the section, such as ``flyte_core.task_types``.
        name: what stands left of the equals sign.
        value: what stands right of it: ``module`` or ``module:attribute``, without extras.
        distribution: the distribution's name in the spelling of PEP 503.
        version: the distribution's version; empty where the metadata has none.
        path: the metadata folder, the archive that holds it, or what a foreign finder calls itself.
        folder: the metadata folder inside the archive; empty for folders.
        also: other places where the same distribution makes the same claim; an editable install often leaves two.
        requirements: requirements of the distribution that a foreign finder gave; None to read them from ``path``.

    Example:
        >>> ep = EntryPoint(group="flyte_core.task_types", name="sql", value="flyte_core_sql.hooks",
        ...                 distribution="flyte-core-sql", version="1.0.0", path="/site/flyte_core_sql-1.0.0.dist-info")
        >>> ep.kind, ep.label
        ('task', 'flyte-core-sql 1.0.0')
    """

    group: str
    name: str
    value: str
    distribution: str
    version: str
    path: str
    folder: str = ""
    also: tuple[str, ...] = attrs.field(default=(), eq=False)
    requirements: tuple[str, ...] | None = attrs.field(default=None, eq=False)

    @property
    def kind(self) -> str:
        """The kind of plugin, or the group itself where flyte_core does not know it."""
        return kind_of(self.group) or self.group

    @property
    def label(self) -> str:
        """The distribution with its version, for people."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every place where this claim was found, the one that counts first."""
        return (os.path.join(self.path, self.folder) if self.folder else self.path, *self.also)

    def requires(self, distribution: str) -> tuple[str, ...]:
        """Read the distribution's requirements on another one; nothing is read before this is called.

        Args:
            distribution: the other distribution's name in the spelling of PEP 503.

        Returns:
            The requirements as written, such as ``("flyte-core<2,>=1.0",)``; empty when there is none or the
            metadata cannot be read.
        """
        return read_requirements(self.path, self.folder, distribution, self.requirements)
