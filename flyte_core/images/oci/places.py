"""Where requests for an image go: host, path and scheme, with Docker Hub's other name and with mirrors."""

from __future__ import annotations

import ipaddress
import urllib.parse
from typing import TYPE_CHECKING

from attrs import frozen

from flyte_core.images.references import DOCKER_HUB, ImageReference

if TYPE_CHECKING:
    from flyte_core.images.oci.settings import RegistrySettings

__all__ = ["Place", "is_loopback", "place_of"]

_HUB_ADDRESS = "registry-1.docker.io"


@frozen(kw_only=True)
class Place:
    """A repository at a registry.

    Args:
        host: the registry as names of images write it, which credentials and certificates are kept by.
        address: the host that is asked.
        repository: the repository there.
        is_plain: whether it may be asked in plain HTTP.
    """

    host: str
    address: str
    repository: str
    is_plain: bool

    def url(self, scheme: str, kind: str, name: str) -> str:
        """Give the URL of a manifest or a blob.

        Args:
            scheme: ``http`` or ``https``.
            kind: ``manifests`` or ``blobs``.
            name: its tag or digest.
        """
        return f"{scheme}://{self.address}/v2/{self.repository}/{kind}/{name}"


def is_loopback(address: str) -> bool:
    """Whether a host, perhaps with a port, is this machine.

    Args:
        address: the host.

    Example:
        >>> is_loopback("localhost:5000"), is_loopback("[::1]:5000"), is_loopback("ghcr.io")
        (True, True, False)
    """
    host = urllib.parse.urlsplit(f"//{address}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def place_of(reference: ImageReference, settings: RegistrySettings) -> Place:
    """Say where an image is asked for.

    Args:
        reference: the image.
        settings: with mirrors and insecure hosts.

    Example:
        >>> from flyte_core.images.oci import RegistrySettings
        >>> place_of(ImageReference.parse("python:3.12"), RegistrySettings()).url("https", "manifests", "3.12")
        'https://registry-1.docker.io/v2/library/python/manifests/3.12'
    """
    host, _, prefix = settings.mirrors.get(reference.registry, reference.registry).partition("/")
    return Place(
        host=host,
        address=_HUB_ADDRESS if host == DOCKER_HUB else host,
        repository=f"{prefix}/{reference.repository}" if prefix else reference.repository,
        is_plain=host in settings.insecure or is_loopback(host),
    )
