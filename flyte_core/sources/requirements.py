"""A requirements file and the files that it includes."""

from __future__ import annotations

import os
import re

from flyte_core.errors import MissingSourceError, SourceError

__all__ = ["requirement_files"]

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(?P<path>\S.*)")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def requirement_files(path: str | os.PathLike[str]) -> list[str]:
    """Give a requirements file and those that it includes by ``-r`` and ``-c``, each once, in the order of inclusion.

    A path is relative to the file that it stands in, as for pip. URLs are left to who installs.

    Args:
        path: the file.

    Returns:
        The files' paths, the first one as it was given.

    Raises:
        MissingSourceError: when one of them is not there.
        SourceError: when one cannot be read, or is included by an absolute path, which means nothing in an image.
    """
    found: list[str] = []
    _collect(os.fspath(path), found, None)
    return found


def _collect(path: str, found: list[str], includer: str | None) -> None:
    found.append(path)
    for line in _logical_lines(_text(path, includer)):
        match = _INCLUDE.match(line)
        if match is None:
            continue
        name = match["path"].strip().strip("\"'")
        if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+:", name):
            continue
        if os.path.isabs(name):
            raise SourceError("Requirements", path, f"it includes {name}; write the path relative to this file")
        included = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if not any(os.path.abspath(included) == os.path.abspath(known) for known in found):
            _collect(included, found, path)


def _text(path: str, includer: str | None) -> str:
    by = f", which {includer} includes" if includer else ""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        raise MissingSourceError("Requirements", path, f"there is no such file{by}") from None
    except IsADirectoryError:
        raise SourceError("Requirements", path, f"it is a folder, and has to be a file{by}") from None
    except OSError as error:
        raise SourceError("Requirements", path, f"it cannot be read ({error.strerror}){by}") from error


def _logical_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", "", text)
    return [_COMMENT.sub("", line).strip() for line in joined.splitlines()]
