"""A cold build of an image, beside ``docker build`` of the same Dockerfile and context.

Each build has a command that no build had before, so that its instructions run and come out of no cache.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pyperf

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("cold",), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if not args.worker:
            runner.bench_func(f"{args.sdk} image", str)
            return
        source = Path(name, "source")
        source.mkdir()
        for number in range(50):
            (source / f"module_{number}.py").write_text(f"VALUE = {number}\n" * 100)
        work = _ours(source) if args.sdk == "flyte_core" else _docker(source)
        work()
        runner.bench_func(f"{args.sdk} image", work)
        # Every build has made an image, which shares all but its own layers with the base.
        labelled = "label=org.opencontainers.image.title=flyte-core-bench"
        words = ["image", "prune", "--all", "--force", "--filter", labelled]
        subprocess.run(["docker", *words], check=True, stdout=subprocess.DEVNULL)


def _image(source: Path) -> object:
    from flyte_core.models import Image
    from tests.support.bases import python_base
    from tests.support.engines import machine_engine

    api = machine_engine()
    base = Image.from_base(python_base(api)).clone(name="flyte-core-bench")
    api.close()
    # What no build had before stands first, so that everything below it is built.
    return lambda: (
        base.with_commands([f"echo {uuid.uuid4()} > /once"]).with_pip_packages("idna").with_source_folder(source)
    )


def _ours(source: Path) -> Callable[[], object]:
    from flyte_core_image_docker import DockerImageBuilder

    from flyte_core.images.protocol import BuildRequest, building

    make = _image(source)

    def work() -> None:
        with building(BuildRequest()):
            asyncio.run(DockerImageBuilder().build_image(make(), dry_run=False))  # type: ignore[operator]

    return work


def _docker(source: Path) -> Callable[[], object]:
    from flyte_core_image_docker.client import find_client

    from flyte_core.images.dockerfile import render, write_context
    from flyte_core.images.settings import ImageSettings

    make = _image(source)
    program = asyncio.run(find_client()).path
    env = {**os.environ, "DOCKER_BUILDKIT": "1"}
    kept = source.parent / "kept"
    kept.mkdir()
    dockerfile, context = write_context(render(make(), ImageSettings()), kept)  # type: ignore[operator]
    text = dockerfile.read_text()

    def work() -> None:
        line = next(one for one in text.splitlines() if one.startswith("RUN echo "))
        dockerfile.write_text(text.replace(line, f"RUN echo {uuid.uuid4()} > /once"))
        words = ["build", "--quiet", f"--file={dockerfile}", "--tag=flyte-core-bench:tools", str(context)]
        subprocess.run([program, *words], check=True, env=env, stdout=subprocess.DEVNULL)

    return work


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
