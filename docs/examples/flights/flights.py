"""A year of flights: counted month by month, ranked by airline, and put into words.

Run it here with ``flyte-core run docs/examples/flights/flights.py year_report``, or all of it with ``run.py``.
"""

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from flights_data import MISSING, data_folder, read_airlines, read_flights, sha256

import flyte_core
from flyte_core.io import File
from flyte_core.models import Cache, Resources, RetryStrategy, Secret

#: A flight counts as late from this many minutes on, as the US Department of Transportation counts.
LATE_MINUTES = 15

PYTHON = "python:3.12-slim"

# Tasks of one environment share its image, resources and variables.
counting = flyte_core.TaskEnvironment(
    "flights",
    description="Counts the flights that left New York City in 2013.",
    image=PYTHON,
    resources=Resources(cpu=1, memory="512Mi"),
    env_vars={"PYTHONHASHSEED": "0"},
)

# Its password is named here and fetched by the cluster; the value is in no specification.
writing = flyte_core.TaskEnvironment(
    "flights-letter",
    description="Puts the numbers into words.",
    image=PYTHON,
    resources=Resources(cpu="250m", memory="128Mi"),
    secrets=[Secret(key="smtp-password", group="letters", as_env_var="SMTP_PASSWORD")],
)

# The environment of the task that calls the others is deployed together with theirs.
reporting = flyte_core.TaskEnvironment(
    "flights-report", image=PYTHON, resources=Resources(cpu=1, memory="256Mi"), depends_on=[counting, writing]
)


@dataclass
class Delays:
    """Delays in minutes, as sums, so that months can be added up."""

    known: int = 0
    minutes: int = 0
    late: int = 0

    @property
    def mean(self) -> float:
        """The mean delay; 0 when no delay is known."""
        return self.minutes / self.known if self.known else 0.0

    def count(self, text: str) -> None:
        """Count one flight's delay as the table has it; cancelled flights have none."""
        if text != MISSING:
            minutes = int(text)
            self.known += 1
            self.minutes += minutes
            self.late += minutes >= LATE_MINUTES

    def add(self, other: Delays) -> None:
        """Add another count to this one."""
        self.known += other.known
        self.minutes += other.minutes
        self.late += other.late


@dataclass
class MonthSummary:
    """What one month looked like."""

    month: int
    flights: int = 0
    cancelled: int = 0
    departures: Delays = field(default_factory=Delays)
    flights_by_carrier: dict[str, int] = field(default_factory=dict)
    arrivals_by_carrier: dict[str, Delays] = field(default_factory=dict)


@dataclass
class Carrier:
    """One airline's year."""

    name: str
    flights: int
    arrivals: Delays


@dataclass
class YearReport:
    """What the year looked like."""

    flights: int
    cancelled: int
    departures: Delays
    worst_month: int
    months: list[MonthSummary]
    carriers: list[Carrier]


@counting.task
def find_flights() -> File:
    """Name the table of flights; its hash stands for its path in the cache's keys."""
    archive = data_folder() / "flights.csv.zip"
    return File(path=str(archive), format="csv.zip", hash=sha256(archive))


@counting.task(cache="auto")
def airline_names() -> dict[str, str]:
    """Read the airlines' names by code."""
    return read_airlines(data_folder() / "airlines.csv")


@counting.task(
    cache=Cache(behavior="auto", version_override="1"),
    retries=RetryStrategy(count=2, backoff=timedelta(seconds=1)),
    timeout=timedelta(minutes=5),
)
def month_summary(flights: File, month: int) -> MonthSummary:
    """Count one month.

    Args:
        flights: the table of flights.
        month: 1 to 12.
    """
    summary = MonthSummary(month)
    for row in read_flights(Path(flights.path), month):
        carrier = row["carrier"]
        summary.flights += 1
        summary.cancelled += row["dep_time"] == MISSING
        summary.departures.count(row["dep_delay"])
        summary.flights_by_carrier[carrier] = summary.flights_by_carrier.get(carrier, 0) + 1
        summary.arrivals_by_carrier.setdefault(carrier, Delays()).count(row["arr_delay"])
    return summary


@counting.task
def rank_carriers(months: list[MonthSummary], names: dict[str, str]) -> list[Carrier]:
    """Add the months up by airline, the largest first."""
    carriers = {code: Carrier(name, 0, Delays()) for code, name in names.items()}
    for month in months:
        for code, flights in month.flights_by_carrier.items():
            carriers[code].flights += flights
            carriers[code].arrivals.add(month.arrivals_by_carrier[code])
    return sorted(carriers.values(), key=lambda carrier: (-carrier.flights, carrier.name))


@counting.task
async def departure_delays(months: list[MonthSummary]) -> tuple[Delays, int]:
    """Add the departures' delays up, and find the month with the longest mean delay."""
    year = Delays()
    for month in months:
        year.add(month.departures)
    return year, max(months, key=lambda month: month.departures.mean).month


@writing.task
def letter(report: YearReport) -> str:
    """Put the year into words; with a password it would be sent, too."""
    best = min(report.carriers, key=lambda carrier: carrier.arrivals.mean)
    sent = "sent" if os.environ.get("SMTP_PASSWORD") else "not sent, as SMTP_PASSWORD is not set"
    return (
        f"{report.flights:,} flights were planned in 2013 and {report.cancelled:,} of them never left. "
        f"Month {report.worst_month} was the worst to leave in. {best.name} arrived earliest, "
        f"{-best.arrivals.mean:.1f} minutes ahead on average. ({sent})"
    )


@reporting.task
async def year_report(months: list[int] | None = None) -> YearReport:
    """Summarize the year.

    Args:
        months: the months to count; all twelve unless given.
    """
    flights, names = await asyncio.gather(find_flights.aio(), airline_names.aio())
    one_month = functools.partial(month_summary, flights)
    counted = flyte_core.map.aio(one_month, months or range(1, 13), concurrency=4, return_exceptions=False)
    summaries = [summary async for summary in counted]
    carriers, (departures, worst) = await asyncio.gather(
        rank_carriers.aio(summaries, names), departure_delays(summaries)
    )
    return YearReport(
        flights=sum(summary.flights for summary in summaries),
        cancelled=sum(summary.cancelled for summary in summaries),
        departures=departures,
        worst_month=worst,
        months=summaries,
        carriers=carriers,
    )
