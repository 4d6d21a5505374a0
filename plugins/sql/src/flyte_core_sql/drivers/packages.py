"""Which packages speak to which databases."""

from __future__ import annotations

import functools
import importlib.util

__all__ = ["is_installed", "package_for"]

_PACKAGES = {
    "awsathena": "'PyAthena[SQLAlchemy]'",
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "clickhousedb": "clickhouse-connect",
    "cockroachdb": "sqlalchemy-cockroachdb 'psycopg[binary]'",
    "databricks": "databricks-sqlalchemy",
    "duckdb": "duckdb",
    "mariadb": "'flyte-core-sql[mysql]'",
    "mssql": "pyodbc",
    "mysql": "'flyte-core-sql[mysql]'",
    "oracle": "oracledb",
    "postgresql": "'flyte-core-sql[postgresql]'",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "trino": "'trino[sqlalchemy]'",
}


def package_for(backend: str) -> str:
    """Give what pip installs for a kind of database.

    Args:
        backend: as the URL begins.

    Example:
        >>> package_for("postgresql")
        "'flyte-core-sql[postgresql]'"
    """
    return _PACKAGES.get(backend, f"the package with SQLAlchemy's dialect {backend!r}")


@functools.cache
def is_installed(*modules: str) -> bool:
    """Say whether all modules can be imported, without importing any.

    Args:
        modules: their names, without dots.
    """
    return all(importlib.util.find_spec(module) is not None for module in modules)
