"""The command ``flyte-core``: run, serialize, plugins and doctor.

Exit status: 0 when all went well, 1 when a task, a serialization or a check failed, 2 when the command line or the
file it names cannot be used, 130 after Ctrl-C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after the command's name; default those of the process.

    Returns:
        The exit status.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        flyte-core ...
        0
    """
    from flyte_core.cli.app import run_app

    return run_app(argv)
