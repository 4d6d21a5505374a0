"""A pandas frame of 2,000,000 rows as a task's output and the next one's input, beside pandas' own Parquet."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyperf

ROWS = 2_000_000


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("round-trip",), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        frame = _frame() if args.worker else pd.DataFrame()
        work = _ours(frame) if args.sdk == "flyte_core" else _pandas(frame, Path(name) / "frame.parquet")

        def measure(loops: int) -> float:
            took = 0.0
            for _ in range(loops):
                start = pyperf.perf_counter()
                back = work()
                took += pyperf.perf_counter() - start
                pd.testing.assert_frame_equal(back, frame)
            return took

        runner.bench_time_func(f"{args.sdk} frame", measure)


def _frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(ROWS),
            "count": random.integers(0, 1000, ROWS),
            "value": random.normal(size=ROWS),
            "price": random.random(ROWS).round(2),
            "kept": random.random(ROWS) < 0.5,
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 10**7, ROWS), unit="s"),
            "town": random.choice(["Northam", "Southam", "Eastham", "Westham"], ROWS),
        }
    )


def _ours(frame: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    from flyte_core.types import TypeEngine

    literal_type = TypeEngine.to_literal_type(pd.DataFrame)

    async def round_trip() -> pd.DataFrame:
        literal = await TypeEngine.to_literal(frame, pd.DataFrame, literal_type)
        return await TypeEngine.to_python_value(literal, pd.DataFrame)

    return lambda: asyncio.run(round_trip())


def _pandas(frame: pd.DataFrame, path: Path) -> Callable[[], pd.DataFrame]:
    def round_trip() -> pd.DataFrame:
        frame.to_parquet(path)
        return pd.read_parquet(path)

    return round_trip


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
