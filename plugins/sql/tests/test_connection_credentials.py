from __future__ import annotations

import copy
import html
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from flyte_core_sql.credentials import Hidden, carries_credentials, credential_options, is_credential, scrub
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError

_TRICKY = "p@ss/w:rd'\"\\ ü%+&<>"


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "passwd", "pwd", "PWD", "sslpassword", "passphrase", "passcode", "token",
        "motherduck_token", "access-token", "accessToken", "secret", "client_secret", "clientSecret",
        "credentials_base64", "credentials_info", "private_key", "privateKey", "private_key_file_pwd",
        "api_key", "apikey_token", "s3_secret_access_key", "aws_session_token", "aws_access_key_id",
        "account_key", "db.password",
    ],
)  # fmt: skip
def test_the_names_of_credentials_are_known(name):
    assert is_credential(name)


@pytest.mark.parametrize(
    "name",
    [
        "user", "username", "host", "sslmode", "sslkey", "sslrootcert", "passfile", "credentials_path",
        "private_key_file", "privateKeyPath", "token_url", "token_uri", "secret_directory",
        "default_secret_storage", "connect_timeout", "threads", "memory_limit", "compass", "patience",
        "application_name", "keepalives", "foreign_key_checks", "primary_key",
    ],
)  # fmt: skip
def test_the_names_of_other_options_are_none_of_credentials(name):
    assert not is_credential(name)


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ("http://proxy:3128", False),
        ("http://ann@proxy:3128", False),
        ("http://ann:pw@proxy:3128", True),
        ("http://ann:p w@proxy:3128", True),
        ("http://proxy:3128/a@b", False),
        ("DRIVER={ODBC};SERVER=db;UID=ann;PWD=x", True),
        ("DRIVER%3D%7BODBC%7D%3BPWD%3Dx", True),
        ("host=db password = x", True),
        ("-c search_path=app -c password_encryption=scram-sha-256", False),
        ("password", False),
        ("", False),
    ],
)
def test_a_text_with_a_password_in_a_url_or_pair_carries_credentials(text, carries):
    assert carries_credentials(text) is carries


def test_options_with_credentials_are_named_however_deep_they_are():
    options = {
        "threads": 4,
        "connect_args": {"password": "x", "deep": [{"token": 1}, {"a": "u://a:b@c"}]},
        "password": 1234,
        "allow_persistent_secrets": True,
        "secret": None,
        "hosts": ["a", "x://ann:pw@h"],
    }
    assert list(credential_options(options)) == [
        "connect_args.password",
        "connect_args.deep[0].token",
        "connect_args.deep[1].a",
        "password",
        "hosts[1]",
    ]


def test_a_hidden_text_is_neither_shown_nor_pickled():
    hidden = Hidden("pa55")
    assert "pa55" not in f"{hidden} {hidden!r} {[hidden]}"
    assert copy.deepcopy([hidden])[0].reveal() == copy.copy(hidden).reveal() == "pa55"
    with pytest.raises(InvalidTypeError) as caught:
        pickle.dumps(hidden)
    assert "pa55" not in str(caught.value)


_WRITTEN = [
    str, quote, quote_plus, lambda text: quote(text, safe=""), lambda text: quote(text, safe=" +"),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
    lambda text: repr(text)[1:-1], lambda text: ascii(text)[1:-1], lambda text: json.dumps(text)[1:-1], html.escape,
    lambda text: text.replace("'", "''"), lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
]  # fmt: skip


@pytest.mark.parametrize("written", range(len(_WRITTEN)))
def test_a_secret_is_scrubbed_however_a_driver_writes_it(written):
    shown = _WRITTEN[written](_TRICKY)
    assert scrub(f"before >{shown}< after, again {shown}", _TRICKY) == "before >***< after, again ***"


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), written=st.sampled_from(_WRITTEN[:10]))
def test_no_written_form_of_a_secret_survives(secret, written):
    shown = written(secret)
    marked = scrub(f"\0{shown}\0", secret)
    assert "***" in marked
    assert marked.strip("\0*") == "" or shown not in marked


def test_the_longest_secret_goes_first_and_empty_ones_count_for_nothing():
    assert scrub("abc ab", "", "ab", "abc") == "*** ***"
    assert scrub("nothing here", "") == "nothing here"


def test_what_looks_like_a_credential_is_scrubbed_without_being_known():
    assert scrub("cannot reach postgresql://ann:pw@db/app?password=x") == (
        "cannot reach postgresql://***@db/app?password=***"
    )


def test_a_long_message_is_scrubbed_in_linear_time():
    assert scrub("a" * 1_000_000 + "b", "a" * 50 + "c").endswith("b")
