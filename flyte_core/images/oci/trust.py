"""Whom to trust, and what to show: the system's certificates, and those in Docker's ``certs.d`` folders."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from flyte_core.images.oci.credentials import docker_folder

__all__ = ["CertificatesError", "Trust"]

_SYSTEM = Path("/etc/docker")


class CertificatesError(Exception):
    """A file in ``certs.d`` cannot be used."""


class Trust:
    """The certificates for each host.

    Args:
        env: the environment, which says where the user's folder is.
    """

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._folders = tuple(base / "certs.d" for base in (docker_folder(env), _SYSTEM))
        self._contexts: dict[str, ssl.SSLContext | bool] = {}

    @property
    def folder(self) -> Path:
        """The user's own folder."""
        return self._folders[0]

    def has_files(self, host: str) -> bool:
        """Whether there are files for a host, which then speaks TLS.

        Args:
            host: the host, with its port where it has one.
        """
        return bool(self._files(host))

    def shows(self, host: str) -> bool:
        """Whether there is a certificate to show to a host.

        Args:
            host: the host, with its port where it has one.
        """
        return any(path.suffix == ".cert" for path in self._files(host))

    def context(self, host: str) -> ssl.SSLContext | bool:
        """Give what a connection to a host is verified with; True where there are no files for it.

        Args:
            host: the host, with its port where it has one.

        Raises:
            CertificatesError: a file cannot be read, is none of certificates, or has no key beside it.
        """
        if host not in self._contexts:
            files = self._files(host)
            # aiohttp made a context of the system's certificates when it was imported: each one takes 10 ms and more.
            self._contexts[host] = _context(files) if files else True
        return self._contexts[host]

    def _files(self, host: str) -> list[Path]:
        return [path for folder in self._folders for path in _listed(folder / host)]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in (".crt", ".cert"))
    except OSError:
        return []


def _context(files: list[Path]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for path in files:
        _load(context, path)
    return context


def _load(context: ssl.SSLContext, path: Path) -> None:
    try:
        if path.suffix == ".crt":
            context.load_verify_locations(path)
        else:
            # Not a key with a passphrase, which OpenSSL would ask for on the terminal.
            context.load_cert_chain(path, path.with_suffix(".key"), password="")
    except (OSError, ValueError) as error:
        needs = f", with its key in {path.with_suffix('.key').name}" if path.suffix == ".cert" else ""
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise CertificatesError(f"{path} cannot be used as a certificate in PEM{needs}: {reason}") from error
