"""Building an image that is there, in a warm process, beside one bare request for its manifest with aiohttp.

The build also finds its builder, makes a client of its own, reads the manifest, verifies its digest, and knows its
platform from before.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyperf

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests" / "support" / "registries.py"
CALLS = 200


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("warm",), required=True)
    args = runner.parse_args()
    name = f"{args.sdk} registry {args.part}"
    if not args.worker:
        runner.bench_func(name, str)
        return
    with tempfile.TemporaryDirectory() as cache, _server() as address:
        work = _build(address, cache) if args.sdk == "flyte_core" else _bare(address)

        def measure(loops: int) -> float:
            # The median, since a mean would have what else the machine did in it.
            return sum(statistics.median(asyncio.run(_each(work))) * CALLS for _ in range(loops))

        runner.bench_time_func(name, measure, inner_loops=CALLS)


@contextmanager
def _server() -> Iterator[str]:
    """Run the registry of the tests, and give its host and port."""
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


async def _each(work: Callable[[], Awaitable[object]]) -> list[float]:
    took = []
    for _ in range(CALLS):
        start = pyperf.perf_counter()
        await work()
        took.append(pyperf.perf_counter() - start)
    return took


def _build(address: str, cache: str) -> Callable[[], Awaitable[object]]:
    from flyte_core import Image
    from flyte_core.images import ImageSettings, build_image

    # An engine that is asked anything would be missed.
    os.environ.update(FLYTE_CORE_CACHE_DIR=cache, DOCKER_HOST="unix:///nowhere.sock")
    image = Image.from_base("python:3.12").clone(registry=address, name="app").with_env_vars({"A": "1"})
    _tag(address, image.uri.rpartition(":")[2])
    settings = ImageSettings(builder="docker")

    async def work() -> None:
        result = await build_image(image, settings=settings)
        if result.reason != "exists" or result.digest is None:
            raise SystemExit(f"the image is not found: {result}")

    return work


def _tag(address: str, tag: str) -> None:
    """Give the registry's image another tag."""
    url = f"http://{address}/v2/app/manifests/"
    kind = "application/vnd.oci.image.manifest.v1+json"
    with urllib.request.urlopen(urllib.request.Request(f"{url}1", headers={"Accept": kind})) as answer:
        body = answer.read()
    put = urllib.request.Request(url + tag, body, {"Content-Type": kind}, method="PUT")
    urllib.request.urlopen(put).close()


def _bare(address: str) -> Callable[[], Awaitable[object]]:
    import aiohttp

    headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"}

    async def work() -> None:
        url = f"http://{address}/v2/app/manifests/1"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            if answer.status != 200 or not await answer.read():
                raise SystemExit("the image is not found")

    return work


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
