"""A year of flights: counted month by month, ranked by airline, its routes ranked with SQL, and put into words.

Run it here with ``flyte-core run docs/examples/flights/flights.py year_report``, or all of it with ``run.py``.
"""

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from flights_data import MISSING, data_folder, read_airlines, read_flights, read_table, sha256
from flyte_core_sql import SQLTask

import flyte_core
from flyte_core.io import DataFrame, File
from flyte_core.models import Cache, Resources, RetryStrategy, Secret

#: A flight counts as late from this many minutes on, as the US Department of Transportation counts.
LATE_MINUTES = 15

#: What the tasks run in on a cluster, and with ``--on docker``, which needs flyte_core in it.
IMAGE = os.environ.get("FLIGHTS_IMAGE", "python:3.12-slim")


@dataclass
class Route:
    """One route, and how late its flights arrive."""

    origin: str
    destination: str
    flights: int
    mean_delay: float


# The frame and the file are tables of their names; numbers and lists are parameters, and never text of the query.
latest_routes = SQLTask(
    name="latest_routes",
    query="""
        SELECT origin, coalesce(name, dest) AS destination, count(*) AS flights, avg(arr_delay) AS mean_delay
        FROM flights LEFT JOIN airports ON dest = faa
        WHERE arr_delay IS NOT NULL AND month IN :months
        GROUP BY origin, destination
        HAVING count(*) >= :at_least
        ORDER BY mean_delay DESC, origin, destination
        LIMIT :rows
    """,
    inputs={"flights": DataFrame, "airports": File, "months": list[int], "at_least": int, "rows": int},
    outputs=list[Route],
    # On a cluster it runs in a container of its own, and needs no connector.
    as_container=True,
    image=IMAGE,
)
ranking = flyte_core.TaskEnvironment.from_task("flights-routes", latest_routes)

# Tasks of one environment share its image, resources and variables.
counting = flyte_core.TaskEnvironment(
    "flights",
    description="Counts the flights that left New York City in 2013.",
    image=IMAGE,
    resources=Resources(cpu=1, memory="512Mi"),
    env_vars={"PYTHONHASHSEED": "0"},
    depends_on=[ranking],
)

# Its password is named here and fetched by the cluster; the value is in no specification.
writing = flyte_core.TaskEnvironment(
    "flights-letter",
    description="Puts the numbers into words.",
    image=IMAGE,
    resources=Resources(cpu="250m", memory="128Mi"),
    secrets=[Secret(key="smtp-password", group="letters", as_env_var="SMTP_PASSWORD")],
)

# The environment of the task that calls the others is deployed together with theirs.
reporting = flyte_core.TaskEnvironment(
    "flights-report", image=IMAGE, resources=Resources(cpu=1, memory="256Mi"), depends_on=[counting, writing]
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
    latest: list[Route]


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


@counting.task
def flights_table(flights: File) -> DataFrame:
    """Read the table into a frame, as far as it is asked about routes."""
    return DataFrame.from_df(read_table(Path(flights.path), ["month", "origin", "dest", "arr_delay"]))


@counting.task(cache="auto")
async def rank_routes(flights: File, months: list[int]) -> list[Route]:
    """Find the routes with the longest mean delay; what is cached is the result, and not the frame."""
    airports = File(path=str(data_folder() / "airports.csv"))
    table = await flights_table.aio(flights)
    return await latest_routes(flights=table, airports=airports, months=months, at_least=10 * len(months), rows=5)


@writing.task
def letter(report: YearReport) -> str:
    """Put the year into words; with a password it would be sent, too."""
    best = min(report.carriers, key=lambda carrier: carrier.arrivals.mean)
    sent = "sent" if os.environ.get("SMTP_PASSWORD") else "not sent, as SMTP_PASSWORD is not set"
    return (
        f"{report.flights:,} flights were planned in 2013 and {report.cancelled:,} of them never left. "
        f"Month {report.worst_month} was the worst to leave in. {best.name} arrived earliest, "
        f"{-best.arrivals.mean:.1f} minutes ahead on average. "
        f"Latest were the flights from {report.latest[0].origin} to {report.latest[0].destination}. ({sent})"
    )


@reporting.task
async def year_report(months: list[int] | None = None) -> YearReport:
    """Summarize the year.

    Args:
        months: the months to count; all twelve unless given.
    """
    months = months or list(range(1, 13))
    flights, names = await asyncio.gather(find_flights.aio(), airline_names.aio())
    one_month = functools.partial(month_summary, flights)
    counted = flyte_core.map.aio(one_month, months, concurrency=4, return_exceptions=False)
    summaries = [summary async for summary in counted]
    carriers, (departures, worst), latest = await asyncio.gather(
        rank_carriers.aio(summaries, names), departure_delays(summaries), rank_routes(flights, months)
    )
    return YearReport(
        flights=sum(summary.flights for summary in summaries),
        cancelled=sum(summary.cancelled for summary in summaries),
        departures=departures,
        worst_month=worst,
        months=summaries,
        carriers=carriers,
        latest=latest,
    )
