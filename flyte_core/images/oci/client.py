"""Asks a registry whether an image exists: it does, it does not, or that is not known, which is an error."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from attrs import evolve

from flyte_core.errors import RegistryAnswerError, RegistryAuthError
from flyte_core.images.oci.authentication import Authentication
from flyte_core.images.oci.lookups import Clock, Lookup, Sleep
from flyte_core.images.oci.manifests import (
    ACCEPT,
    FoundManifest,
    Manifest,
    WrongAnswerError,
    check_platforms,
    content,
    platform_of,
)
from flyte_core.images.oci.places import Place, place_of
from flyte_core.images.oci.remembered import RememberedPlatforms
from flyte_core.images.oci.settings import RegistrySettings
from flyte_core.images.oci.transport import Request, Transport
from flyte_core.images.oci.trust import Trust
from flyte_core.images.references import ImageReference

if TYPE_CHECKING:
    from typing_extensions import Self

    from flyte_core.images.oci.answers import Answer

__all__ = ["RegistryClient", "find_manifest"]

#: The codes of a 404 that say it for certain; the last one is Harbor's (containers/image#2203).
_ABSENT = ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND")
#: How deep an index may lie in an index, and how many manifests without a platform are asked for theirs.
_DEEPEST, _MOST_UNSAID = 3, 16


async def find_manifest(
    reference: ImageReference | str, platforms: Iterable[str] = (), *, settings: RegistrySettings | None = None
) -> FoundManifest | None:
    """Look an image up at its registry; with one request where its manifest is an index or was looked up before.

    Args:
        reference: the image.
        platforms: when given, the platforms of the image are in the answer; `FoundManifest.missing` compares them.
        settings: how to ask.

    Returns:
        What is there; None where the registry says that there is no such image.

    Raises:
        RegistryError: it is not known whether the image exists; of its subclasses `RegistryUnavailableError`,
            `RegistryTimeoutError`, `RegistryAuthError` and `RegistryAnswerError`.
        InvalidValueError: the name is none of an image, or a platform is none.

    Example:
        >>> import asyncio
        >>> from flyte_core.errors import RegistryUnavailableError
        >>> settings = RegistrySettings(retries=0)
        >>> try:
        ...     asyncio.run(find_manifest("localhost:1/app:1", settings=settings))
        ... except RegistryUnavailableError as error:
        ...     print(error.host)
        localhost:1
    """
    async with RegistryClient(settings) as client:
        return await client.find_manifest(reference, platforms)


class RegistryClient:
    """Looks images up on connections and with tokens that are kept for the next one, within one event loop.

    Args:
        settings: how to ask.
        env: the environment, which says where credentials and certificates are.
        clock: gives the time in seconds.
        sleep: waits between tries.

    Example:
        >>> import asyncio
        >>> async def missing(*names: str) -> list[str]:
        ...     async with RegistryClient() as client:
        ...         return [name for name in names if await client.find_manifest(name) is None]
        >>> asyncio.run(missing())
        []
    """

    def __init__(
        self,
        settings: RegistrySettings | None = None,
        *,
        env: Mapping[str, str] = os.environ,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._settings = settings or RegistrySettings()
        self._clock, self._sleep = clock, sleep
        self._trust = Trust(env)
        self._transport = Transport(self._trust, self._settings.connect_timeout.total_seconds())
        self._authentication = Authentication(self._transport, env)
        self._schemes: dict[str, str] = {}
        self._remembered: RememberedPlatforms | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def find_manifest(
        self, reference: ImageReference | str, platforms: Iterable[str] = ()
    ) -> FoundManifest | None:
        """Look an image up; as the function `find_manifest`.

        Args:
            reference: the image.
            platforms: when given, the platforms of the image are in the answer.

        Returns:
            What is there; None where the registry says that there is no such image.

        Raises:
            RegistryError: it is not known whether the image exists.
            InvalidValueError: the name is none of an image, or a platform is none.
        """
        name = ImageReference.parse(reference) if isinstance(reference, str) else reference
        wanted = check_platforms("find_manifest", platforms)
        # Takes a second on a busy machine, which is not the registry's.
        import aiohttp  # noqa: F401

        place = place_of(name, self._settings)
        lookup = Lookup(
            image=str(name),
            host=place.host,
            address=place.address,
            settings=self._settings,
            clock=self._clock,
            sleep=self._sleep,
        )
        try:
            return await self._find(lookup, place, name, with_platforms=bool(wanted))
        except WrongAnswerError as error:
            wrong = str(error)
        raise lookup.error(RegistryAnswerError, wrong)

    async def _find(
        self, lookup: Lookup, place: Place, name: ImageReference, *, with_platforms: bool
    ) -> FoundManifest | None:
        manifest = await self._manifest(lookup, place, name.wanted, name.digest)
        if manifest is None:
            return None
        found = FoundManifest(
            digest=manifest.digest,
            media_type=manifest.media_type,
            size=manifest.size,
            content_size=manifest.content_size,
        )
        if manifest.is_index:
            listed, unsaid = manifest.entries()
            if not unsaid:
                return evolve(found, platforms=listed)
        if not with_platforms:
            return found
        return evolve(found, platforms=await self._platforms(lookup, place, manifest))

    async def _manifest(self, lookup: Lookup, place: Place, wanted: str, digest: str | None) -> Manifest | None:
        answer = await self._get(lookup, place, "manifests", wanted)
        if answer.status == 404 and _is_absent(answer):
            if lookup.problem:
                reason = f"it shows no such image to somebody without credentials, and {lookup.problem}"
                raise lookup.error(RegistryAuthError, reason)
            return None
        if answer.status != 200:
            raise lookup.error(RegistryAnswerError, _strange(answer))
        announced = answer.headers.get("Docker-Content-Digest", "").strip()
        return Manifest.read(answer.body, answer.media_type, announced, digest)

    async def _platforms(self, lookup: Lookup, place: Place, manifest: Manifest, depth: int = 0) -> tuple[str, ...]:
        """Find out the platforms of a manifest, or of an index that does not say them all."""
        remembered = self._memory()
        if (known := remembered.get(manifest.digest)) is not None:
            return known
        if manifest.is_index:
            platforms = await self._of_entries(lookup, place, manifest, depth)
        else:
            answer = await self._get(lookup, place, "blobs", manifest.config)
            if answer.status != 200:
                raise WrongAnswerError(f"it answered {answer.told} for the image's configuration, which it has to have")
            platform = platform_of(content(answer.body, manifest.config))
            platforms = (platform,) if platform is not None else ()
        remembered.add(manifest.digest, platforms)
        return platforms

    async def _of_entries(self, lookup: Lookup, place: Place, manifest: Manifest, depth: int) -> tuple[str, ...]:
        listed, unsaid = manifest.entries()
        if unsaid and (depth >= _DEEPEST or len(unsaid) > _MOST_UNSAID):
            raise WrongAnswerError("it answered with an index that lists too many manifests without their platform")
        found = dict.fromkeys(listed)
        for digest in unsaid:
            entry = await self._manifest(lookup, place, digest, digest)
            if entry is None:
                raise WrongAnswerError(f"it does not have {digest}, which the image's index lists")
            found.update(dict.fromkeys(await self._platforms(lookup, place, entry, depth + 1)))
        return tuple(found)

    async def _get(self, lookup: Lookup, place: Place, kind: str, name: str) -> Answer:
        """Ask the registry, and authenticate where it wants that."""
        scheme, other = self._schemes_of(place)
        url = place.url(scheme, kind, name)
        otherwise = place.url(other, kind, name) if other else None
        headers = {"Accept": ACCEPT} if kind == "manifests" else {}
        if used := self._authentication.header(lookup, place, scheme):
            headers["Authorization"] = used
        answer = await self._transport.send(lookup, Request(url=url, headers=headers, otherwise=otherwise))
        if answer.status == 401:
            if answer.was_redirected:
                # Its own credentials are nobody else's business.
                reason = f"it redirects to {answer.origin}, which wants authentication of its own"
                raise lookup.error(RegistryAuthError, reason)
            scheme = answer.origin.partition(":")[0]
            headers["Authorization"] = await self._authentication.answer(lookup, place, answer)
            answer = await self._transport.send(lookup, Request(url=place.url(scheme, kind, name), headers=headers))
        if answer.status in (401, 403):
            raise self._authentication.refused(lookup, place, answer)
        if not answer.was_redirected:
            self._schemes[place.address] = answer.origin.partition(":")[0]
        return answer

    def _schemes_of(self, place: Place) -> tuple[str, str]:
        """Give how to ask, and how else if that does not fit."""
        known = self._schemes.get(place.address)
        if known is not None:
            return known, ""
        # Who has put certificates there means TLS.
        if place.is_plain and not self._trust.has_files(place.address):
            return "http", "https"
        return "https", ""

    def _memory(self) -> RememberedPlatforms:
        if self._remembered is None:
            folder = self._settings.cache_dir
            if folder is None:
                from flyte_core.config import load_settings

                folder = load_settings().cache_dir.value
            self._remembered = RememberedPlatforms(Path(folder) / "images")
        return self._remembered


def _is_absent(answer: Answer) -> bool:
    """Whether a 404 is a registry's: others, such as a proxy's, say nothing about the image."""
    if answer.faults:
        return all(fault.code in _ABSENT for fault in answer.faults)
    is_registry = answer.headers.get("Docker-Distribution-Api-Version", "").lower().startswith("registry/2")
    return is_registry and answer.media_type != "text/html"


def _strange(answer: Answer) -> str:
    if answer.status == 404 and not answer.faults:
        return "it answered 404 in a way that no registry does; is this the registry's address?"
    return f"it answered {answer.told}, which says nothing about the image"
