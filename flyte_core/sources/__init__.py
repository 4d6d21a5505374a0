"""The files of a project: which ones count, what is in them, and one digest of all."""

from __future__ import annotations

from flyte_core.sources.dockerfile import reads_context
from flyte_core.sources.hashing import combined_digest, digest_of_entries, file_digest, tree_digest
from flyte_core.sources.patterns import DockerIgnorePattern, GitIgnorePattern
from flyte_core.sources.requirements import requirement_files
from flyte_core.sources.rules import (
    STANDARD_IGNORED,
    IgnoreRules,
    Rule,
    read_dockerignore,
    read_gitignore,
    standard_rules,
)
from flyte_core.sources.script import script_metadata
from flyte_core.sources.tree import Entry, list_tree

__all__ = [
    "STANDARD_IGNORED",
    "DockerIgnorePattern",
    "Entry",
    "GitIgnorePattern",
    "IgnoreRules",
    "Rule",
    "combined_digest",
    "digest_of_entries",
    "file_digest",
    "list_tree",
    "read_dockerignore",
    "read_gitignore",
    "reads_context",
    "requirement_files",
    "script_metadata",
    "standard_rules",
    "tree_digest",
]
