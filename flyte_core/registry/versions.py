"""Comparing versions: a plugin's requirement on flyte-core, and the hook API it was written for."""

from __future__ import annotations

import operator
import re

from flyte_core.errors import PluginVersionError

__all__ = ["allows", "requirement_allows"]

_CLAUSE = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*")
_PLAIN_VERSION = re.compile(r"\d+(?:\.\d+)*")
_PLAIN_REQUIREMENT = re.compile(r"\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*\(?([<>=!,.\d\s]*)\)?\s*")
_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


def allows(specifier: str, version: str) -> bool:
    """Say whether a version is within a specifier, as `packaging` does with pre-releases allowed.

    The plain form that nearly every plugin has, such as ``>=1.0,<2``, is compared here: importing `packaging` takes
    longer (30 ms) than everything else that happens before a plugin is imported.

    Args:
        specifier: as PEP 440 defines; empty allows everything.
        version: the version.

    Returns:
        Whether it fits.

    Raises:
        PluginVersionError: the specifier or the version cannot be read.

    Example:
        >>> allows(">=1.0,<2", "1.10")
        True
    """
    clauses = [_CLAUSE.fullmatch(clause) for clause in specifier.split(",")] if specifier.strip() else []
    if _PLAIN_VERSION.fullmatch(version) and all(clauses):
        ours = _numbers(version)
        return all(_OPERATORS[clause[1]](ours, _numbers(clause[2])) for clause in clauses if clause)
    return _packaging_allows(specifier, version)


def requirement_allows(requirement: str, version: str) -> bool:
    """Say whether a version is within a requirement; one that its marker switches off allows everything.

    Args:
        requirement: as PEP 508 defines, such as ``flyte-core<2,>=1.0``.
        version: the installed version.

    Returns:
        Whether it fits.

    Raises:
        PluginVersionError: the requirement or the version cannot be read.
    """
    plain = _PLAIN_REQUIREMENT.fullmatch(requirement)
    if plain:
        return allows(plain[1], version)
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
    except InvalidRequirement as error:
        raise PluginVersionError(f"requirement {requirement!r} cannot be read: {error}") from error
    if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
        return True
    return allows(str(parsed.specifier), version)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:  # 1.0 and 1 are one version
        numbers.pop()
    return tuple(numbers)


def _packaging_allows(specifier: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion) as error:
        raise PluginVersionError(f"version {version!r} cannot be compared with {specifier!r}: {error}") from error
