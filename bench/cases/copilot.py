"""CoPilot's two directions as whole processes: 1,000 small variables, and one blob of 1 GB beside ``cp`` and ``sync``.

``...-small``: integers, by themselves, with a limit.

``...-blob``: beside it ``cp`` and ``sync``. Both sides end with all bytes on the disk.

``...-memory``: the most memory that the process of the blob held, in bytes.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyperf

VARIABLES = 1000
SIZE = 2**30
BLOCK = 2**20

PARTS = tuple(f"{way}-{what}" for way in ("download", "upload") for what in ("small", "blob", "memory"))


def main() -> None:
    """Measure the part and the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=PARTS, required=True)
    args = runner.parse_args()
    way, _, what = args.part.partition("-")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command: list[str] = []
        if args.worker:
            interface = _declare(folder, what)
            command = _copilot(way, interface) if args.sdk == "flyte_core" else _cp()

        def measure(loops: int) -> float:
            found = 0.0
            for _ in range(loops):
                took, memory = _process(command, folder)
                found += memory if what == "memory" else took
                for made in ("inputs", "stored"):
                    shutil.rmtree(folder / made, ignore_errors=True)
            return found

        metadata = {"unit": "byte"} if what == "memory" else None
        runner.bench_time_func(f"{args.sdk} {args.part}", measure, metadata=metadata)


def _process(command: list[str], folder: Path) -> tuple[float, float]:
    """Run one process; its time in seconds, and the most memory that it held in bytes."""
    start = pyperf.perf_counter()
    # Not subprocess.run, which forgets what the process has used.
    with subprocess.Popen(command, cwd=folder) as process:
        _, status, usage = os.wait4(process.pid, 0)
        took = pyperf.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with status {process.returncode}")
    return took, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _copilot(way: str, interface: str) -> list[str]:
    command = [sys.executable, "-m", "flyte_core_container.copilot", way]
    if way == "download":
        return [*command, "-f", "inputs.pb", "--to-output-prefix", "meta", "-o", "inputs"]
    return [*command, "-o", "stored/meta", "-x", "stored/raw", "-f", "outputs", "-i", interface]


def _cp() -> list[str]:
    return ["sh", "-c", "mkdir stored && cp outputs/blob stored/blob && sync stored/blob"]


def _declare(folder: Path, what: str) -> str:
    """Write the inputs and the outputs; give the interface as the upload takes it."""
    from flyteidl2.core import interface_pb2, literals_pb2, types_pb2

    inputs = literals_pb2.LiteralMap()
    interface = interface_pb2.TypedInterface()
    (folder / "outputs").mkdir()
    if what == "small":
        for number in range(VARIABLES):
            key = f"variable_{number}"
            inputs.literals[key].scalar.primitive.integer = number
            interface.outputs.variables.add(key=key).value.type.simple = types_pb2.INTEGER
            (folder / "outputs" / key).write_text(str(number))
    else:
        source = folder / "outputs" / "blob"
        _write(source, sparse=what == "memory")
        inputs.literals["blob"].scalar.blob.uri = str(source)
        interface.outputs.variables.add(key="blob").value.type.blob.SetInParent()
    (folder / "inputs.pb").write_bytes(inputs.SerializeToString())
    return base64.b64encode(interface.SerializeToString()).decode()


def _write(path: Path, *, sparse: bool) -> None:
    """Fill a file, and wait until the disk has it and leaves the measurement alone."""
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        if sparse:
            file.truncate(SIZE)
            return
        for _ in range(SIZE // BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
