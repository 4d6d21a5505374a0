"""What is a credential, where it must not stand, and how it stays out of what people read."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote, unquote

from flyte_core.errors import InvalidTypeError, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

__all__ = ["Hidden", "carries_credentials", "credential_options", "is_credential", "scrub"]

T = TypeVar("T")

_CREDENTIAL_NAME = re.compile(
    r"pass(?:word|wd|phrase|code)|(?:^|_)(?:pwd|pass|pw|pat|sig)$|token|secret|credential|signature"
    r"|(?:private|api|access|account|shared|auth)_?key"
)
# What says where a credential is, or what kind, is none: credentials_path, private_key_file, token_url.
_ABOUT_A_CREDENTIAL = re.compile(
    r"(?:path|file|dir|directory|folder|location|name|storage|timeout|ur[il]|type|mode|encryption)$"
)
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.\-]{0,30}://[^\s/@:]{0,200}:(?!\d+/)[^@\n]{1,1000}@", re.IGNORECASE)
# As in the connection texts of ODBC and libpq.
_PAIR = re.compile(r"(?P<name>[a-z][\w\-]{0,60})\s{0,5}=\s{0,5}[^\s;&]", re.IGNORECASE)


def is_credential(name: str) -> bool:
    """Say whether an option of that name holds a password, a token or a key.

    Args:
        name: of an option, or of a part of a URL's query.

    Example:
        >>> is_credential("motherduck_token"), is_credential("privateKey"), is_credential("private_key_file")
        (True, True, False)
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").lower()
    return bool(_CREDENTIAL_NAME.search(words)) and not _ABOUT_A_CREDENTIAL.search(words)


def carries_credentials(text: str) -> bool:
    """Say whether a text has a URL with a password in it, or a pair such as ``PWD=...``.

    Args:
        text: an option's value.

    Example:
        >>> carries_credentials("Server=db;UID=ann;PWD=x"), carries_credentials("-c search_path=app")
        (True, False)
    """
    plain = unquote(text)
    return bool(_URL_PASSWORD.search(plain)) or any(is_credential(pair["name"]) for pair in _PAIR.finditer(plain))


def credential_options(options: Mapping[str, Any], within: str = "") -> Iterable[str]:
    """Name the options that hold credentials, nested ones with dots between.

    Args:
        options: values of JSON by name.
        within: what the names begin with.

    Returns:
        The names, in their order.

    Example:
        >>> list(credential_options({"threads": 4, "args": {"password": "x"}}))
        ['args.password']
    """
    for name, value in options.items():
        where = f"{within}{name}"
        if isinstance(value, dict):
            yield from credential_options(value, f"{where}.")
        elif isinstance(value, list):
            yield from credential_options({f"{name}[{at}]": item for at, item in enumerate(value)}, within)
        elif value is None or isinstance(value, bool):  # a switch, such as allow_persistent_secrets of DuckDB
            continue
        if not isinstance(value, dict) and _holds_credential(str(name).partition("[")[0], value):
            yield where


def _holds_credential(name: str, value: object) -> bool:
    return is_credential(name) or (isinstance(value, str) and carries_credentials(value))


class Hidden:
    """A text that no repr shows and no pickle takes.

    Args:
        text: what is hidden.

    Example:
        >>> Hidden("pw"), Hidden("pw").reveal()
        (***, 'pw')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise InvalidTypeError("Hidden", "pickle", self, "nothing: a secret's value is read where it is used")


def scrub(text: str, *secrets: str) -> str:
    """Take secrets out of a message, in whatever way a driver wrote them.

    Args:
        text: the message.
        secrets: passwords and tokens; empty ones count for nothing.

    Returns:
        The message with ``***`` for each, plain, percent-encoded or escaped, and for whatever else
        `flyte_core.errors.without_secrets` takes for a credential.

    Example:
        >>> scrub('cannot log in with "a/b c" to x://ann:a%2Fb+c@db', "a/b c")
        'cannot log in with "***" to x://***@db'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub("".join(map(_any_form, secret)), "***", text)
    return without_secrets(text)


def _any_form(character: str) -> str:
    """Give an expression for one character, however URLs, Python, JSON, HTML, SQL and libpq write it."""
    encoded = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    forms = {
        character,
        quote(character, safe="", errors="surrogatepass"),
        encoded,
        encoded.lower(),
        repr(character)[1:-1],
        ascii(character)[1:-1],
        json.dumps(character)[1:-1],
        html.escape(character),
    }
    if character == " ":
        forms.add("+")
    if character in "'\"\\":
        forms |= {f"\\{character}", character * 2}
    return "(?:" + "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))) + ")"
