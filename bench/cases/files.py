"""A file of 1 GB to local storage and back, beside the shell's own tools.

``copy``: `File.from_local_sync` and `File.download_sync`; beside it ``cp`` and ``sync``, each way. Both sides end with
all bytes of both copies on the disk.

``copy-and-hash``: the same with a SHA-256 of the content asked for at the upload; beside it ``sha256sum`` between the
two copies. The tools work one after the other, as a script would use them; that we hash while we copy is our gain.

``hash``: a hash where nothing has to be copied, as for a file that lies where it may stay; beside it ``sha256sum``.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyperf

SIZE = 2**30
BLOCK = 2**20

SCRIPTS = {
    "copy": "cp source stored && sync stored && cp stored back && sync back",
    "copy-and-hash": "cp source stored && sync stored && sha256sum stored && cp stored back && sync back",
    "hash": "sha256sum source",
}


def main() -> None:
    """Measure the part and the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=tuple(SCRIPTS), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.worker:
            _write(folder / "source")
        work = _ours(args.part, folder) if args.sdk == "flyte_core" else _tools(args.part, folder)

        def measure(loops: int) -> float:
            took = 0.0
            for _ in range(loops):
                start = pyperf.perf_counter()
                work()
                took += pyperf.perf_counter() - start
                for copy in ("stored", "back"):
                    (folder / copy).unlink(missing_ok=True)
            return took

        runner.bench_time_func(f"{args.sdk} {args.part}", measure)


def _write(path: Path) -> None:
    """Fill the file, and wait until the disk has it and leaves the measurement alone."""
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        for _ in range(SIZE // BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _ours(part: str, folder: Path) -> Callable[[], object]:
    from flyte_core.io import File, HashlibAccumulator

    source, stored, back = (str(folder / name) for name in ("source", "stored", "back"))

    def method() -> HashlibAccumulator:
        return HashlibAccumulator.from_hash_name("sha256")

    if part == "hash":
        return lambda: File.from_local_sync(source, hash_method=method())
    if part == "copy":
        return lambda: File.from_local_sync(source, stored).download_sync(back)
    return lambda: File.from_local_sync(source, stored, method()).download_sync(back)


def _tools(part: str, folder: Path) -> Callable[[], object]:
    return lambda: subprocess.run(["sh", "-c", SCRIPTS[part]], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
