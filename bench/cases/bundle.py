"""A project of 5,000 files and 100 MB as an archive, beside ``tar`` with ``gzip`` at the same level.

``pack``: nothing is known of the project. ``repack``: it was packed before, and nothing has changed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyperf

FILES, SIZE = 5_000, 20_000
FOLDERS = 100
#: A file that has just been written is not remembered: within two seconds it could change under the same time.
SETTLED = 2.5


def main() -> None:
    """Measure the part and the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("pack", "repack"), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project, cache = Path(name, "project"), Path(name, "cache")
        work = _ours(project, cache) if args.sdk == "flyte_core" else _tools(project, Path(name, "code.tar.gz"))
        if args.worker:
            _write(project)
            if args.part == "repack":
                time.sleep(SETTLED)
                work()

        def measure(loops: int) -> float:
            took = 0.0
            for _ in range(loops):
                if args.part == "pack":
                    shutil.rmtree(cache, ignore_errors=True)
                start = pyperf.perf_counter()
                work()
                took += pyperf.perf_counter() - start
            return took

        runner.bench_time_func(f"{args.sdk} {args.part}", measure)


def _write(project: Path) -> None:
    """Write files that compress as code does: words of this repository's own modules, in any order."""
    source = Path(__file__).resolve().parents[2] / "flyte_core"
    words = [line for path in sorted(source.rglob("*.py")) for line in path.read_text().splitlines(keepends=True)]
    choose = random.Random(7)
    for number in range(FILES):
        path = project / f"folder{number % FOLDERS}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(choose.choices(words, k=600))[:SIZE].ljust(SIZE))


def _ours(project: Path, cache: Path) -> Callable[[], object]:
    os.environ["FLYTE_CORE_CACHE_DIR"] = str(cache)
    from flyte_core.bundle import build_bundle

    return lambda: build_bundle(project, copy_style="all")


def _tools(project: Path, target: Path) -> Callable[[], object]:
    from flyte_core.bundle.packing import LEVEL

    command = ["tar", "-I", f"gzip -{LEVEL}", "-cf", str(target), "-C", str(project), "."]
    return lambda: subprocess.run(command, check=True)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
