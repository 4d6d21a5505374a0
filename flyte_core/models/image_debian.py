"""The layers of the default image: Debian with Python, compilers, and flyte_core."""

from __future__ import annotations

from flyte_core.errors import InvalidValueError
from flyte_core.models.layers import AptPackages, Env, Layer, PipPackages, WorkDir

__all__ = ["debian_layers"]

_ENV = {
    "VIRTUAL_ENV": "/opt/venv",
    "PATH": "/opt/venv/bin:$PATH",
    "PYTHONPATH": "/root",
    "UV_LINK_MODE": "copy",
}


def debian_layers(release: str | None) -> tuple[Layer, ...]:
    """Give the default image's layers.

    Args:
        release: the version of flyte_core inside; None for none.

    Raises:
        InvalidValueError: when it is no version.
    """
    # Where PYTHONPATH looks, so that code which is copied or unpacked without a place of its own can be imported.
    layers = (Env.from_dict(_ENV), WorkDir("/root"), AptPackages(("build-essential", "ca-certificates")))
    if release is None:
        return layers
    return (*layers, PipPackages(packages=(f"flyte-core=={release}",), pre=_is_prerelease(release)))


def _is_prerelease(release: str) -> bool:
    if release.replace(".", "").isdigit():
        return False
    from packaging.version import InvalidVersion, Version

    try:
        return Version(release).is_prerelease
    except InvalidVersion as error:
        raise InvalidValueError("Image", "flyte_version", release, "a version as in PEP 440") from error
