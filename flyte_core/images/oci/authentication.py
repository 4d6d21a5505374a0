"""Answers what a registry asks for: a name and password, or a token of its token server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from flyte_core._logging import logger
from flyte_core.errors import RegistryAnswerError, RegistryAuthError
from flyte_core.images.oci.challenges import Challenge, parse_challenges
from flyte_core.images.oci.credentials import Credential, CredentialsError, config_files, find_credential
from flyte_core.images.oci.places import Place, is_loopback
from flyte_core.images.oci.transport import Request, Transport

if TYPE_CHECKING:
    from flyte_core.images.oci.answers import Answer
    from flyte_core.images.oci.lookups import Lookup

__all__ = ["Authentication"]

_HELPER_SECONDS = 10.0
#: What a token lasts that does not say how long, by the specification of token servers.
_TOKEN_SECONDS = 60.0
#: Before its end: clocks differ, and a request takes its time.
_MARGIN = 10.0
_LONGEST_TOKEN = 2**16


@frozen(kw_only=True)
class _Kept:
    """A value of ``Authorization``, until when it is of use, and what is to be known about where it comes from."""

    value: str = field(repr=False)
    until: float
    source: str = ""
    problem: str = ""


class Authentication:
    """The headers for each repository, kept as long as they last.

    Args:
        transport: sends the requests to token servers.
        env: the environment, which says where credentials are.
    """

    def __init__(self, transport: Transport, env: Mapping[str, str] = os.environ) -> None:
        self._transport = transport
        self._env = env
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def header(self, lookup: Lookup, place: Place, scheme: str) -> str:
        """Give the header that served before; empty where there is none.

        Args:
            lookup: what it is for.
            place: the repository.
            scheme: how it is spoken to: what was given for TLS is not sent without it.
        """
        kept = self._kept.get((scheme, place.address, place.repository))
        if kept is None or kept.until <= lookup.clock():
            return ""
        lookup.hide(*kept.value.split(" ", 1)[1:])
        lookup.source, lookup.problem = kept.source, kept.problem
        return kept.value

    async def answer(self, lookup: Lookup, place: Place, refusal: Answer) -> str:
        """Give the header that a registry asks for.

        Args:
            lookup: what it is for.
            place: the repository.
            refusal: the answer that asks.

        Returns:
            A value for ``Authorization``.

        Raises:
            RegistryAuthError: there is nothing to answer with, or the token server refuses.
            RegistryAnswerError: what is asked for cannot be understood.
        """
        key = (refusal.origin.partition(":")[0], place.address, place.repository)
        self._kept.pop(key, None)
        challenges = {one.scheme: one for one in reversed(parse_challenges(refusal.challenges))}
        bearer, basic = challenges.get("bearer"), challenges.get("basic")
        if bearer is None and basic is None:
            ways = ", ".join(challenges) or "nothing"
            reason = f"it answered {refusal.told} and asks for {ways}, not for Bearer or Basic authentication"
            raise lookup.error(RegistryAnswerError, reason)
        credential = await self._credential(lookup, place)
        if credential is not None and credential.registry_token and bearer is not None:
            kept = _Kept(value=f"Bearer {credential.registry_token}", until=float("inf"))
        elif bearer is not None and bearer.parameters.get("realm"):
            kept = await self._token(lookup, place, bearer, credential, refusal.origin)
        elif basic is None:
            raise lookup.error(RegistryAnswerError, "it asks for a token and does not name its token server (realm)")
        elif credential is None or not credential.basic:
            raise lookup.error(RegistryAuthError, f"it wants a name and password; {self._advice(lookup, place)}")
        else:
            kept = _Kept(value=credential.basic, until=float("inf"))
        self._kept[key] = evolve(kept, source=lookup.source, problem=lookup.problem)
        return kept.value

    def refused(self, lookup: Lookup, place: Place, answer: Answer) -> Exception:
        """Make the error that a registry refuses access.

        Args:
            lookup: what it was for.
            place: the repository.
            answer: the refusal.
        """
        maybe = "some registries answer so for a repository that does not exist, so it is not known whether it does"
        return lookup.error(RegistryAuthError, f"it answered {answer.told}; {maybe}; {self._advice(lookup, place)}")

    def _advice(self, lookup: Lookup, place: Place) -> str:
        if lookup.problem:
            return f"credentials were not read: {lookup.problem}"
        if lookup.source:
            return f"those are the rights of the credentials in {lookup.source}; docker login {place.host} renews them"
        files = " and ".join(str(path) for path in config_files(self._env))
        return f"docker login {place.host} leaves credentials where they are looked for: {files}"

    async def _credential(self, lookup: Lookup, place: Place) -> Credential | None:
        # Half of it, so that an answer without credentials is possible afterwards.
        seconds = min(_HELPER_SECONDS, lookup.left() / 2)
        lookup.source = lookup.problem = ""
        try:
            found = await find_credential(place.host, place.repository, seconds, self._env, lookup.settings.auths)
        except CredentialsError as error:
            # A public image needs none; and where one is needed, the refusal says what went wrong here.
            lookup.problem = str(error)
            logger.warning("asking %s for %s without credentials: %s", place.host, lookup.image, error)
            return None
        if found is not None:
            lookup.hide(*found.secrets)
            lookup.source = found.source
        return found

    async def _token(
        self, lookup: Lookup, place: Place, challenge: Challenge, credential: Credential | None, origin: str
    ) -> _Kept:
        from yarl import URL

        try:
            realm = URL(challenge.parameters["realm"]).with_user(None)
        except ValueError:
            realm = URL()
        if realm.scheme not in ("http", "https") or not realm.host:
            raise lookup.error(RegistryAnswerError, "the token server (realm) that it names is no URL")
        fields = {"scope": challenge.parameters.get("scope") or f"repository:{place.repository}:pull"}
        if challenge.parameters.get("service"):
            fields["service"] = challenge.parameters["service"]
        is_safe = realm.scheme == "https" or is_loopback(realm.raw_authority) or str(realm.origin()) == origin
        if credential is not None and not is_safe:
            reason = f"its token server {realm.raw_authority} is spoken to in plain HTTP, where no credentials are sent"
            raise lookup.error(RegistryAuthError, reason)
        answer = await self._transport.send(lookup, _token_request(realm, fields, credential))
        return self._read_token(lookup, place, realm.raw_authority, answer)

    def _read_token(self, lookup: Lookup, place: Place, host: str, answer: Answer) -> _Kept:
        if answer.status in (400, 401, 403):
            advice = self._advice(lookup, place)
            reason = f"the token server {host} answered {answer.told}; {advice}"
            raise lookup.error(RegistryAuthError, reason)
        if answer.status != 200:
            raise lookup.error(RegistryAnswerError, f"the token server {host} answered {answer.told}")
        try:
            document: Any = answer.json()
        except ValueError:
            document = None
        found = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
        if not isinstance(found, str) or not _is_token(found):
            raise lookup.error(RegistryAnswerError, f"the token server {host} answered without a token in JSON")
        lookup.hide(found)
        seconds = document.get("expires_in")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
            seconds = _TOKEN_SECONDS
        return _Kept(value=f"Bearer {found}", until=lookup.clock() + max(0.0, seconds - _MARGIN))


def _token_request(realm: Any, fields: Mapping[str, str], credential: Credential | None) -> Request:
    if credential is not None and credential.identity_token:
        form = {**fields, "grant_type": "refresh_token", "refresh_token": credential.identity_token}
        return Request(url=str(realm), form={**form, "client_id": "flyte_core"})
    basic = credential.basic if credential is not None else ""
    return Request(url=str(realm.update_query(fields)), headers={"Authorization": basic} if basic else {})


def _is_token(text: str) -> bool:
    """Whether a text can stand in a header."""
    return 0 < len(text) <= _LONGEST_TOKEN and text.isascii() and text.isprintable() and " " not in text
