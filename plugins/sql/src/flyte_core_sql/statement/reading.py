"""What sqlglot's parser makes of a statement: where placeholders stand, and which names are tables."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from flyte_core_sql.statement.dialects import SLICES, find_dialect
from flyte_core_sql.statement.scan import is_operand
from flyte_core_sql.statement.split import verb

if TYPE_CHECKING:
    from sqlglot import Token, TokenType, exp

    from flyte_core_sql.statement.scan import Word

__all__ = ["Reading", "Role", "read_statement"]

Role = Literal["value", "in", "name", "order", "slice", "table", "qualifier"]
"""What a placeholder stands for: a value, one after IN, or something that only a name can be."""

#: What EXPLAIN may explain.
_EXPLAINED = frozenset({"SELECT", "WITH", "VALUES", "FROM", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE"})

# Where sqlglot takes a placeholder and a database takes a name: class of the parent -> its fields, none for all.
_NAME_PLACES: Mapping[str, frozenset[str]] = {
    "Alias": frozenset({"alias"}),
    "Collate": frozenset({"expression"}),
    "Column": frozenset(),
    "ColumnDef": frozenset({"this"}),
    "Schema": frozenset(),
    "Star": frozenset(),
    "Table": frozenset(),
    "TableAlias": frozenset(),
    "Window": frozenset({"alias"}),
}


#: Where ``$a`` is a placeholder to sqlglot, which here takes ``SELECT :a`` for an alias that stands first.
_DOLLAR_NAMES = frozenset({"duckdb"})


@frozen(kw_only=True)
class Reading:
    """How a statement was understood.

    Args:
        error: why sqlglot cannot parse it; None when it can, and when there is nothing to parse.
        parsed: whether there is a tree, so that what is not in ``roles`` is no placeholder.
        roles: start of a word -> what it is; what the tree has lost is missing.
        lookalikes: starts of words that are something else, such as the bound of a slice.
        tables: the names of tables, in small letters, without those that the statement defines itself.
        foreign: whether it holds a parameter that is not one of ours, such as ``?``.
    """

    error: Exception | None = None
    parsed: bool = False
    roles: Mapping[int, Role] = {}
    lookalikes: frozenset[int] = frozenset()
    tables: frozenset[str] = frozenset()
    foreign: bool = False


def read_statement(
    words: Sequence[Word], text: str, dialect: str, tables: Collection[str], fragments: Mapping[str, Sequence[Token]]
) -> Reading:
    """Parse one statement.

    Args:
        words: its words, a semicolon at their end among them.
        text: the query.
        dialect: a dialect of sqlglot.
        tables: the inputs that are tables.
        fragments: the tokens of the text that each fragment stands for.
    """
    body = _parsed_part(words)
    if not body:
        return Reading()
    markers = {_marker(word): word for word in body if word.form}
    error: Exception | None = None
    for dollars in (True, False) if dialect in _DOLLAR_NAMES else (False,):
        tokens = _tokens(body, tables, fragments, dollars=dollars)
        try:
            tree = _parse(_as_insert(tokens), text, dialect)
        # sqlglot fails in many ways on what it does not know; whatever it is, the database may know better.
        except Exception as e:
            error = error or e
        else:
            return _judged(tree, markers, dialect) if tree is not None else Reading()
    return Reading(error=error)


def _marker(word: Word) -> str:
    return f"flyte_core_placeholder_{word.start}"


def _parsed_part(words: Sequence[Word]) -> Sequence[Word]:
    words = words[:-1] if words and words[-1].type == "SEMICOLON" else words
    if words and verb(words[0]) == "EXPLAIN":
        begin = next((index for index, word in enumerate(words) if verb(word) in _EXPLAINED), len(words))
        return words[begin:]
    # sqlglot keeps the rest of such a statement as text.
    commands = ("CALL", "EXECUTE", "EXEC", "COMMAND", "FETCH", "SHOW", "RENAME")
    return () if words and (words[0].type in commands or verb(words[0]) in commands) else words


def _tokens(
    words: Sequence[Word], tables: Collection[str], fragments: Mapping[str, Sequence[Token]], *, dollars: bool
) -> list[Token]:
    """Put words of their own in the place of names, so that :end and :from are placeholders and no keywords."""
    from sqlglot import TokenType

    tokens: list[Token] = []
    for before, word in zip([None, *words], words, strict=False):
        if not word.form:
            tokens.extend(word.tokens)
            continue
        if word.form == "{{" and word.name in fragments:
            tokens.extend(fragments[word.name])
            continue
        if word.form == "{{" and word.name in tables:
            tokens.append(_token(TokenType.IDENTIFIER, _marker(word), word))
            continue
        sure = dollars and (word.form == "{{" or not _follows_value(before))
        sigil = _token(TokenType.PARAMETER, "$", word) if sure else _token(TokenType.COLON, ":", word)
        tokens += [sigil, _token(TokenType.VAR, _marker(word), word)]
    return tokens


def _token(kind: TokenType, text: str, word: Word) -> Token:
    from sqlglot import Token

    first = word.tokens[0]
    return Token(kind, text, line=first.line, col=first.col, start=word.start, end=word.end - 1)


def _follows_value(before: Word | None) -> bool:
    return before is not None and (before.type in ("L_BRACKET", "COLON") or is_operand(before))


def _as_insert(tokens: list[Token]) -> list[Token]:
    """SQLite's REPLACE is a command to sqlglot, and reads like an INSERT."""
    from sqlglot import Token, TokenType

    if len(tokens) > 1 and tokens[0].text.upper() == "REPLACE" and tokens[1].text.upper() == "INTO":
        return [Token(TokenType.INSERT, "INSERT", start=tokens[0].start, end=tokens[0].end), *tokens[1:]]
    return tokens


