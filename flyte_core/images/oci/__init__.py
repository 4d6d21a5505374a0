"""Asks container registries about images, as the OCI distribution specification says.

Importing this package loads no HTTP library; the first look-up does.
"""

from __future__ import annotations

from flyte_core.images.oci.checker import RegistryChecker
from flyte_core.images.oci.client import RegistryClient, find_manifest
from flyte_core.images.oci.manifests import FoundManifest
from flyte_core.images.oci.settings import RegistrySettings

__all__ = ["FoundManifest", "RegistryChecker", "RegistryClient", "RegistrySettings", "find_manifest"]
