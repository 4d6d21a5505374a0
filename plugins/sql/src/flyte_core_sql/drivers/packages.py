"""Which packages speak to which databases."""

from __future__ import annotations

import functools
import importlib.util

__all__ = ["has_adbc", "is_installed", "package_for", "with_driver"]

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
#: Of drivers that a URL names, for the databases whose dialects are SQLAlchemy's own.
_DRIVER_PACKAGES = {
    "asyncmy": "asyncmy",
    "cx_oracle": "cx_Oracle",
    "cymysql": "cymysql",
    "mariadbconnector": "mariadb",
    "mssqlpython": "mssql-python",
    "mysqlconnector": "mysql-connector-python",
    "mysqldb": "mysqlclient",
    "pg8000": "pg8000",
    "psycopg2": "psycopg2-binary",
    "psycopg2cffi": "psycopg2cffi",
    "pymssql": "pymssql",
    "pymysql": "'flyte-core-sql[mysql]'",
    "pysqlcipher": "sqlcipher3",
}
#: The first version of ADBC's driver of PostgreSQL that can be used.
_ADBC = "1.13"
_BUILT_IN = frozenset({"mariadb", "mssql", "mysql", "oracle", "postgresql", "sqlite"})
#: The module that SQLAlchemy takes for a URL without a driver, or once did, and the driver that people have instead.
_PLAIN = {"mariadb": ("MySQLdb", "pymysql"), "mysql": ("MySQLdb", "pymysql"), "oracle": ("cx_Oracle", "oracledb")}


def with_driver(scheme: str) -> str:
    """Give the scheme of a URL with the driver that is meant, where SQLAlchemy would take one that nobody has.

    Args:
        scheme: as the URL begins; one with a driver stays as it is.

    Example:
        >>> with_driver("postgresql"), with_driver("mysql+mysqldb")
        ('postgresql', 'mysql+mysqldb')
    """
    module, driver = _PLAIN.get(scheme, ("", ""))
    return f"{scheme}+{driver}" if driver and not is_installed(module) else scheme


def package_for(backend: str, driver: str = "") -> str:
    """Give what pip installs for a kind of database.

    Args:
        backend: as the URL begins.
        driver: what follows ``+`` there.

    Example:
        >>> package_for("postgresql"), package_for("mysql", "mysqldb")
        ("'flyte-core-sql[postgresql]'", 'mysqlclient')
    """
    if backend in _BUILT_IN and driver in _DRIVER_PACKAGES:
        return _DRIVER_PACKAGES[driver]
    return _PACKAGES.get(backend, f"the package with SQLAlchemy's dialect {backend!r}")


@functools.cache
def is_installed(*modules: str) -> bool:
    """Say whether all modules can be imported, without importing any.

    Args:
        modules: their names, without dots.
    """
    return all(importlib.util.find_spec(module) is not None for module in modules)


@functools.cache
def has_adbc() -> bool:
    """Say whether ADBC's driver of PostgreSQL is installed, and tells of each column what it is on the server.

    Older ones do not: numbers lose their declared scale, and an oid gets a sign.
    """
    if not is_installed("adbc_driver_manager", "adbc_driver_postgresql"):
        return False
    from importlib.metadata import version

    from packaging.version import Version

    return Version(version("adbc-driver-postgresql")) >= Version(_ADBC)
