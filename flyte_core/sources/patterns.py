"""One line of an ignore file as a pattern: Docker's dialect, and Git's.

Both say whether a path matches *itself*. What follows for the files of a folder that matches is a matter of the rules
as a whole, since there the dialects differ: see `flyte_core.sources.rules`.
"""

from __future__ import annotations

import posixpath
import re

from pathspec.pattern import RegexPattern
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

__all__ = ["DockerIgnorePattern", "GitIgnorePattern", "cleaned_pattern", "part_matches"]


class DockerIgnorePattern(RegexPattern):
    """A pattern of a ``.dockerignore`` file: anchored at the root, with ``*``, ``?``, ``[a-z]`` and ``**``.

    https://docs.docker.com/build/concepts/context/#dockerignore-files

    Example:
        >>> bool(DockerIgnorePattern("**/*.log").match_file("a/b.log")), bool(DockerIgnorePattern("*.log").match_file("a/b"))
        (True, False)
    """  # noqa: E501 - an example that runs is one line

    @classmethod
    def pattern_to_regex(cls, pattern: str | bytes) -> tuple[str | None, bool | None]:  # type: ignore[override]
        """Give a line's regular expression, and whether what matches is ignored; both None for a line without one."""
        line = pattern.decode("utf-8", "surrogateescape") if isinstance(pattern, bytes) else pattern
        if line.startswith("#"):
            return None, None
        body = line.strip()
        ignores = not body.startswith("!")
        cleaned = cleaned_pattern(body)
        if not cleaned:
            return None, None
        return _docker_regex(cleaned), ignores


def cleaned_pattern(text: str) -> str:
    """Give a pattern of Docker's dialect without its ``!``, with one spelling of its path; empty for none."""
    body = text.strip().removeprefix("!").strip()
    return posixpath.normpath(body).lstrip("/").strip() if body else ""


def part_matches(part: str, name: str) -> bool:
    """Whether one part of a path's pattern, without ``**``, matches one name."""
    return re.match(_docker_regex(part), name) is not None


def _docker_regex(pattern: str) -> str:
    """As Docker's own translation, which takes ``**`` for any number of folders wherever it stands.

    Docker's hands some signs to its regular expressions as they are (``+``, ``^``, ``(``, ``|``, a letter behind a
    backslash). They are plain signs here, as its documentation has them.
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*" and pattern.startswith("*", at):
            at += 1
            # "**/" and "**" are the same; at the end it takes everything.
            at += pattern.startswith("/", at)
            parts.append("(?:.*/)?" if at < len(pattern) else ".*")
        elif sign == "*":
            parts.append("[^/]*")
        elif sign == "?":
            parts.append("[^/]")
        elif sign == "[":
            part, at = _character_class(pattern, at)
            parts.append(part)
        elif sign == "\\" and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append(re.escape(sign))
    return f"\\A(?s:{''.join(parts)})\\Z"


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """Translate what stands behind ``[``; one that is never closed is a plain sign."""
    end = at + pattern.startswith("^", at)
    start = end
    members: list[str] = []
    while end < len(pattern) and (pattern[end] != "]" or end == start):
        if pattern[end] == "\\" and end + 1 < len(pattern):
            end += 1
            members.append(re.escape(pattern[end]))
        else:
            members.append(pattern[end] if pattern[end] == "-" else re.escape(pattern[end]))
        end += 1
    if end >= len(pattern):
        return re.escape("["), at
    found = f"[{'^' if start > at else ''}{''.join(members)}]"
    try:
        re.compile(found)
    except re.error:  # a range that ends before it begins matches nothing
        return "(?!)", end + 1
    return found, end + 1


class GitIgnorePattern(GitIgnoreSpecPattern):
    """A pattern of a ``.gitignore`` file.

    https://git-scm.com/docs/gitignore

    Example:
        >>> [GitIgnorePattern("build/").matches("a/build", is_folder) for is_folder in (True, False)]
        [True, False]
    """

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self._body = re.sub(r"^/?(?:\*\*/)+", "**/", pattern.rstrip().removeprefix("!"))

    def matches(self, path: str, is_folder: bool) -> bool:
        """Whether the pattern means this path itself, and not only a folder above it."""
        if self.regex is None:
            return False
        # These the library shortens, so that what it finds says nothing of where.
        if self._body in ("*", "**", "/**", "**/*", "**/**"):
            return True
        if self._body in ("*/", "**/", "**/*/"):
            return is_folder
        # "folder/**" means what is inside, "folder/**/" the folders that are.
        if self._body.endswith(("/**", "/**/")):
            return (is_folder or self._body.endswith("*")) and self.regex.search(path) is not None
        found = self.regex.search(f"{path}/" if is_folder else path)
        return found is not None and found.end() >= len(path)
