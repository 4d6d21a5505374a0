"""A local run, per nested task: one after the other, or 1,000 at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import programs
import pyperf

COUNT = 1000


def main() -> None:
    """Measure the shape and the SDK that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", required=True)
    runner.argparser.add_argument("--shape", choices=("sequential", "gather"), required=True)
    args = runner.parse_args()
    name = f"{args.sdk} {args.shape}"
    if not args.worker:
        runner.bench_time_func(name, float)
        return
    with tempfile.TemporaryDirectory() as folder:
        program = programs.load("nested_run", args.sdk, Path(folder))
        task = getattr(program, args.shape)

        def measure(loops: int) -> float:
            start = pyperf.perf_counter()
            for _ in range(loops):
                program.run(task, COUNT)
            return pyperf.perf_counter() - start

        runner.bench_time_func(name, measure, inner_loops=COUNT)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--shape", args.shape])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
