"""Which proxy a request goes by way of, as the environment says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core.images.oci.places import is_loopback

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["proxy_options"]


def proxy_options(url: URL) -> dict[str, Any]:
    """Give aiohttp's options for the proxy of a URL; none where it is reached directly.

    Not aiohttp's ``trust_env``, which would also send what ``~/.netrc`` has for the host, before anybody asked for it.

    Args:
        url: the URL.
    """
    from urllib.request import getproxies, proxy_bypass

    host = url.host or ""
    # As Docker does: a proxy could not reach this machine by that name.
    proxy = None if is_loopback(url.raw_authority) or proxy_bypass(host) else getproxies().get(url.scheme)
    if not proxy:
        return {}
    import aiohttp
    from yarl import URL

    found = URL(proxy if "://" in proxy else f"http://{proxy}")
    options: dict[str, Any] = {"proxy": found.with_user(None)}
    if found.user is not None:
        options["proxy_auth"] = aiohttp.BasicAuth(found.user, found.password or "")
    return options
