"""One request over HTTP: its tries, its redirects, its deadline, and no more of the answer than is wanted."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flyte_core._logging import logger
from flyte_core._version import __version__
from flyte_core.errors import RegistryAnswerError, RegistryError, RegistryUnavailableError
from flyte_core.images.oci.answers import MOST, Answer
from flyte_core.images.oci.faults import FailedTryError, failed_try
from flyte_core.images.oci.proxies import ProxyError, proxy_options
from flyte_core.images.oci.trust import CertificatesError, Trust

if TYPE_CHECKING:
    import aiohttp
    from tenacity import RetryCallState
    from yarl import URL

    from flyte_core.images.oci.lookups import Lookup

__all__ = ["Request", "Transport"]

_LONGEST_BACKOFF = 10.0
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 429, 500, 502, 503, 504)
#: What Go's, nginx' and Apache's servers answer to plain HTTP where they speak TLS.
_WANTS_TLS = (
    b"HTTP request to an HTTPS server",
    b"plain HTTP request was sent to HTTPS",
    b"plain HTTP to an SSL-enabled",
)


@frozen(kw_only=True)
class Request:
    """What is asked.

    Args:
        url: where.
        headers: with what; ``Authorization`` goes to no other host.
        form: fields to send instead of asking; it is not sent on by a redirect.
        otherwise: the same with TLS, where the server may want that.
    """

    url: str
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    otherwise: str | None = None


class Transport:
    """Sends requests on connections that are kept open; closed by `close`.

    Args:
        trust: the certificates.
        connect_timeout: seconds within which a connection has to be made.
    """

    def __init__(self, trust: Trust, connect_timeout: float) -> None:
        self._trust = trust
        self._connect_timeout = connect_timeout
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, lookup: Lookup, request: Request) -> Answer:
        """Send a request, again after a failure that may pass.

        Args:
            lookup: what it is for.
            request: the request.

        Returns:
            The answer, whatever its status, unless that is one that may pass.

        Raises:
            RegistryError: there was no answer that says anything.
        """
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
        from yarl import URL

        url = URL(request.url, encoded=True)
        attempts = 0

        async def once() -> Answer:
            nonlocal attempts
            attempts += 1
            return await lookup.within(self._one(request, url), host=_place(url, lookup))

        async def wait(seconds: float) -> None:
            await lookup.sleep(seconds)

        tries = AsyncRetrying(
            sleep=wait,
            stop=stop_after_attempt(lookup.settings.retries + 1),
            wait=lambda state: _wait(state, lookup),
            retry=retry_if_exception(lambda error: isinstance(error, FailedTryError) and error.passes),
            before_sleep=lambda state: _before_sleep(state, lookup, _place(url, lookup)),
            reraise=True,
        )
        try:
            result: Answer = await tries(once)
        except FailedTryError as error:
            failed = error
        else:
            return result
        made = lookup.error(failed.kind, failed.reason, host=_place(url, lookup), attempts=attempts)
        # aiohttp's errors of answers have the request's headers inside, and so the credentials.
        made.__cause__ = failed.__cause__ if isinstance(failed.__cause__, OSError) else None
        raise made

    async def _one(self, request: Request, url: URL) -> Answer:
        """Try once; with TLS where a server turns out to want it."""
        from yarl import URL

        try:
            answer = await self._follow(request, url)
            if request.otherwise is None or not _wants_tls(answer):
                return _checked(answer)
            first = FailedTryError(RegistryUnavailableError, "it wants TLS", passes=False)
        except FailedTryError as error:
            if request.otherwise is None or not error.is_tls:
                raise
            first = error
        try:
            return _checked(await self._follow(request, URL(request.otherwise, encoded=True)))
        except FailedTryError as second:
            # Without TLS it is the first failure that counts.
            raise (first if second.is_tls or second.is_plain else second) from second.__cause__

    async def _follow(self, request: Request, url: URL) -> Answer:
        """Send a request to where redirects lead, with credentials for the first host alone."""
        asked = url.origin()
        headers = {"Accept-Encoding": "identity", **request.headers}
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._exchange(url, headers, request.form, was_redirected=not _is_same(asked, url))
            if answer.status not in _REDIRECTS:
                return answer
            if request.form is not None:
                raise FailedTryError(RegistryAnswerError, "it redirects what was sent to it", passes=False)
            url = _target(url, answer.headers.get("Location", ""))
            if not _is_same(asked, url):
                headers.pop("Authorization", None)
        raise FailedTryError(RegistryAnswerError, f"it redirects more than {_MOST_REDIRECTS} times", passes=False)

    async def _exchange(
        self, url: URL, headers: Mapping[str, str], form: Mapping[str, str] | None, *, was_redirected: bool
    ) -> Answer:
        import aiohttp

        host = url.raw_authority
        try:
            options: dict[str, Any] = {"ssl": self._trust.context(host), **proxy_options(url)}
            options["headers"] = {**headers, **options.get("headers", {})}
            async with self._open().request(
                "GET" if form is None else "POST", url, data=form, allow_redirects=False, **options
            ) as response:
                body = await _read(response)
                found = response.headers
                return Answer(
                    status=response.status,
                    headers=found,
                    body=body,
                    origin=str(url.origin()),
                    was_redirected=was_redirected,
                    challenges=tuple(found.getall("WWW-Authenticate", ())),
                )
        except (FailedTryError, RegistryError):
            raise
        except (CertificatesError, ProxyError) as error:
            raise FailedTryError(RegistryUnavailableError, str(error), passes=False) from error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            shows = url.scheme == "http" or self._trust.shows(host)
            raise failed_try(error, host, self._connect_timeout, str(self._trust.folder), shows) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            # Silence ends with the look-up's deadline.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout)
            agent = {"User-Agent": f"flyte_core/{__version__}"}
            self._session = aiohttp.ClientSession(timeout=timeout, headers=agent, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read a body, and no more than is allowed."""
    announced = response.content_length or 0
    body = bytearray()
    if announced <= MOST:
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MOST:
                break
        else:
            return bytes(body)
    response.close()
    raise FailedTryError(RegistryAnswerError, f"its answer is larger than {MOST // 2**20} MiB", passes=False)


