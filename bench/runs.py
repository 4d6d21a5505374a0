"""Runs the cases with pyperf, each SDK in its own environment, the two in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyperf

__all__ = ["Case", "Runs"]

_MANY = ["--processes=1", "--warmups=1", "--values=3"]
_ONE = ["--processes=1", "--warmups=0", "--values=1"]
_CASES = Path(__file__).resolve().parent / "cases"


@dataclass(frozen=True)
class Case:
    """One script of ``bench/cases`` with its option.

    Args:
        script: its name.
        option: the option that says what to measure.
        value: the option's value.
        sdks: the SDKs that it is measured for, in turns; `TOOLS` for what else there is beside us.
        is_long: whether one value takes seconds, so that a round is one process with one value.
    """

    script: str
    option: str
    value: str
    sdks: tuple[str, ...]
    is_long: bool = False


class Runs:
    """Results of cases, each measured when it is first asked for.

    Args:
        pythons: the interpreter of each SDK's environment.
        rounds: how often each case is started. Between two rounds of one SDK comes one of the other, so that a machine
            that slows down slows both.
        announce: told what is being measured.
    """

    def __init__(self, pythons: Mapping[str, str], rounds: int, announce: Callable[[str], None]) -> None:
        self._pythons = pythons
        self._rounds = rounds
        self._announce = announce
        self._found: dict[Case, dict[str, pyperf.Benchmark]] = {}

    def median(self, case: Case, sdk: str) -> float:
        """The median of a case's values for one SDK, in seconds."""
        return float(self._results(case)[sdk].median())

    def memory(self, case: Case, sdk: str) -> float:
        """The median of the most memory that the processes of a case held, in bytes."""
        runs = self._results(case)[sdk].get_runs()
        return float(statistics.median(run.get_metadata()["command_max_rss"] for run in runs))

    def spread(self) -> dict[str, float]:
        """The standard deviation of each result of more than one value, as a part of its mean."""
        return {
            f"{sdk} {case.script} {case.value}": round(float(found.stdev() / found.mean()), 3)
            for case, results in self._found.items()
            for sdk, found in results.items()
            if found.get_nvalue() > 1
        }

    def _results(self, case: Case) -> dict[str, pyperf.Benchmark]:
        if case not in self._found:
            self._announce(f"{case.script} {case.value}")
            results: dict[str, pyperf.Benchmark] = {}
            for _ in range(self._rounds):
                for sdk in case.sdks:
                    new = self._start(case, sdk)
                    if sdk in results:
                        results[sdk].add_runs(new)
                    else:
                        results[sdk] = new
            self._found[case] = results
        return self._found[case]

    def _start(self, case: Case, sdk: str) -> pyperf.Benchmark:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "result.json"
            command = [self._pythons[sdk], str(_CASES / f"{case.script}.py"), f"--sdk={sdk}"]
            command += [f"--{case.option}={case.value}", f"--output={output}"]
            command += _ONE if case.is_long else _MANY
            command += ["--loops=1", "--quiet"]
            # A home of its own: neither SDK finds settings or caches of another run.
            env = {**os.environ, "HOME": folder, "TMPDIR": folder}
            done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{case.script} {case.value} failed for {sdk}:\n{done.stdout}{done.stderr}")
            return pyperf.Benchmark.load(str(output))
