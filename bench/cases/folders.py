"""The digest of a folder of 10,000 files, beside ``sha256sum`` over the same files.

``first``: nothing is remembered of the folder. ``again``: it was hashed before and did not change since.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyperf

FILES = 10_000
#: The size of a source file, in the middle of those of a large Python project.
SIZE = 6_000
#: As long as a file counts as just changed, and is not remembered.
SETTLED = 2.5


def main() -> None:
    """Measure the part and the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("first", "again"), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "folder", Path(name) / "cache"
        os.environ["FLYTE_CORE_CACHE_DIR"] = str(cache)
        if args.worker:
            _write(folder)
        work = _ours(folder) if args.sdk == "flyte_core" else _tools(folder)

        def measure(loops: int) -> float:
            took = 0.0
            if args.part == "again":
                work()
            for _ in range(loops):
                if args.part == "first":
                    shutil.rmtree(cache, ignore_errors=True)
                start = pyperf.perf_counter()
                work()
                took += pyperf.perf_counter() - start
            return took

        runner.bench_time_func(f"{args.sdk} {args.part}", measure)


def _write(folder: Path) -> None:
    choose = random.Random(1)
    for number in range(FILES):
        path = folder / f"package{number // 1000}" / f"part{number // 50 % 20}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(choose.randbytes(choose.randrange(2 * SIZE)))
    os.sync()
    time.sleep(SETTLED)


def _ours(folder: Path) -> Callable[[], object]:
    from flyte_core.models.layers import CopyConfig

    return CopyConfig(1, folder, ".").content


def _tools(folder: Path) -> Callable[[], object]:
    script = "find . -type f -print0 | xargs -0 sha256sum"
    return lambda: subprocess.run(["sh", "-c", script], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
