"""The schemes of databases' URLs: which are known, and which are misspelt."""

from __future__ import annotations

from flyte_core.errors import near_misses

__all__ = ["misspelt"]

#: What is meant by a scheme that is close to it. SQLAlchemy's own databases, and those that the package knows of.
_MEANT = (
    "awsathena", "bigquery", "clickhouse", "clickhousedb", "cockroachdb", "databricks", "duckdb", "mariadb", "mssql",
    "mysql", "oracle", "postgresql", "redshift", "snowflake", "sqlite", "trino",
)  # fmt: skip
#: Further schemes of SQLAlchemy's dialects, of its list of external ones among them: they need not be installed where a
#: task is declared, and some are close to the former.
_KNOWN = frozenset(
    {
        *_MEANT, "access", "altibase", "athena", "crate", "cubrid", "db2", "denodo", "doris", "dremio", "drill",
        "druid", "elasticsearch", "es", "exa", "firebird", "firebolt", "gaussdb", "greenplum", "gsheets", "hana",
        "hive", "hologres", "ibm_db_sa", "ibmi", "impala", "informix", "ingres", "iris", "kinetica", "kylin",
        "materialize", "maxcompute", "monetdb", "netezza", "nzpy", "oceanbase", "ocient", "odps", "opengauss",
        "phoenix", "pinot", "postgres", "presto", "pydoris", "pyspark", "questdb", "risingwave", "rockset",
        "shillelagh", "singlestoredb", "solr", "spanner", "spark", "sqream", "starrocks", "superset", "sybase", "taos",
        "teradata", "teradatasql", "tidb", "timeplus", "turso", "vertica", "vitess", "ydb", "yellowbrick", "yql",
        "yugabytedb",
    }
)  # fmt: skip
_MYSQL = ("aiomysql", "asyncmy", "cymysql", "mariadbconnector", "mysqlconnector", "mysqldb", "pymysql", "pyodbc")
#: The drivers of the databases that are SQLAlchemy's own.
_DRIVERS = {
    "mariadb": _MYSQL,
    "mssql": ("aioodbc", "mssqlpython", "pymssql", "pyodbc"),
    "mysql": _MYSQL,
    "oracle": ("cx_oracle", "oracledb", "oracledb_async"),
    "postgresql": ("asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg2cffi", "psycopg_async"),
    "sqlite": ("aiosqlite", "pysqlcipher", "pysqlite", "pysqlite_numeric"),
}
#: Other words for a database; no string distance leads from them to its scheme.
_OTHER_WORDS = {"psql": "postgresql", "pg": "postgresql", "pgsql": "postgresql"}


def misspelt(scheme: str) -> list[str]:
    """Give what a scheme that no dialect has is probably meant to be.

    Args:
        scheme: database and driver, such as ``postgresql+psycopg``.

    Returns:
        Schemes, the likeliest first. None for a scheme that is known, installed, registered with SQLAlchemy, or close
        to nothing: its dialect may be installed where the task runs.

    Example:
        >>> misspelt("sqllite"), misspelt("sqlite"), misspelt("firebird")
        (['sqlite'], [], [])
    """
    backend, plus, driver = scheme.lower().partition("+")
    if backend not in _KNOWN:
        if _is_there(backend):
            return []
        meant = [_OTHER_WORDS[backend]] if backend in _OTHER_WORDS else near_misses(backend, _MEANT)
        return [f"{name}{plus}{driver}" for name in meant]
    drivers = _DRIVERS.get(backend, ())
    if not driver or not drivers or driver in drivers or _is_there(f"{backend}.{driver}"):
        return []
    return [f"{backend}+{name}" for name in near_misses(driver, drivers)]


def _is_there(name: str) -> bool:
    """Whether a dialect, or a driver of one, is installed or registered."""
    from importlib.metadata import entry_points

    from sqlalchemy.dialects import registry

    names = {*registry.impls, *(found.name for found in entry_points(group="sqlalchemy.dialects"))}
    # A dialect may be there with its drivers alone, as "awsathena.rest" is.
    return any(known.lower() == name or known.lower().startswith(f"{name}.") for known in names)
