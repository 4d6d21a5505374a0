"""Kubernetes quantities: ``500m``, ``2Gi``, ``1e3``.

The grammar is that of ``resource.Quantity``, as documented in
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ (the suffixes ``n`` and ``u``, which
that page leaves out, are accepted by Kubernetes and here).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flyte_core.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    import re
    from fractions import Fraction

__all__ = ["is_quantity", "parse_quantity"]

# Powers of ten and of two of the suffixes.
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_ALLOWED = "a Kubernetes quantity such as 500m, 1.5, 2Gi or 1e3"


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    import re

    # Exponents end at three digits: Kubernetes caps every quantity at 2**63-1, and a longer one would
    # only let a short text cost gigabytes.
    return re.compile(
        r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
        r"(?:[eE](?P<exponent>[+-]?0*[0-9]{1,3})|(?P<suffix>[KMGTPE]i|[numkMGTPE]?))"
    )


@lru_cache(maxsize=512)
def is_quantity(text: str) -> bool:
    """Whether a text is written as a Kubernetes quantity.

    Example:
        >>> is_quantity("512Mi"), is_quantity("1GiB")
        (True, False)
    """
    return _pattern().fullmatch(text) is not None


def parse_quantity(text: str) -> Fraction:
    """The exact number that a Kubernetes quantity stands for.

    Args:
        text: the quantity, such as ``"500m"``.

    Returns:
        Its value; exact, so that ``1.1Gi`` and ``1126.4Mi`` compare equal.

    Raises:
        InvalidTypeError: when it is not a text.
        InvalidValueError: when the text is not a quantity.

    Example:
        >>> parse_quantity("2Ki"), parse_quantity("250m")
        (Fraction(2048, 1), Fraction(1, 4))
    """
    if not isinstance(text, str):
        raise InvalidTypeError("parse_quantity", "text", text, _ALLOWED)
    return _parse(text)


@lru_cache(maxsize=512)
def _parse(text: str) -> Fraction:
    match = _pattern().fullmatch(text)
    if match is None:
        raise InvalidValueError("parse_quantity", "text", text, _ALLOWED)
    from fractions import Fraction

    number = Fraction(match["number"].rstrip("."))
    suffix = match["suffix"] or ""
    if suffix in _BINARY:
        return number * Fraction(2) ** _BINARY[suffix]
    power = int(match["exponent"]) if match["exponent"] else _DECIMAL[suffix]
    return number * Fraction(10) ** power
