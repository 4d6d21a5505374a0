"""A container task from its call to its result in a warm process, beside ``docker run --rm`` of the same command.

Both bind a folder for the inputs and one for the outputs, and read what the command has written.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyperf

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

COMMAND = ["sh", "-c", "cp /var/inputs/x /var/outputs/y"]


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("call",), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if not args.worker:
            runner.bench_func(f"{args.sdk} container", str)
            return
        image = _image()
        work = _ours(image) if args.sdk == "flyte_core" else _docker(image, Path(name))
        work()
        runner.bench_func(f"{args.sdk} container", work)


def _image() -> str:
    """Have the engine know the image of the tests; no registry is asked."""
    import docker

    from tests.support.engines import IMAGE, make_images

    api = docker.from_env().api
    if not api.images(name=IMAGE, quiet=True):
        make_images(api)
    return IMAGE


def _ours(image: str) -> Callable[[], object]:
    from flyte_core_container import ContainerTask

    import flyte_core

    task = ContainerTask(
        name="box", image=image, command=COMMAND, inputs={"x": int}, outputs={"y": int}, local_logs=False
    )

    def work() -> None:
        if flyte_core.run(task, x=42).outputs() != 42:
            raise SystemExit("the container has not done its work")

    return work


def _docker(image: str, folder: Path) -> Callable[[], object]:
    inputs, outputs = folder / "inputs", folder / "outputs"
    command = ["docker", "run", "--rm", f"-v={inputs}:/var/inputs", f"-v={outputs}:/var/outputs", image, *COMMAND]

    def work() -> None:
        for each in (inputs, outputs):
            each.mkdir(exist_ok=True)
        (inputs / "x").write_text("42")
        subprocess.run(command, check=True)
        if int((outputs / "y").read_text()) != 42:
            raise SystemExit("the container has not done its work")

    return work


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
