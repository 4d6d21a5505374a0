"""Which proxy a request goes by way of, as the environment says."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from flyte_core.images.oci.places import is_loopback

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["ProxyError", "proxy_options"]


class ProxyError(Exception):
    """The environment names a proxy that cannot be used."""


def proxy_options(url: URL) -> dict[str, Any]:
    """Give aiohttp's options for the proxy of a URL; none where it is reached directly.

    Not aiohttp's ``trust_env``, which would also send what ``~/.netrc`` has for the host, before anybody asked for it.

    Args:
        url: the URL.

    Raises:
        ProxyError: it is one of another kind.
    """
    from urllib.request import getproxies, proxy_bypass

    host = url.host or ""
    # As Docker does: a proxy could not reach this machine by that name.
    proxy = None if is_loopback(url.raw_authority) or proxy_bypass(host) else getproxies().get(url.scheme)
    if not proxy:
        return {}
    from yarl import URL

    found = URL(proxy if "://" in proxy else f"http://{proxy}")
    if found.scheme not in ("http", "https"):
        raise ProxyError(f"the proxy for {url.scheme} is one for {found.scheme}; only those for http are known here")
    options: dict[str, Any] = {"proxy": found.with_user(None)}
    if found.user is not None:
        known = base64.b64encode(f"{found.user}:{found.password or ''}".encode()).decode()
        header = {"Proxy-Authorization": f"Basic {known}"}
        # To the proxy alone: with TLS it reads nothing but the first request.
        options["proxy_headers" if url.scheme == "https" else "headers"] = header
    return options
