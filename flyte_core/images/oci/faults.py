"""What becomes of the exceptions of aiohttp: which of our errors, and whether another try may do better."""

from __future__ import annotations

import asyncio
import ssl

from flyte_core.errors import (
    RegistryAnswerError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnavailableError,
)

__all__ = ["FailedTryError", "failed_try"]

#: What OpenSSL says of a server that answers a greeting of TLS with something else.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")


class FailedTryError(Exception):
    """One try of a request failed.

    Args:
        kind: the error that it becomes when it was the last.
        reason: what went wrong.
        passes: whether another try may do better.
        after: seconds after which the server wants to be asked again.
        is_tls: whether a server that was spoken to in plain HTTP may want TLS.
        is_plain: whether a server that was spoken to with TLS has none.
    """

    def __init__(
        self,
        kind: type[RegistryError],
        reason: str,
        *,
        passes: bool = True,
        after: float | None = None,
        is_tls: bool = False,
        is_plain: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.passes, self.after = kind, reason, passes, after
        self.is_tls, self.is_plain = is_tls, is_plain


def failed_try(error: Exception, host: str, seconds: float, certs: str, shows: bool) -> FailedTryError:
    """Describe what aiohttp has raised.

    Args:
        error: the exception.
        host: who was spoken to.
        seconds: how long making a connection may take.
        certs: the user's folder of certificates.
        shows: whether a certificate was shown, or no TLS spoken.
    """
    import aiohttp

    if isinstance(error, aiohttp.ClientHttpProxyError):
        return FailedTryError(
            RegistryUnavailableError, f"the proxy answered {error.status}", passes=error.status >= 500
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return FailedTryError(RegistryUnavailableError, f"there is no connection to the proxy: {_told(error)}")
    if (tls := _tls_error(error)) is not None:
        return _of_tls(tls, host, certs)
    if isinstance(error, asyncio.TimeoutError):
        return FailedTryError(RegistryTimeoutError, f"there was no connection within {seconds:g} s")
    if isinstance(error, aiohttp.ClientPayloadError):
        return FailedTryError(RegistryAnswerError, "the answer is cut off")
    # With TLS 1.3 a server may close the connection before it is read that it wants a certificate.
    hint = "" if shows else f"; {_show(host, certs)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        reason = f"the connection was closed without an answer{hint}"
        return FailedTryError(RegistryUnavailableError, reason, is_tls=True)
    if isinstance(error, aiohttp.ClientResponseError):
        return FailedTryError(RegistryAnswerError, "what answered does not speak HTTP", is_tls=True)
    if isinstance(error, aiohttp.ClientConnectorError):
        return FailedTryError(RegistryUnavailableError, f"there is no connection: {_told(error)}")
    if isinstance(error, OSError):
        return FailedTryError(RegistryUnavailableError, f"the connection broke: {_told(error)}{hint}", is_tls=True)
    if isinstance(error, ValueError):  # of aiohttp, for URLs that it refuses
        return FailedTryError(
            RegistryAnswerError, "it cannot be asked at this URL, or by way of this proxy", passes=False
        )
    return FailedTryError(RegistryUnavailableError, f"the connection failed: {type(error).__name__}")


def _told(error: OSError) -> str:
    inner: object = getattr(error, "os_error", None) or error
    return str(getattr(inner, "strerror", None) or type(inner).__name__)


def _tls_error(error: BaseException | None) -> ssl.SSLError | ssl.CertificateError | None:
    """Find the error of TLS in a chain."""
    for _ in range(10):
        if error is None or isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            # aiohttp's own has the words of the one inside, without its reason.
            inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
            return inner if isinstance(inner, (ssl.SSLError, ssl.CertificateError)) else error
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
    return None


def _show(host: str, certs: str) -> str:
    return f"if it wants a certificate of yours, put that into {certs}/{host}/client.cert, and its key into client.key"


def _of_tls(error: Exception, host: str, certs: str) -> FailedTryError:
    reason = str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__)
    if isinstance(error, ssl.CertificateError):
        mend = f"put the certificate of who signed it into {certs}/{host}/ca.crt, if you trust it"
        if "ostname mismatch" in reason or "IP address mismatch" in reason:
            mend = "use the name that it is made for"
        return FailedTryError(
            RegistryUnavailableError, f"the certificate of {host} is not trusted: {reason}; {mend}", passes=False
        )
    if any(sign in reason.upper().replace(" ", "_") for sign in _NO_TLS):
        mend = "if it is meant to be asked in plain HTTP, list it among the insecure registries"
        reason = f"{host} does not speak TLS; {mend}"
        return FailedTryError(RegistryUnavailableError, reason, passes=False, is_plain=True)
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return FailedTryError(RegistryUnavailableError, f"TLS failed: {reason}; {_show(host, certs)}", passes=False)
    return FailedTryError(RegistryUnavailableError, f"TLS failed with {host}: {reason}")
