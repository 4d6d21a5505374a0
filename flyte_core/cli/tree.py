"""The tree of a run's tasks, as its events tell of it: drawn while it grows, or told line by line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from flyte_core.cli.console import err, printable
from flyte_core.cli.events import Counts

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.tree import Tree

    from flyte_core.runtime import TaskEvent

__all__ = ["TaskTree", "draw_tree", "line_of", "tell"]

#: Rows of the display; a run with more kinds of calls shows those that were seen first.
_ROWS = 40


@attrs.define(eq=False)
class Node:
    """All calls of one task by one other: so a map over thousands is one row.

    Args:
        name: the task's short name.
        first: when the first of them started, in seconds.
        last: when the last of them that has ended did.
        counts: how far they are.
        children: the calls that they make, by the task's full name.
    """

    name: str
    first: float
    last: float
    counts: Counts = attrs.field(factory=Counts)
    children: dict[str, Node] = attrs.field(factory=dict)


class TaskTree:
    """Takes the events of a run; safe to call from any thread.

    Args:
        clock: gives seconds.

    Example:
        >>> from flyte_core.runtime import TaskEvent
        >>> tree = TaskTree()
        >>> tree(TaskEvent(kind="started", task="env.main", short_name="main", action="a0"))
        >>> tree(TaskEvent(kind="started", task="env.work", short_name="work", action="x", parent="a0"))
        >>> list(tree.roots["env.main"].children)
        ['env.work']
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        import time

        self.clock = clock or time.monotonic
        self.lock = threading.Lock()
        self.roots: dict[str, Node] = {}
        self._started = self.clock()
        self._actions: dict[str, Node] = {}

    def __call__(self, event: TaskEvent) -> None:
        """Take one event."""
        with self.lock:
            now = self.clock()
            node = self._node(event, now)
            counts = node.counts
            if event.kind == "started":
                counts.running += 1
            elif event.kind == "retrying":
                counts.retries += 1
            else:
                counts.running -= 1
                node.last = now
                if event.kind == "cached":
                    counts.cached += 1
                elif event.kind == "failed":
                    counts.failed += 1
                else:
                    counts.done += 1

    def _node(self, event: TaskEvent, now: float) -> Node:
        known = self._actions.get(event.action)
        if known is not None:
            return known
        above = self._actions.get(event.parent or "")
        beside = self.roots if above is None else above.children
        node = beside.get(event.task)
        if node is None:
            node = beside[event.task] = Node(event.short_name, now, now)
        self._actions[event.action] = node
        return node

    @property
    def seconds(self) -> float:
        """Seconds since this object was made."""
        return self.clock() - self._started


def draw_tree(tree: TaskTree) -> RenderableType:
    """Draw the tree of a run's tasks: each with how many calls of it run, are done, were cached or failed."""
    from rich.tree import Tree

    with tree.lock:
        now, left = tree.clock(), [_ROWS]
        drawn = Tree(f"running for {tree.seconds:.0f} s")
        for node in tree.roots.values():
            _draw(node, drawn, now, left)
        if left[0] < 0:
            drawn.add(f"... and {-left[0]} more")
    return drawn


def _draw(node: Node, above: Tree, now: float, left: list[int]) -> None:
    left[0] -= 1
    branch = above.add(_row(node, now)) if left[0] >= 0 else above
    for child in node.children.values():
        _draw(child, branch, now, left)


def _row(node: Node, now: float) -> RenderableType:
    from rich.text import Text

    counts = node.counts
    styles = {"running": "yellow", "done": "green", "cached": "cyan", "failed": "red", "retries": "magenta"}
    row = Text(printable(node.name))
    for name, style in styles.items():
        number = getattr(counts, name)
        if number:
            row.append(f"  {number} {name}", style=style)
    end = now if counts.running else node.last
    return row.append(f"  {end - node.first:.1f} s", style="dim")


def line_of(event: TaskEvent) -> str:
    """Give an event as a line for where no tree can be drawn.

    Example:
        >>> from flyte_core.runtime import TaskEvent
        >>> line_of(TaskEvent(kind="succeeded", task="env.work", short_name="work", action="a0", seconds=1.25))
        'work [a0] succeeded in 1.2 s'
    """
    text = f"{event.short_name} [{event.action[:8]}] {event.kind}"
    if event.kind == "retrying":
        text += f" after attempt {event.attempt}"
    if event.seconds is not None:
        text += f" in {event.seconds:.1f} s"
    if event.error is not None:
        first = str(event.error).partition("\n")[0]
        text += f": {first}"
    return printable(text)


def tell(event: TaskEvent) -> None:
    """Print an event as a line on standard error."""
    err(line_of(event))
