import os
import pathlib
import pickle
import subprocess
import sys

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Secret, secrets_from_request


@pytest.mark.parametrize(
    ("secret", "variable"),
    [
        (Secret("plain-name"), "PLAIN_NAME"),
        (Secret("k", "g"), "G_K"),
        (Secret(key="a-b", group="g-h"), "G_H_A_B"),
        (Secret(key="x", as_env_var="OTHER"), "OTHER"),
        (Secret(key="x", mount=pathlib.Path("/etc/flyte/secrets")), None),
        (Secret(key="x", mount=pathlib.Path("/etc"), as_env_var="X1"), "X1"),
        (Secret(key="x", mount=""), "X"),
        (Secret(key="x", as_env_var=""), "X"),
    ],
)
def test_the_variable_is_made_from_group_and_key(secret, variable):
    assert secret.as_env_var == variable


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"key": "9lives"}, "9LIVES"),
        ({"key": "a.b"}, "A.B"),
        ({"key": "ä"}, "Ä"),
        ({"key": "x", "as_env_var": "lower"}, "lower"),
        ({"key": "x", "as_env_var": "A B"}, "A B"),
        ({"key": "x", "as_env_var": "A\n"}, "A"),
        ({"key": ""}, "key"),
    ],
)
def test_what_is_no_variable_name_is_refused(given, named):
    with pytest.raises(InvalidValueError, match=named):
        Secret(**given)


@pytest.mark.parametrize(
    "given", [{"key": 1}, {"key": "x", "group": 1}, {"key": "x", "mount": 1}, {"key": "x", "as_env_var": 1}]
)
def test_a_field_of_another_type_is_refused(given):
    with pytest.raises(InvalidTypeError, match=f"Secret: {list(given)[-1]}"):
        Secret(**given)


def test_a_mount_may_be_a_text():
    assert Secret(key="x", mount="/etc/flyte/secrets") == Secret(key="x", mount=pathlib.Path("/etc/flyte/secrets"))


def test_secrets_are_values():
    one, two = (Secret(key="a", group="g") for _ in range(2))
    assert one == two
    assert len({one, two, Secret(key="a")}) == 2
    assert pickle.loads(pickle.dumps(one)) == one


def test_secrets_that_differ_hash_differently():
    secrets = [
        Secret("a", "b"),
        Secret("a", as_env_var="B"),
        Secret("a"),
        Secret("a", mount="/b"),
        Secret("a", mount="/b", as_env_var="A"),
    ]
    assert len({secret.stable_hash() for secret in secrets}) == len(secrets)


@pytest.mark.parametrize("seed", ["0", "12345"])
def test_the_hash_is_the_same_in_every_process(seed):
    code = "from flyte_core.models import Secret; print(hash(Secret(key='token', group='ci')))"
    got = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
    )
    assert int(got.stdout) == hash(Secret(key="token", group="ci"))


def test_a_request_is_a_key_a_secret_or_several_in_order():
    secret = Secret(key="b")
    assert secrets_from_request("a") == [Secret(key="a")]
    assert secrets_from_request(secret) == [secret]
    assert secrets_from_request(["a", secret]) == [Secret(key="a"), secret]
    assert secrets_from_request(("a",)) == [Secret(key="a")]
    assert secrets_from_request([]) == []


@pytest.mark.parametrize("given", [5, None, {"a": 1}, [5], [None], b"a"])
def test_a_request_of_another_type_is_refused(given):
    with pytest.raises(InvalidTypeError, match="secrets"):
        secrets_from_request(given)