def _parse(tokens: list[Token], text: str, dialect: str) -> Any:
    from sqlglot import exp

    with _quiet():
        trees = find_dialect(dialect).parser().parse(tokens, text)
    tree = trees[0] if len(trees) == 1 else None
    return None if isinstance(tree, exp.Command) else tree


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from warning of what it takes for a command; other threads may log what they like."""
    thread = threading.get_ident()
    logger = logging.getLogger("sqlglot")

    def lets_pass(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(lets_pass)
    try:
        yield
    finally:
        logger.removeFilter(lets_pass)


def _judged(tree: Any, markers: Mapping[str, Word], dialect: str) -> Reading:
    from sqlglot import exp

    roles: dict[int, Role] = {}
    lookalikes: set[int] = set()
    tables: set[str] = set()
    foreign = False
    for node in tree.walk():
        if isinstance(node, exp.Placeholder):
            word = markers.get(node.this) if isinstance(node.this, str) else None
            role = _role(node, dialect)
            if word is None:
                # "a[: n]" is a slice as well, and no placeholder that was written apart.
                foreign = foreign or role != "slice"
            else:
                roles[word.start] = "value" if role == "slice" and word.form == "{{" else role
            continue
        if isinstance(node, exp.Table) and not _is_defined(node):
            tables.add(node.name.lower())
        for value in node.args.values():
            word = markers.get(value) if isinstance(value, str) else None
            if word is not None and len(word.tokens) == 4:
                roles[word.start] = _table_role(node)
            elif word is not None:
                lookalikes.add(word.start)
    return Reading(
        parsed=True,
        roles=roles,
        lookalikes=frozenset(lookalikes - roles.keys()),
        tables=frozenset(tables),
        foreign=foreign,
    )


def _role(node: exp.Placeholder, dialect: str) -> Role:
    parent = node.parent
    if parent is None:
        return "value"
    kind = type(parent).__name__
    if kind in _NAME_PLACES and (node.arg_key in _NAME_PLACES[kind] or not _NAME_PLACES[kind]):
        return "name"
    if kind in ("Ordered", "Group"):
        return "order"
    if kind == "In":
        return "in"
    if kind == "EQ" and node.arg_key == "this" and type(parent.parent).__name__ in ("Update", "OnConflict"):
        # The conditions of these are in fields of their own.
        return "name" if parent.arg_key == "expressions" else "value"
    return "slice" if dialect in SLICES and _is_first_subscript(node) else "value"


def _is_first_subscript(node: exp.Placeholder) -> bool:
    """Whether it comes first in ``a[…]``, where the database sees a colon and then a name."""
    inner: Any = node
    if type(inner.parent).__name__ == "Slice" and inner.arg_key == "this":
        inner = inner.parent
    return type(inner.parent).__name__ == "Bracket" and inner.arg_key == "expressions" and not inner.index


def _table_role(node: Any) -> Role:
    """The role of a table's template, whose stand-in is an identifier."""
    parent = type(node.parent).__name__ if node.parent is not None else ""
    if parent == "Table" and node.arg_key == "this":
        return "table"
    return "qualifier" if parent == "Column" and node.arg_key == "table" else "name"


def _is_defined(table: exp.Table) -> bool:
    """Whether a table's name is one that a WITH around it defines, or one in another schema."""
    if table.args.get("db") is not None:
        return True
    name = table.name.lower()
    inside: Any = table
    passed: Any = None
    while inside.parent is not None:
        outer = inside.parent
        passed = inside if type(inside).__name__ == "CTE" else passed
        # The field is "with" in older versions of sqlglot.
        clause = outer.args.get("with_") or outer.args.get("with")
        if clause is not None and name in _seen_names(clause, passed if inside is clause else None):
            return True
        inside = outer
    return False


def _seen_names(clause: Any, within: Any) -> list[str]:
    """Name what a WITH defines; within one of its own definitions only what comes before is seen."""
    ctes = clause.expressions
    if within is not None and not clause.args.get("recursive"):
        ctes = ctes[: within.index]
    return [each.alias.lower() for each in ctes]
