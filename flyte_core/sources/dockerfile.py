"""What a Dockerfile takes from the folder that it is built in: https://docs.docker.com/reference/dockerfile/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = ["reads_context"]

_DIRECTIVE = re.compile(r"#\s*(?P<name>[a-zA-Z][a-zA-Z0-9]*)\s*=\s*(?P<value>.+?)\s*")
_HEREDOC = re.compile(r"<<(?P<tab>-?)(?P<quote>[\"']?)(?P<name>[A-Za-z_][A-Za-z0-9_.]*)(?P=quote)")
_FLAG = re.compile(r"--(?P<name>[a-z][a-z\-]*)(?:=(?P<value>\S*))?\s+")
_OF_DOCKER = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@].*)?")
_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@", re.IGNORECASE)


def reads_context(text: str) -> bool:
    """Whether building a Dockerfile can copy files of its context into the image.

    In doubt it can: variables in the places of sources, and frontends that are not Docker's.

    Args:
        text: the Dockerfile.

    Example:
        >>> reads_context("FROM python\\nCOPY --from=builder /a /a"), reads_context("FROM python\\nCOPY . /app")
        (False, True)
    """
    directives = dict(_directives(text))
    if not _OF_DOCKER.fullmatch(directives.get("syntax", "docker/dockerfile")):
        return True
    escape = directives.get("escape", "\\")
    return any(_reads(line) for line in _instructions(text, escape if escape in ("\\", "`") else "\\"))


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """Give the directives for the parser, which end at the first line that is none."""
    for line in text.removeprefix("\ufeff").splitlines():
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            return
        yield match["name"].lower(), match["value"]


def _instructions(text: str, escape: str) -> Iterator[str]:
    """Give every instruction as one line, with the words of heredocs and without their bodies."""
    continued = re.compile(re.escape(escape) + r"[ \t]*$")
    pending = ""
    lines = iter(text.removeprefix("\ufeff").splitlines())
    for line in lines:
        # A comment, or an empty line, does not end an instruction.
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if continued.search(line):
            pending += continued.sub("", line)
            continue
        instruction, pending = (pending + line).strip(), ""
        yield instruction
        for is_indented, end in _heredocs(instruction):
            for inner in lines:
                if (inner.lstrip("\t") if is_indented else inner) == end:
                    break
    if pending.strip():
        yield pending.strip()


def _heredocs(instruction: str) -> list[tuple[bool, str]]:
    words = instruction.split(None, 2)
    name = words[1] if len(words) > 1 and words[0].upper() == "ONBUILD" else words[0]
    if name.upper() not in ("RUN", "COPY", "ADD"):
        return []
    return [(bool(match["tab"]), match["name"]) for match in _HEREDOC.finditer(instruction)]


def _reads(instruction: str) -> bool:
    name, *rest = instruction.split(None, 1)
    name = name.upper()
    flags, words = _flags(rest[0] if rest else "")
    if name == "RUN":
        return any(_mount_reads(value) for flag, value in flags if flag == "mount")
    if name not in ("COPY", "ADD") or any(flag == "from" for flag, _ in flags):
        return False
    sources = [one for one in _sources(words) if not _HEREDOC.fullmatch(one)]
    return any(name == "COPY" or not _REMOTE.match(one) for one in sources)


def _flags(rest: str) -> tuple[list[tuple[str, str]], str]:
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        flags.append((match["name"], match["value"] or ""))
        rest = rest[match.end() :]
    return flags, rest


def _mount_reads(value: str) -> bool:
    pairs = (part.partition("=") for part in value.strip("\"'").lower().split(","))
    fields = {name: given for name, _, given in pairs}
    kind = fields.get("type", "bind")
    return (kind == "bind" or "$" in kind) and "from" not in fields


def _sources(words: str) -> list[str]:
    if words.startswith("["):
        try:
            found = json.loads(words)
        except ValueError:
            return words.split()[:-1]
        return [str(one) for one in found[:-1]]
    return words.split()[:-1]
