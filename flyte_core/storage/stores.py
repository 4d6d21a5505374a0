"""Object stores by URL: which bucket and key one means, and the obstore store that reaches it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from flyte_core.errors import FlyteCoreError, StoragePermissionError, UnsafePathError, UnsupportedStorageError
from flyte_core.storage.config import Storage, current_storage
from flyte_core.storage.credentials import certificates, has_given_credentials, options_of, places_of
from flyte_core.storage.engine import LONGEST_BACKOFF
from flyte_core.storage.failures import Failure, failure_of
from flyte_core.storage.native import obstore
from flyte_core.storage.paths import object_name_fault, printable, scheme_of
from flyte_core.storage.retry import Deadline, Tries

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from flyte_core.storage.engine import Transfer

__all__ = ["Access", "Location", "locate"]

_CLASSES = {
    "s3": "S3Store",
    "s3a": "S3Store",
    "gs": "GCSStore",
    "gcs": "GCSStore",
    "abfs": "AzureStore",
    "abfss": "AzureStore",
    "az": "AzureStore",
}
_CONNECT_TIMEOUT = dt.timedelta(seconds=10)
# Of a whole request: obstore's 30 s would end every long download. Silence and the deadline are what counts.
_REQUEST_TIMEOUT = dt.timedelta(days=7)
# A part that is being sent is silence too, for all the time that a slow line takes.
_UPLOAD_SILENCE = dt.timedelta(minutes=15)
_UPLOAD_RETRIES_END = dt.timedelta(hours=1)

T = TypeVar("T")

# Making a store takes half a millisecond and loses the connections of the one before.
_stores: dict[tuple[object, ...], ObjectStore] = {}
# Of places that are read without credentials: what was said to those that were tried.
_public: dict[tuple[object, ...], Exception] = {}


@attrs.frozen(kw_only=True)
class Location:
    """A place in an object store.

    Args:
        url: the whole URL.
        scheme: its scheme.
        bucket: the bucket or container.
        key: the object's name, or the prefix; without slashes at its ends.
        account: the storage account, where the URL names it.
    """

    url: str
    scheme: str
    bucket: str
    key: str
    account: str | None = None

    @property
    def root(self) -> str:
        """The URL of the bucket, with a slash at its end."""
        return self.url[: self.url.index("/", len(self.scheme) + 3) + 1] if "/" in self._rest else f"{self.url}/"

    @property
    def _rest(self) -> str:
        return self.url[len(self.scheme) + 3 :]


def locate(url: str) -> Location:
    """Take a URL apart. ``?`` and ``#`` are characters of names like any other.

    Args:
        url: a URL of an object store.

    Returns:
        The place.

    Raises:
        UnsupportedStorageError: it names no bucket, or is of another scheme.
        UnsafePathError: the client library cannot reach an object of that name.

    Example:
        >>> locate("abfss://raw@account.dfs.core.windows.net/a/b.csv").bucket
        'raw'
    """
    scheme = scheme_of(url)
    bucket, _, key = url[len(scheme) + 3 :].partition("/")
    bucket, _, host = bucket.partition("@")
    if scheme not in _CLASSES:
        raise UnsupportedStorageError(url, "reach", f"{scheme} is not the scheme of an object store")
    if not bucket:
        raise UnsupportedStorageError(url, "reach", f"it names no bucket; expected {scheme}://BUCKET/NAME")
    account = host.partition(".")[0] or None
    fault = object_name_fault(key.strip("/"))
    if fault is not None:
        reason = f"its name has {fault} in it, which the client library does not take; another name is needed"
        raise UnsafePathError(printable(url), "reach", reason)
    return Location(url=url, scheme=scheme, bucket=bucket, key=key.strip("/"), account=account)


class Access:
    """The way to one place: configuration, credentials and stores.

    Reading goes without credentials where there are none, or where they are refused and the data is public.

    Args:
        url: the place.
        config: instead of the configuration in use.
    """

    def __init__(self, url: str, config: Storage | None = None) -> None:
        self.location = locate(url)
        self.config = config or current_storage(self.location.scheme)
        self._options = options_of(self.config)
        if self.location.account is not None:
            self._options.setdefault("account_name", self.location.account)
        self._identity = (os.getpid(), self.location.scheme, self.location.bucket, self._known_by())

    def store(self, transfer: Transfer | None = None) -> ObjectStore:
        """Give the store of this place's bucket.

        Args:
            transfer: given for uploads, whose repetitions obstore does; other requests it does once.
        """
        anonymous = transfer is None and self._identity in _public
        limits = (transfer.retries, transfer.backoff, transfer.deadline) if transfer else None
        key = (*self._identity, anonymous, limits)
        store = _stores.get(key)
        if store is None:
            store = _stores[key] = self._make(anonymous, transfer)
        return store

    async def read(self, call: Callable[[ObjectStore], Awaitable[T]]) -> T:
        """Await a request that reads, without credentials where that is what works.

        Args:
            call: makes the request.
        """
        earlier = _public.get(self._identity)
        try:
            return await call(self.store())
        except Exception as error:  # obstore's; failure_of knows them
            if failure_of(error).error is not StoragePermissionError:
                raise
            if earlier is not None:
                raise earlier from None
            if not self._may_be_public():
                raise
            denied = error
        _public[self._identity] = denied
        try:
            return await call(self.store())
        except Exception as error:  # as above
            if failure_of(error).error is StoragePermissionError:
                del _public[self._identity]
                # What the configured credentials were told says more than that the public is refused.
                raise denied from None
            raise

    def put(
        self, operation: str, transfer: Transfer, content: object, **options: Any
    ) -> asyncio.Future[Mapping[str, Any]]:
        """Begin to store the object; obstore does the repetitions.

        Args:
            operation: what is done, for errors.
            transfer: how often to try.
            content: the bytes, or an asynchronous iterator of them.
            **options: further arguments of obstore.

        Raises:
            StorageError: it cannot begin, such as for half a credential.
        """
        try:
            request = obstore().put_async(self.store(transfer), self.location.key, content, **options)
        except FlyteCoreError:
            raise
        except Exception as error:  # of several classes: what obstore finds before it makes a request
            problem = error
        else:
            begun: asyncio.Future[Mapping[str, Any]] = asyncio.ensure_future(request)
            return begun
        raise self.tries(operation, transfer).error_of(problem)

    def tries(self, operation: str, transfer: Transfer, deadline: Deadline | None = None) -> Tries:
        """Give the tries of an operation on this place.

        Args:
            operation: what it does, for errors.
            transfer: how often to try.
            deadline: when it must be over.
        """
        return Tries(self.location.url, operation, transfer, deadline, self._advice)

    def url_of(self, key: str) -> str:
        """Give the URL of an object in this place's bucket.

        Args:
            key: the object's name.
        """
        return self.location.root + key

    def _advice(self, failure: Failure) -> str:
        if failure.no_bucket:
            return f"is {self.location.bucket!r} its right name, and the endpoint the right one?"
        return places_of(self.location.scheme) if failure.error is StoragePermissionError else ""

    def _may_be_public(self) -> bool:
        return not (self.config.anonymous or self._identity in _public or has_given_credentials(self.config))

    def _known_by(self) -> tuple[object, ...]:
        """What makes two stores the same: the configuration, and the variables that obstore reads itself."""
        names = ("AWS_", "AZURE_", "GOOGLE_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
        variables = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(names)))
        options = tuple(sorted((key, value) for key, value in self._options.items() if isinstance(value, str)))
        return (self.config, options, variables)

    def _make(self, anonymous: bool, transfer: Transfer | None) -> ObjectStore:
        module = obstore()
        cls = getattr(module.store, _CLASSES[self.location.scheme])
        options = dict(self._options)
        if anonymous:
            options["skip_signature"] = True
        if cls.__name__ == "S3Store" and self.config.checksum:
            options["checksum_algorithm"] = "sha256"
        store: ObjectStore = cls(
            self.location.bucket,
            client_options=self._client_options(transfer),
            retry_config=_retry_config(transfer),
            **options,
        )
        return store

    def _client_options(self, transfer: Transfer | None) -> dict[str, Any]:
        endpoint = str(self._options.get("endpoint") or _endpoint_of_environment(self.location.scheme))
        options: dict[str, Any] = {
            "timeout": _REQUEST_TIMEOUT,
            "connect_timeout": min(_CONNECT_TIMEOUT, self.config.read_timeout),
            "read_timeout": max(self.config.read_timeout, _UPLOAD_SILENCE) if transfer else self.config.read_timeout,
            "allow_http": endpoint.startswith("http://"),
        }
        bundle = certificates()
        if bundle:
            options["root_certificate"] = bundle
        return options


def _endpoint_of_environment(scheme: str) -> str:
    names = {
        "S3Store": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "AzureStore": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    }
    return next((os.environ[name] for name in names.get(_CLASSES[scheme], ()) if os.environ.get(name)), "")


def _retry_config(transfer: Transfer | None) -> dict[str, Any]:
    if transfer is None:
        return {"max_retries": 0}
    first = transfer.backoff
    return {
        "max_retries": transfer.retries,
        "retry_timeout": transfer.deadline or _UPLOAD_RETRIES_END,
        "backoff": {"init_backoff": first, "max_backoff": max(first, LONGEST_BACKOFF), "base": 2},
    }
