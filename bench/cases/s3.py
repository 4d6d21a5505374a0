"""500 MB to a server of the S3 protocol and back, beside obstore called directly with its own settings.

Our side also reads the file for its SHA-256, verifies it when it comes back, and waits for the disk. obstore's side
writes the parts to a file as they come.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyperf

SIZE = 500 * 10**6
ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests" / "support" / "s3.py"
BUCKET = "tests"


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("round-trip",), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, back = folder / "source", folder / "back"
        if not args.worker:
            runner.bench_time_func(f"{args.sdk} s3", float)
            return
        with source.open("wb") as file:
            block = os.urandom(10**6)
            for _ in range(SIZE // len(block)):
                file.write(block)
        with _server() as endpoint:
            work = (_ours if args.sdk == "flyte_core" else _obstore)(endpoint, source, back)

            def measure(loops: int) -> float:
                took = 0.0
                for _ in range(loops):
                    start = pyperf.perf_counter()
                    work()
                    took += pyperf.perf_counter() - start
                    if back.stat().st_size != SIZE:
                        raise SystemExit("not everything came back")
                    back.unlink()
                return took

            runner.bench_time_func(f"{args.sdk} s3", measure)


@contextmanager
def _server() -> Iterator[str]:
    """Run the server of the tests, and give its URL."""
    command = [sys.executable, str(SERVER)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def _ours(endpoint: str, source: Path, back: Path) -> Callable[[], object]:
    from flyte_core import storage

    os.environ.update(_ENVIRONMENT, AWS_ENDPOINT_URL=endpoint)
    url = f"s3://{BUCKET}/ours"

    def work() -> None:
        storage.put_sync(str(source), url)
        storage.get_sync(url, str(back))

    return work


def _obstore(endpoint: str, source: Path, back: Path) -> Callable[[], object]:
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=endpoint,
        access_key_id=_ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        secret_access_key=_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region=_ENVIRONMENT["AWS_REGION"],
        client_options={"allow_http": True},
    )

    def work() -> None:
        obstore.put(store, "direct", source)
        with back.open("wb") as file:
            for part in obstore.get(store, "direct").stream():
                file.write(part)

    return work


_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
