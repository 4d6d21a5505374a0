"""Look up one task type among 1,000 other plugins: time of the first look-up in a fresh process, and what it imports.

Each value is one process. ``warm`` finds the index of an earlier process on disk, ``cold`` finds no cache folder. The
owner of the type and the registry are imported beforehand, so that what is measured is finding, checking and verifying.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyperf

PLUGINS = 1000

LOOK_UP = """
import sys, time
import flyte_core_python.template, flyte_core_python.hooks, flyte_core.registry.manager
from flyte_core.registry import TaskPluginRegistry

start = time.perf_counter()
TaskPluginRegistry.task_template_class("python")
took = time.perf_counter() - start
imported = sum(name.startswith("bench_plugin_") for name in sys.modules)
print(took, imported)
"""


def main() -> None:
    """Measure the state of the cache that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core",), required=True)
    runner.argparser.add_argument("--state", choices=("warm", "cold"), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site, cache = folder / "site", folder / "cache"

        def measure(loops: int) -> float:
            return sum(_first_look_up(site, cache, cold=args.state == "cold") for _ in range(loops))

        if args.worker:
            _install(site)
            if args.state == "warm":
                _first_look_up(site, cache, cold=True)
        runner.bench_time_func(f"look-up {args.state}", measure)


def _install(site: Path) -> None:
    """Write the metadata of 1,000 plugins, each with a module that would give itself away when imported."""
    for number in range(PLUGINS):
        name = f"bench_plugin_{number}"
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: flyte-core>=1.0,<2\n"
        )
        (metadata / "entry_points.txt").write_text(f"[flyte_core.task_types]\nbench-{number} = {name}\n")
        (site / f"{name}.py").write_text("")


def _first_look_up(site: Path, cache: Path, *, cold: bool) -> float:
    if cold:
        shutil.rmtree(cache, ignore_errors=True)
    env = {**os.environ, "PYTHONPATH": str(site), "FLYTE_CORE_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", LOOK_UP], env=env, check=True, capture_output=True, text=True)
    took, imported = done.stdout.split()
    if int(imported):
        raise SystemExit(f"looking up one task type imported {imported} other plugins")
    return float(took)


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--state", args.state])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
