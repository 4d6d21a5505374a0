"""Measure flyte_core beside the reference SDK and print one table: ``tox -e bench``.

A missed budget is shown and is an error only with ``--check``: times depend on the machine, and no machine is idle
enough to fail a build over them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

from measures import MEASURES, OURS, REFERENCE, TOOLS, Outcome
from reference import REQUIREMENTS, install
from rich.console import Console
from rich.table import Table
from runs import Runs


def main() -> int:
    """Measure everything; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="a missed budget gives exit status 1")
    parser.add_argument("--only", default="", metavar="TEXT", help="only measures whose name contains this")
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is started (default: 3)")
    here = Path(sys.prefix)
    parser.add_argument("--json", type=Path, default=here / "bench.json", metavar="FILE", help="where to write results")
    parser.add_argument("--reference", metavar="PYTHON", help="an interpreter that has the reference and pyperf")
    args = parser.parse_args()

    console = Console()
    with console.status("installing the reference") as status:
        reference = args.reference or install(here / "reference")
        pythons = {OURS: sys.executable, TOOLS: sys.executable, REFERENCE: reference}
        runs = Runs(pythons, args.rounds, lambda what: status.update(what))
        wanted = {measure: measure.hindrance() for measure in MEASURES if args.only in measure.name}
        outcomes = [measure.outcome(runs) for measure, hindrance in wanted.items() if not hindrance]
    console.print(_table(outcomes))
    for measure, hindrance in wanted.items():
        if hindrance:
            console.print(f"left out: {measure.name}, since {hindrance}", soft_wrap=True)
    args.json.write_text(json.dumps(_document(outcomes, runs), indent=1) + "\n", encoding="utf-8")
    missed = sum(not outcome.kept for outcome in outcomes)
    console.print(f"{len(outcomes) - missed} of {len(outcomes)} budgets kept; details in {args.json}", soft_wrap=True)
    return 1 if missed and args.check else 0


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(title=f"flyte_core and {REQUIREMENTS[0]}, Python {platform.python_version()}")
    table.add_column("measure")
    for column in ("ours", "other", "ratio", "budget", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for outcome in outcomes:
        unit, ratio = outcome.measure.unit, outcome.ratio
        table.add_row(
            outcome.measure.name,
            _shown(outcome.ours, unit),
            "" if outcome.other is None else _shown(outcome.other, unit),
            "" if ratio is None else f"{ratio:.2f}",
            _shown(outcome.measure.budget, unit) if ratio is None else f"{outcome.measure.budget:.2f}",
            "[green]ok[/]" if outcome.kept else "[bold red]MISSED[/]",
        )
    return table


def _shown(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value / 2**20:.1f} MiB"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"


def _document(outcomes: list[Outcome], runs: Runs) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "reference": list(REQUIREMENTS),
        "measures": [
            {
                "name": outcome.measure.name,
                "unit": outcome.measure.unit,
                "ours": outcome.ours,
                "other": outcome.other,
                "ratio": outcome.ratio,
                "budget": outcome.measure.budget,
                "kept": outcome.kept,
            }
            for outcome in outcomes
        ],
        "relative_standard_deviation": runs.spread(),
    }


if __name__ == "__main__":
    sys.exit(main())
