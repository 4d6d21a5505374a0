"""Which files of a folder count: the rules of ignore files and the standard set, in one pipeline.

Of the rules that match a path the last one decides. A rule of Docker's dialect that matches a folder holds for
everything below it, whether it ignores or keeps, unless a later rule says otherwise. One of Git's dialect that keeps a
folder says nothing of the files in it, and no file is kept by Git's rules while its folder is ignored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from attrs import field, frozen

from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources.patterns import DockerIgnorePattern, GitIgnorePattern, cleaned_pattern, part_matches

__all__ = ["STANDARD_IGNORED", "IgnoreRules", "Rule", "read_dockerignore", "read_gitignore", "standard_rules"]

STANDARD_IGNORED = (
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "*.pyc",
    "*.pyo",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".idea",
    ".DS_Store",
    "node_modules",
)
"""What never belongs into an image or bundle, wherever it lies, unless an ignore file keeps it with ``!``."""


@frozen(kw_only=True)
class Rule:
    """One line of an ignore file.

    Args:
        pattern: the pattern, compiled.
        text: the line as it is written.
        origin: where it stands, such as ``.dockerignore, line 3``.
        above: the folder that is copied as seen from the ignore file's, where that lies in a folder above: the pattern
            is anchored there.
    """

    pattern: DockerIgnorePattern | GitIgnorePattern
    text: str
    origin: str
    above: str = ""

    @property
    def ignores(self) -> bool:
        """Whether what matches is ignored, and not kept."""
        return bool(self.pattern.include)

    def matches(self, path: str, is_folder: bool) -> bool:
        """Whether the rule means this path itself."""
        seen = f"{self.above}/{path}" if self.above else path
        if isinstance(self.pattern, GitIgnorePattern):
            return self.pattern.matches(seen, is_folder)
        return self.pattern.match_file(seen) is not None

    def keeps_all(self) -> bool:
        """Whether the rule keeps the folder itself that is copied, or one that it is in."""
        parts = self.above.split("/") if self.above else []
        return not self.ignores and any(
            self.pattern.match_file("/".join(parts[:at])) is not None for at in range(1, len(parts) + 1)
        )

    def may_match_below(self, folder: str) -> bool:
        """Whether the rule can mean something inside of a folder that it does not mean itself."""
        if isinstance(self.pattern, GitIgnorePattern):
            # Nothing is kept in an ignored folder.
            return False
        seen = f"{self.above}/{folder}" if self.above else folder
        parts = cleaned_pattern(self.text).split("/")
        for part, name in zip(parts, seen.split("/"), strict=False):
            if "**" in part:
                return True
            if not part_matches(part, name):
                return False
        return len(parts) > seen.count("/") + 1


def _tuple(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(rules)


@frozen(eq=False)
class IgnoreRules:
    """All rules of a folder, in their order.

    Args:
        rules: the rules; later ones win.

    Attributes:
        start: what `inherited` would give for the root.

    Example:
        >>> rules = IgnoreRules((*standard_rules(), *read_dockerignore("rules", lines=["*.log", "!keep.log"])))
        >>> [rules.ignores(path) for path in ("a.log", "keep.log", "sub/a.log", "sub/__pycache__/a.py")]
        [True, False, False, True]
        >>> rules.explain("a.log")
        'ignored by rules, line 1: *.log'
    """

    rules: tuple[Rule, ...] = field(default=(), converter=_tuple)
    start: int = field(init=False, repr=False)
    _names: re.Pattern[str] | None = field(init=False, repr=False)
    _others: tuple[int, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Ten thousand files times all rules would take longer than to read the files. Most rules are about a name
        # anywhere, and one expression says of a name that none of them is about it.
        by_name = {at: name for at, rule in enumerate(self.rules) if (name := _name_only(rule)) is not None}
        expression = "|".join(dict.fromkeys(by_name.values()))
        object.__setattr__(self, "_names", re.compile(expression) if by_name else None)
        # Whoever copies a folder wants it, even if a file above ignores the whole folder; what it keeps is kept here.
        keeping = (at for at in reversed(range(len(self.rules))) if self.rules[at].keeps_all())
        object.__setattr__(self, "start", next(keeping, -1))
        object.__setattr__(self, "_others", tuple(at for at in range(len(self.rules)) if at not in by_name))

    def decide(self, path: str, name: str, is_folder: bool, above: int = -1) -> int:
        """Give the number of the rule that decides about a path, -1 for none.

        Args:
            path: the path below the root, with ``/``.
            name: its last part.
            is_folder: whether it is a folder.
            above: the number that was given for the folder that it is in, as `inherited` gives it.
        """
        found = above
        is_lost = above >= 0 and self.rules[above].ignores
        for at in self._others if self._names is None or not self._names.match(name) else range(len(self.rules)):
            if at > found and self._counts(at, is_lost) and self.rules[at].matches(path, is_folder):
                found = at
        return found

    def _counts(self, at: int, is_lost: bool) -> bool:
        rule = self.rules[at]
        return not is_lost or rule.ignores or isinstance(rule.pattern, DockerIgnorePattern)

    def is_ignored(self, decided: int) -> bool:
        """Whether a path is ignored by what `decide` gave."""
        return decided >= 0 and self.rules[decided].ignores

    def inherited(self, decided: int) -> int:
        """Give what the files of a folder take over of the decision about it."""
        if decided < 0 or self.rules[decided].ignores:
            return decided
        return decided if isinstance(self.rules[decided].pattern, DockerIgnorePattern) else -1

    def is_closed(self, folder: str, decided: int) -> bool:
        """Whether nothing in a folder counts, so that it need not be looked into."""
        if not self.is_ignored(decided):
            return False
        later = self.rules[decided + 1 :]
        return not any(not rule.ignores and rule.may_match_below(folder) for rule in later)

    def ignores(self, path: str, is_folder: bool = False) -> bool:
        """Whether a path is ignored.

        Args:
            path: the path below the root, with ``/``.
            is_folder: whether it is a folder; those above it are.
        """
        return self.is_ignored(self._decision(path, is_folder))

    def explain(self, path: str, is_folder: bool = False) -> str | None:
        """Say which rule decides about a path; None when none does and it counts.

        Args:
            path: the path below the root, with ``/``.
            is_folder: whether it is a folder.
        """
        decided = self._decision(path, is_folder)
        if decided < 0:
            return None
        rule = self.rules[decided]
        return f"{'ignored' if rule.ignores else 'kept'} by {rule.origin}: {rule.text}"

    def _decision(self, path: str, is_folder: bool) -> int:
        decided, seen = self.start, ""
        parts = path.strip("/").split("/")
        for at, part in enumerate(parts):
            seen = f"{seen}/{part}" if seen else part
            is_last = at == len(parts) - 1
            decided = self.decide(seen, part, is_folder or not is_last, self.inherited(decided))
        return decided


def _name_only(rule: Rule) -> str | None:
    """Give the expression for names, of a rule that means a name anywhere."""
    if isinstance(rule.pattern, GitIgnorePattern):
        return None
    body = cleaned_pattern(rule.text)
    name = body.removeprefix("**/")
    if name == body or "/" in name or "**" in name or rule.above:
        return None
    pattern = DockerIgnorePattern(name)
    return pattern.regex.pattern if pattern.regex is not None else None


def standard_rules() -> tuple[Rule, ...]:
    """The rules for `STANDARD_IGNORED`."""
    return tuple(
        Rule(pattern=DockerIgnorePattern(f"**/{name}"), text=f"**/{name}", origin="the standard set")
        for name in STANDARD_IGNORED
    )


def read_dockerignore(
    path: str | os.PathLike[str], *, above: str = "", lines: Iterable[str] | None = None
) -> tuple[Rule, ...]:
    """The rules of a file in Docker's dialect.

    Args:
        path: the file.
        above: the folder that is copied as seen from the file's, where that lies in a folder above. The patterns then
            are anchored in both folders.
        lines: what is in the file, where that is known.

    Raises:
        MissingSourceError: when there is no such file.
        SourceError: when it cannot be read.
    """
    found: list[Rule] = []
    for number, line in enumerate(_lines(path) if lines is None else lines, start=1):
        pattern = DockerIgnorePattern(line)
        if pattern.regex is None:
            continue
        rule = Rule(pattern=pattern, text=line.strip(), origin=f"{os.path.basename(path)}, line {number}")
        found.append(rule)
        if above:
            found.append(Rule(pattern=pattern, text=rule.text, origin=rule.origin, above=above))
    return tuple(found)


def read_gitignore(path: str | os.PathLike[str], *, lines: Iterable[str] | None = None) -> tuple[Rule, ...]:
    """The rules of a file in Git's dialect; arguments and errors as `read_dockerignore`."""
    found: list[Rule] = []
    for number, line in enumerate(_lines(path) if lines is None else lines, start=1):
        pattern = GitIgnorePattern(line)
        if pattern.regex is not None:
            origin = f"{os.path.basename(path)}, line {number}"
            found.append(Rule(pattern=pattern, text=line.strip(), origin=origin))
    return tuple(found)


def _lines(path: str | os.PathLike[str]) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read().split("\n")
    except FileNotFoundError:
        raise MissingSourceError("ignore rules", path, "there is no such file") from None
    except OSError as error:
        raise SourceError("ignore rules", path, f"it cannot be read ({error.strerror})") from error
