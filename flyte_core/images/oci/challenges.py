"""What a server asks for in ``WWW-Authenticate``, read as RFC 9110 writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import field, frozen

__all__ = ["Challenge", "parse_challenges"]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - a part of a header
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?=[\s,]|$)[ \t]*")
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)")
# A value without quotes may be more than a token here: some servers write their URL so.
_PARAMETER = re.compile(rf'[\s,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))[ \t]*(?=,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@frozen(kw_only=True)
class Challenge:
    """One way to authenticate.

    Args:
        scheme: in lower case, such as ``bearer``.
        parameters: by their names in lower case.
    """

    scheme: str
    parameters: Mapping[str, str] = field(factory=dict)


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read the values of a server's ``WWW-Authenticate`` headers.

    Args:
        headers: each header's value; one may hold several challenges.

    Returns:
        What could be read, in its order; what comes after a fault of a header is left out.

    Example:
        >>> parse_challenges(['Bearer realm="https://auth.example.com/token",service="registry", Basic realm="x"'])[1]
        Challenge(scheme='basic', parameters={'realm': 'x'})
    """
    return tuple(challenge for header in headers for challenge in _of_one(header))


def _of_one(text: str) -> Iterable[Challenge]:
    at = 0
    while (scheme := _SCHEME.match(text, at)) is not None:
        at = scheme.end()
        parameters: dict[str, str] = {}
        if (single := _TOKEN68.match(text, at)) is not None:
            at = single.end()
        while (found := _PARAMETER.match(text, at)) is not None:
            at = found.end()
            value = _ESCAPED.sub(r"\1", found[2]) if found[2] is not None else found[3]
            parameters.setdefault(found[1].lower(), value)
        yield Challenge(scheme=scheme[1].lower(), parameters=parameters)
