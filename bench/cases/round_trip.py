"""A value to its literal and back, within a running event loop, as the runtime does it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import programs
import pyperf

NAMES = ("int", "str", "list", "dict", "dataclass", "pydantic")


def main() -> None:
    """Measure the type and the SDK that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", required=True)
    runner.argparser.add_argument("--type", choices=NAMES, required=True)
    args = runner.parse_args()
    name = f"{args.sdk} {args.type}"
    if not args.worker:
        runner.bench_time_func(name, float)
        return
    with tempfile.TemporaryDirectory() as folder:
        program = programs.load("round_trip", args.sdk, Path(folder))

        async def measured() -> float:
            start = pyperf.perf_counter()
            await program.round_trips(args.type)
            return pyperf.perf_counter() - start

        def measure(loops: int) -> float:
            return sum(asyncio.run(measured()) for _ in range(loops))

        count = program.ROUND_TRIPS[args.type][2]
        runner.bench_time_func(name, measure, inner_loops=count)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--type", args.type])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
