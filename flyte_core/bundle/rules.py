"""Which files of a project do not belong into a bundle: the ignore files of Git and Docker, and the standard set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from flyte_core.bundle.naming import MARKER
from flyte_core.sources import (
    DockerIgnorePattern,
    GitIgnorePattern,
    IgnoreRules,
    Rule,
    list_tree,
    read_dockerignore,
    read_gitignore,
    standard_rules,
)

__all__ = ["project_rules"]

_GIT, _DOCKER = ".gitignore", ".dockerignore"
_SPECIAL = re.compile(r"([*?\[\]\\ ])")


def project_rules(root: str) -> IgnoreRules:
    """Give the rules of a folder; of those that mean a file the last one decides.

    In their order: the standard set; the ``.gitignore`` files from the top of the repository down to the folder, then
    those in its folders; its ``.dockerignore``.

    Args:
        root: the folder.

    Raises:
        SourceError: an ignore file or folder cannot be read.
    """
    own = Rule(pattern=DockerIgnorePattern(f"**/*{MARKER}*"), text=f"**/*{MARKER}*", origin="the standard set")
    above = [*standard_rules(), own, *_rules_above(root)]
    docker = os.path.join(root, _DOCKER)
    last = read_dockerignore(docker) if os.path.isfile(docker) else ()
    # An ignore file in a folder that is ignored says nothing, so the others come first.
    rules = IgnoreRules((*above, *last))
    nested = [entry.path for entry in list_tree(root, rules) if entry.path.endswith(f"/{_GIT}")]
    if not nested:
        return rules
    nested.sort(key=lambda path: path.count("/"))
    return IgnoreRules((*above, *(rule for path in nested for rule in _nested_rules(root, path)), *last))


def _rules_above(root: str) -> list[Rule]:
    """Give the rules of Git from the repository's top to the folder."""
    folders = [os.path.realpath(root)]
    while not os.path.exists(os.path.join(folders[-1], ".git")):
        parent = os.path.dirname(folders[-1])
        if parent == folders[-1]:
            folders = folders[:1]  # no repository
            break
        folders.append(parent)
    found: list[Rule] = []
    for folder in reversed(folders):
        path = os.path.join(folder, _GIT)
        if not os.path.isfile(path):
            continue
        above = os.path.relpath(folders[0], folder).replace(os.sep, "/")
        steps = "../" * (above.count("/") + 1) if above != "." else ""
        found += [
            Rule(
                pattern=rule.pattern,
                text=rule.text,
                origin=f"{steps}{rule.origin}",
                above="" if above == "." else above,
            )
            for rule in read_gitignore(path)
        ]
    return found


def _nested_rules(root: str, path: str) -> Sequence[Rule]:
    """Give the rules of an ignore file in a folder below, anchored where it lies."""
    folder = path.rpartition("/")[0]
    with open(os.path.join(root, path), encoding="utf-8-sig", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    found: list[Rule] = []
    for number, line in enumerate(lines, start=1):
        pattern = GitIgnorePattern(_anchored(line, folder))
        if pattern.regex is not None:
            found.append(Rule(pattern=pattern, text=line.strip(), origin=f"{path}, line {number}"))
    return found


def _anchored(line: str, folder: str) -> str:
    if line.startswith("#") or not line.strip():
        return ""
    sign, body = ("!", line[1:]) if line.startswith("!") else ("", line)
    place = _SPECIAL.sub(r"\\\1", folder)
    if "/" in body.rstrip().rstrip("/"):
        return f"{sign}/{place}/{body.lstrip('/')}"
    return f"{sign}/{place}/**/{body}"
