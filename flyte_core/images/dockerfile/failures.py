"""What is said of a build that failed: where in the image, its last lines, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flyte_core.errors import ImageBuildError, without_secrets

if TYPE_CHECKING:
    from flyte_core.images.dockerfile.plan import Plan, Step

__all__ = ["build_error", "hint", "step_of"]

_TAIL = 20
_LONGEST = 500

#: What builders, package managers and programs say, and what helps; the first that is found counts.
_HINTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("no space left on device", "disk quota exceeded"),
        "The builder's disk is full: make room, for example with `docker system prune` or `buildah prune`.",
    ),
    (
        ("exec format error", "no match for platform", "does not match the specified platform"),
        (
            "The image is for another architecture than the machine's: choose the platform of the Image, or install "
            "emulation (qemu-user-static) where it is built."
        ),
    ),
    (
        ("secret .*not found", "could not find secret", "no secret"),
        "A secret is not there: set its variable, or write its file.",
    ),
    (
        ("python3: (?:command )?not found", 'exec: "python3"', "No module named (?:venv|ensurepip)"),
        (
            "The base image has no Python that uv could be installed with: name an image that has uv in the settings, "
            'as images.uv = "image:ghcr.io/astral-sh/uv:0.8".'
        ),
    ),
    (
        ("python-build-standalone", "No interpreter found", "No download found for request"),
        (
            "The base image does not have the image's Python, and uv could not get it: take a base that has it, or say "
            "which one the base has with clone(python_version=...)."
        ),
    ),
    (
        (
            "manifest unknown",
            "manifest for .* not found",
            "repository .* not found",
            "name unknown",
            "short-name .* did not resolve",
            "failed to resolve source metadata",
            "reading manifest",
            "no such image",
            r"^(?:ERROR: )?[^\s/]\S*/\S+: not found\s*$",
            "pull access denied",
        ),
        (
            "An image is not where it is pulled from: check its name and tag, log in if it is private, or name a "
            "mirror in the settings' images.mirrors."
        ),
    ),
    (
        (
            "401 Unauthorized",
            "403 Forbidden",
            "unauthorized",
            "authentication required",
            "no basic auth credentials",
            "denied: ",
            "insufficient_scope",
            "HTTP Basic: Access denied",
            "could not read Username",
        ),
        (
            "Credentials are missing or not enough: log in to the registry (`docker login`, `buildah login`) or give "
            "the image a registry_secret; for an index, put the secret into secret_mounts, and $NAME into its URL."
        ),
    ),
    (
        (
            "No solution found",
            "was not found in the (?:package registry|provided package locations)",
            "No matching distribution",
            "Unable to locate package",
            "has no installation candidate",
        ),
        (
            "A package was not found: check its name and version, its index, and that it is there for this Python and "
            "platform."
        ),
    ),
    (
        (
            "Temporary failure (?:in name )?resolv",
            "Could not resolve",
            "name (?:or service )?(?:not known|does not resolve)",
            "no such host",
            "network is unreachable",
            "connection (?:refused|timed out)",
            "i/o timeout",
            "dns error",
            "failed to lookup address",
            "TLS handshake timeout",
            "Failed to (?:fetch|establish)",
            "error sending request",
            "attempts to connect to .* failed",
            "CERTIFICATE_VERIFY_FAILED",
            "invalid peer certificate",
            "certificate signed by unknown",
        ),
        (
            "The network did not answer, or its certificate is not trusted: check proxies (HTTP_PROXY, HTTPS_PROXY), "
            "and name indexes, mirrors, wheels or apt_sources in the settings' table images."
        ),
    ),
    (
        (
            "Cannot connect to the Docker daemon",
            "error during connect",
            "code = Unavailable",
            "transport is closing",
            "unexpected EOF",
            "closing transport",
            "error reading from server: EOF",
            "connection (?:is )?(?:closed|reset)",
            "context canceled",
        ),
        (
            "The engine went away while it built: see that it runs (`docker info`), and build again; what is built "
            "already is kept."
        ),
    ),
    (
        ("permission denied", "operation not permitted", "EACCES"),
        (
            "A file or the builder may not be used by this user: check its mode and owner, and whether the user may "
            "use the engine."
        ),
    ),
    (
        ("Killed\\s*$", "exit (?:code|status):? 137", "out of memory"),
        "A process was killed, mostly for want of memory.",
    ),
)
_COMPILED = tuple((re.compile("|".join(signs), re.MULTILINE | re.IGNORECASE), text) for signs, text in _HINTS)


def hint(lines: Iterable[str]) -> str:
    """Say what to do about a failure.

    Args:
        lines: what was said, the last lines at the end.

    Returns:
        A sentence; empty where nothing is known.

    Example:
        >>> hint(["write /x: no space left on device"]).startswith("The builder's disk is full")
        True
    """
    text = "\n".join(lines)
    return next((told for pattern, told in _COMPILED if pattern.search(text)), "")


def step_of(plan: Plan, shown: str) -> Step | None:
    """Find the instruction that a builder shows as the one that failed.

    Args:
        plan: what is built.
        shown: the instruction in the builder's words.
    """
    words = " ".join(shown.replace("\\\n", " ").split())
    if not words:
        return None
    exact = [step for step in plan.steps if step.words == words]
    near = [step for step in plan.steps if _shown_as(step.words).match(_bare(words))]
    return next(iter(exact + near), None)


def _bare(words: str) -> str:
    return re.sub(r"[\"'\\\s]", "", words)


def _shown_as(words: str) -> re.Pattern[str]:
    """Give what a builder may show of an instruction: without quotes, and with the values of variables."""
    parts = re.split(r"\$(?:\w+|\{[^}]*\})", _bare(words))
    return re.compile(".*?".join(map(re.escape, parts)) + "$", re.DOTALL)


def build_error(
    name: str, plan: Plan, lines: Sequence[str], *, failed: str = "", reason: str = "", during: str = "building"
) -> ImageBuildError:
    """Describe a build that failed.

    Args:
        name: the image's name.
        plan: what was built.
        lines: what the builder said, without secrets.
        failed: the instruction that failed, in the builder's words.
        reason: what the builder gives as its reason.
        during: what failed.
    """
    step = step_of(plan, failed) if failed else None
    parts = [f"{name}: {during} failed" + (f" at {step.origin[:1].lower()}{step.origin[1:]}" if step else "")]
    instruction = step.text if step else failed
    if instruction:
        parts.append(_indented(instruction.split("\n")))
    tail = [line for line in lines if line.strip()][-_TAIL:]
    if tail:
        parts.append("Its last lines:\n" + _indented(tail))
    if reason and not any(reason in line for line in tail):
        parts.append(without_secrets(reason))
    told = hint([*tail, reason])
    return ImageBuildError("\n".join([*parts, told] if told else parts))


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {without_secrets(line[:_LONGEST])}" for line in lines)
