"""What has to be known of a dialect, beyond what sqlglot's tokenizer and parser know themselves."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flyte_core.errors import near_misses
from flyte_core_sql.errors import PlaceholderError

if TYPE_CHECKING:
    from sqlglot import Token
    from sqlglot.dialects.dialect import Dialect

__all__ = ["AT_PARAMETERS", "DOLLAR_PARAMETERS", "SLICES", "TYPED_NULLS", "check_dialect", "find_dialect", "tokenize"]

_POSTGRES = frozenset({"postgres", "redshift", "materialize", "risingwave"})

#: Where ``$1`` and ``$a`` are the driver's parameters; in Snowflake they are columns and variables.
DOLLAR_PARAMETERS = _POSTGRES | {"", "duckdb", "sqlite"}

#: Where ``@a`` is a parameter; in MySQL and T-SQL it is a variable.
AT_PARAMETERS = frozenset({"bigquery", "sqlite"})

#: Where ``a[:n]`` is a slice up to the column n.
SLICES = _POSTGRES | {"", "duckdb", "clickhouse"}

#: Where the NULL of a subselect has a type, which must fit what it is compared with. Elsewhere NULL fits everything.
TYPED_NULLS = _POSTGRES | {"", "bigquery", "fabric", "tsql"}


def _names() -> list[str]:
    from sqlglot import Dialects

    return sorted(each.value for each in Dialects if each.value)


def check_dialect(owner: str, dialect: str) -> None:
    """Refuse a dialect that sqlglot does not know; the empty one is what is common to all.

    Raises:
        PlaceholderError: it is unknown; near misses and all names are given.

    Example:
        >>> check_dialect("task 'top'", "duckdb")
    """
    known = _names()
    if dialect in {"", *known}:
        return
    close = near_misses(dialect.lower(), known)
    hint = f"{' or '.join(map(repr, close))}; " if close else ""
    raise PlaceholderError(owner, "dialect", dialect, f"{hint}one of {', '.join(known)}")


def find_dialect(name: str) -> Dialect:
    """Give sqlglot's dialect of a name that `check_dialect` has let pass."""
    from sqlglot.dialects.dialect import Dialect as Dialects

    return Dialects.get_or_raise(name)


@lru_cache(maxsize=64)
def _tokenizer_class(name: str) -> type:
    # sqlglot's own would give all that follows EXPLAIN, CALL and the like as one text.
    return type("_Tokenizer", (find_dialect(name).tokenizer_class,), {"COMMANDS": set()})


def tokenize(text: str, dialect: str) -> list[Token]:
    """Cut a text into tokens that know their offsets; comments and white space lie between them.

    Raises:
        sqlglot.errors.TokenError: a quote is not closed.
    """
    tokens: list[Token] = _tokenizer_class(dialect)(dialect=find_dialect(dialect)).tokenize(text)
    return tokens