def _checked(answer: Answer) -> Answer:
    """Give an answer that says something; one that may pass is a failure of the try."""
    if answer.status not in _PASSING:
        return answer
    after = _after(answer.headers.get("Retry-After", ""))
    raise FailedTryError(RegistryUnavailableError, f"it answered {answer.told}", after=after)


def _wants_tls(answer: Answer) -> bool:
    return answer.status == 400 and any(words in answer.body for words in _WANTS_TLS)


def _is_same(asked: URL, url: URL) -> bool:
    """Whether a URL is at the server that was asked; TLS on its usual port instead of plain HTTP is."""
    is_safer = asked.is_default_port() and url.is_default_port() and (asked.scheme, url.scheme) == ("http", "https")
    return url.origin() == asked or (is_safer and url.host == asked.host)


def _target(url: URL, location: str) -> URL:
    from yarl import URL

    try:
        target = url.join(URL(location, encoded=True)).with_user(None)
        host = target.host
    except ValueError:
        host, target = None, url
    if not location or not host or target.scheme not in ("http", "https"):
        raise FailedTryError(RegistryAnswerError, "it redirects to what is no URL", passes=False)
    if url.scheme == "https" and target.scheme == "http":
        raise FailedTryError(RegistryAnswerError, f"it redirects to plain HTTP at {target.raw_authority}", passes=False)
    return target


def _place(url: URL, lookup: Lookup) -> str:
    """Name who is asked: the registry by its own name, another server by its address."""
    return "" if url.raw_authority == lookup.address else url.raw_authority


def _after(text: str) -> float | None:
    """Read a ``Retry-After``: seconds, or a date."""
    if text.strip().isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _failure(state: RetryCallState) -> FailedTryError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, FailedTryError)
    return error


def _wait(state: RetryCallState, lookup: Lookup) -> float:
    """Give the server's wait, or half to the whole of a time that doubles."""
    if (after := _failure(state).after) is not None:
        return after
    longest = lookup.settings.backoff.total_seconds() * 2.0 ** int(state.attempt_number - 1)
    return min(longest, _LONGEST_BACKOFF) * random.uniform(0.5, 1)  # noqa: S311 - it spreads load


def _before_sleep(state: RetryCallState, lookup: Lookup, host: str) -> None:
    failure, seconds, number = _failure(state), float(state.upcoming_sleep), int(state.attempt_number)
    lookup.last = failure.reason
    if seconds >= lookup.left():
        # Nothing would come of waiting.
        raise lookup.late(host=host, attempts=number)
    logger.log(
        logging.WARNING if number == 1 else logging.INFO,
        "cannot look up the image %s at %s: %s; attempt %d of %d, trying again in %.1f s",
        lookup.image,
        host or lookup.host,
        lookup.shown(failure.reason),
        number,
        lookup.settings.retries + 1,
        seconds,
    )
