"""A whole process that runs one program: its time and the most memory it held."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import programs
import pyperf


def main() -> None:
    """Measure the program and the SDK that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", required=True)
    runner.argparser.add_argument("--program", required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = programs.write(args.program, args.sdk, Path(folder))
        runner.bench_command(f"{args.sdk} {args.program}", [sys.executable, str(path)])


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--program", args.program])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
