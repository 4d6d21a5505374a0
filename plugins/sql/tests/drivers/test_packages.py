"""Which driver a URL without one means, and what pip installs for it."""

from __future__ import annotations

import pytest
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.drivers import open_session, packages
from flyte_core_sql.drivers.packages import package_for, with_driver
from flyte_core_sql.errors import DriverMissingError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules that are there."""
    found: set[str] = set()
    monkeypatch.setattr(packages, "is_installed", lambda *modules: found.issuperset(modules))
    return found


@pytest.mark.parametrize(
    ("scheme", "there", "meant"),
    [
        ("mysql", "pymysql", "mysql+pymysql"),
        ("mariadb", "pymysql", "mariadb+pymysql"),
        ("mysql", "MySQLdb pymysql", "mysql"),
        # What the hint installs is what is then taken.
        ("mysql", "", "mysql+pymysql"),
        ("oracle", "oracledb", "oracle+oracledb"),
        ("oracle", "cx_Oracle", "oracle"),
        ("mysql+mysqldb", "pymysql", "mysql+mysqldb"),
        ("mssql", "", "mssql"),
    ],
)
def test_a_url_without_a_driver_means_the_one_that_is_installed(
    installed: set[str], scheme: str, there: str, meant: str
) -> None:
    installed.update(there.split())

    assert with_driver(scheme) == meant


@pytest.mark.parametrize(
    ("url", "package", "wanted"),
    [
        ("mysql://ann@db/app", r"'flyte-core-sql\[mysql\]'", "pymysql"),
        ("mariadb://ann@db/app", r"'flyte-core-sql\[mysql\]'", "pymysql"),
        ("mysql+mysqldb://ann@db/app", "mysqlclient", "MySQLdb"),
        ("mysql+mysqlconnector://ann@db/app", "mysql-connector-python", "mysql"),
        ("postgresql+psycopg2://ann@db/app", "psycopg2-binary", "psycopg2"),
    ],
)
def test_what_is_to_be_installed_is_what_is_missing(url: str, package: str, wanted: str) -> None:
    with pytest.raises(DriverMissingError, match=f"pip install {package} .*{wanted}"):
        open_session(resolve_connection(url))


def test_a_driver_of_another_databases_dialect_is_left_to_that_dialect() -> None:
    assert package_for("redshift", "psycopg2") == "sqlalchemy-redshift"
