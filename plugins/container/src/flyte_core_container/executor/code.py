"""The code of a run's tasks, on its way into their containers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core import storage
from flyte_core.bundle import download_code_bundle, ship_bundle, ship_pickle_bundle
from flyte_core.runtime.changes import changes_of
from flyte_core.runtime.declared import declared, import_root

if TYPE_CHECKING:
    from pathlib import Path

    from flyte_core.extend import TaskTemplate
    from flyte_core.models import CodeBundle
    from flyte_core.runtime import RunOptions

__all__ = ["CODE_FOLDER", "Code", "TaskCode"]

#: Where a container unpacks the code: a folder that every user may make.
CODE_FOLDER = "/tmp/flyte_core/code"  # noqa: S108 - in the container


@attrs.frozen(kw_only=True)
class TaskCode:
    """How a container gets a task.

    Args:
        root_dir: the folder that modules are named from.
        bundle: the code, which the container fetches; None where it need not.
        folder: the code, where the container sees a folder of this machine.
        changes: what ``override`` changed on the task.
    """

    root_dir: Path
    bundle: CodeBundle | None = None
    folder: str | None = None
    changes: dict[str, Any]


class Code:
    """The code of one run; packed once, when the first container needs it.

    Args:
        task: the run's first task, whose module says where the project's root is.
        base: path or URL of the folder that bundles are stored in.
        options: the run's.
    """

    def __init__(self, task: TaskTemplate, base: str, options: RunOptions) -> None:
        self.root_dir = import_root(task)
        self._base = base
        self._style = options.copy_style
        self._shipped: asyncio.Future[CodeBundle] | None = None

    async def of(self, task: TaskTemplate) -> TaskCode:
        """Give a task's code.

        Args:
            task: the template.

        Raises:
            SourceError: a file cannot be packed.
            SerializationError: the task has to be pickled and cannot be, or was overridden with what is no data.
            StorageError: the code cannot be stored.
        """
        found = declared(task, self.root_dir)
        if found is None:
            # A pickle holds the task itself, with its changes.
            bundle = await ship_pickle_bundle(task, self._base, root=self.root_dir)
            return TaskCode(root_dir=self.root_dir, bundle=bundle, changes={})
        code = TaskCode(root_dir=self.root_dir, changes=changes_of(task, found.task))
        if self._style == "none":
            return code
        if self._shipped is None:
            self._shipped = asyncio.ensure_future(self._ship())
        # Shielded: a task that is cancelled leaves the others their code.
        bundle = await asyncio.shield(self._shipped)
        if bundle.downloaded_path is not None:
            return attrs.evolve(code, folder=str(bundle.downloaded_path))
        return attrs.evolve(code, bundle=bundle)

    def told_as_here(self, text: str) -> str:
        """Give a text with the paths of this machine in place of the container's."""
        return text.replace(f"{self._destination}/", f"{self.root_dir}/")

    @property
    def _destination(self) -> str:
        return CODE_FOLDER if storage.is_remote(self._base) else str(storage.local_path(self._base) / "unpacked")

    async def _ship(self) -> CodeBundle:
        bundle = await ship_bundle(self.root_dir, self._base, copy_style=self._style, destination=self._destination)
        # Unpacked once for all containers that see this machine's files, instead of by each.
        return bundle if storage.is_remote(self._base) else await download_code_bundle(bundle)
