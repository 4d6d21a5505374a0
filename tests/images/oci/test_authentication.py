"""Registries and token servers get what they ask for, nobody else does, and nothing secret is shown."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from flyte_core.errors import RegistryAnswerError, RegistryAuthError, RegistryError
from tests.support.registries import Asked, Registry, Reply, ScriptedServer, manifest_of

IMAGE = manifest_of()
SECRET = "pw-7f3a"
BASIC = "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()


def _login(docker: Path, host: str, **entry: str) -> None:
    known = entry or {"auth": BASIC.partition(" ")[2]}
    (docker / "config.json").write_text(json.dumps({"auths": {host: known}}))


def _unauthorized(challenge: str, *codes: str) -> Reply:
    return Reply.json({"errors": [{"code": code} for code in codes]}, 401, WWW_Authenticate=challenge)


def _guarded(challenge: str, *accepted: str, reply: Reply | None = None) -> Callable[[Asked], Reply]:
    """Give an answer to those who have the right header."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization", "") in accepted:
            return reply or Reply.manifest(IMAGE)
        return _unauthorized(challenge, "UNAUTHORIZED")

    return answer


def _with_tokens(server: ScriptedServer, *tokens: Reply | Callable[[Asked], Reply], accepted: str = "Bearer t1") -> str:
    """Have a server ask for a token, which it gives itself."""
    challenge = f'Bearer realm="{server.url}/token?x=1",service="tests",scope="repository:a:pull"'
    server.on("/v2/a/manifests/1", _guarded(challenge, accepted))
    server.on("/token", *tokens)
    return f"{server.address}/a:1"


def _assert_hidden(caught: pytest.ExceptionInfo[RegistryError], log: str, *secrets: str) -> None:
    """Assert that nothing secret is in an error, its chain, or the log."""
    text = "".join(traceback.format_exception(caught.value)) + log
    chain: BaseException | None = caught.value
    while chain is not None:
        text += repr(chain) + repr(chain.args) + repr(vars(chain))
        chain = chain.__cause__
    for secret in (SECRET, BASIC.partition(" ")[2], *secrets):
        assert secret not in text


# ---- basic -------------------------------------------------------------------------------------------------


def test_a_registry_gets_name_and_password_once_it_asks(guarded_registry: Registry, find, docker, name: str) -> None:
    pushed = guarded_registry.push(f"{name}:1")
    where = f"{guarded_registry.address}/{name}:1"
    with pytest.raises(RegistryAuthError, match=r"it wants a name and password; docker login 127\.0\.0\.1") as caught:
        find(where)
    assert isinstance(caught.value, PermissionError)
    known = f"{guarded_registry.user}:{guarded_registry.password}".encode()
    _login(docker, guarded_registry.address, auth=base64.b64encode(known).decode())
    assert find(where, ["linux/amd64"]).digest == pushed.digest
    assert find(f"{guarded_registry.address}/{name}:2") is None


def test_a_wrong_password_is_refused_and_not_shown(
    guarded_registry: Registry, find, docker: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    _login(docker, guarded_registry.address)
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(RegistryAuthError, match=r"401: UNAUTHORIZED.*config\.json") as e,
    ):
        find(f"{guarded_registry.address}/{name}:1")
    assert "not known whether it does" in str(e.value)
    _assert_hidden(e, caplog.text)


def test_nothing_is_sent_before_it_is_asked_for(scripted, find, docker: Path, monkeypatch, tmp_path: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply.manifest(IMAGE))
    _login(docker, server.address)
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login ann password {SECRET}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert find(f"{server.address}/a:1") is not None
    assert "authorization" not in server.asked[0].headers


def test_a_registry_that_asked_once_is_not_made_to_ask_again(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", _guarded("Basic realm=x", BASIC))
    _login(docker, server.address)
    assert find(f"{server.address}/a:1", times=3) is not None
    assert ["authorization" in asked.headers for asked in server.asked] == [False, True, True, True]


def test_a_registry_that_asks_for_ever_is_asked_twice(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", _unauthorized("Basic realm=x"))
    _login(docker, server.address)
    with pytest.raises(RegistryAuthError):
        find(f"{server.address}/a:1")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        ("Negotiate", "asks for negotiate, not for Bearer or Basic"),
        ("", "asks for nothing"),
        ("Bearer service=x", "does not name its token server"),
        ('Bearer realm="ftp://127.0.0.1/t"', "is no URL"),
        ('Bearer realm="not a URL"', "is no URL"),
        ('Bearer realm="http://[/"', "is no URL"),
        ('Bearer realm="/token"', "is no URL"),
    ],
)
def test_a_registry_that_asks_for_something_else_is_not_understood(scripted, find, challenge: str, says: str) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", _unauthorized(challenge))
    with pytest.raises(RegistryAnswerError, match=says):
        find(f"{server.address}/a:1")


# ---- tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_is_had_without_credentials(scripted, find, key: str) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({key: "t1"}))
    assert find(where).digest == IMAGE.digest
    asked = server.asked[1]
    query = urllib.parse.parse_qs(asked.path.partition("?")[2])
    assert query == {"x": ["1"], "service": ["tests"], "scope": ["repository:a:pull"]}
    assert "authorization" not in asked.headers
    assert server.asked[2].headers["authorization"] == "Bearer t1"


def test_a_token_is_had_with_name_and_password(scripted, find, docker: Path) -> None:
    server = scripted()
    where = _with_tokens(server, _guarded("Basic realm=x", BASIC, reply=Reply.json({"token": "t1"})))
    _login(docker, server.address)
    assert find(where).digest == IMAGE.digest


def test_the_scope_is_made_where_the_registry_names_none(scripted, find) -> None:
    server = scripted()
    server.on("/v2/b/c/manifests/1", _guarded(f'Bearer realm="{server.url}/token"', "Bearer t1"))
    server.on("/token", Reply.json({"token": "t1"}))
    assert find(f"{server.address}/b/c:1") is not None
    assert urllib.parse.parse_qs(server.asked[1].path.partition("?")[2]) == {"scope": ["repository:b/c:pull"]}


def test_a_token_server_is_preferred_to_a_password(scripted, find, docker: Path) -> None:
    server = scripted()
    challenges = f'Basic realm="x", Bearer realm="{server.url}/token"'
    server.on("/v2/a/manifests/1", _guarded(challenges, "Bearer t1"))
    server.on("/token", Reply.json({"token": "t1"}))
    _login(docker, server.address)
    assert find(f"{server.address}/a:1") is not None


def test_an_identity_token_is_sent_as_a_form(scripted, find, docker: Path) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"access_token": "t1"}))
    _login(docker, server.address, identitytoken="idt-1")
    assert find(where) is not None
    asked = server.asked[1]
    assert (asked.method, asked.path) == ("POST", "/token?x=1")
    assert dict(urllib.parse.parse_qsl(asked.body.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "idt-1",
        "client_id": "flyte_core",
        "service": "tests",
        "scope": "repository:a:pull",
    }


def test_what_is_sent_as_a_form_is_not_redirected(scripted, find, docker: Path, caplog) -> None:
    server, other = scripted(), scripted()
    where = _with_tokens(server, Reply(status=307, headers=(("Location", f"{other.url}/token"),)))
    _login(docker, server.address, identitytoken="idt-1")
    with pytest.raises(RegistryAnswerError, match="redirects what was sent") as caught:
        find(where)
    assert other.asked == []
    _assert_hidden(caught, caplog.text, "idt-1")


def test_a_registry_token_needs_no_token_server(scripted, find, docker: Path) -> None:
    server = scripted()
    where = _with_tokens(server, Reply(status=500), accepted="Bearer rgt-1")
    _login(docker, server.address, registrytoken="rgt-1")
    assert find(where) is not None
    assert "/token" not in server.paths()


def test_a_token_is_kept_as_long_as_it_lasts(scripted, client, waits) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1", "expires_in": 100}))

    async def look() -> list[int]:
        counts = []
        async with client() as asked:
            for later in (0, 80, 20):
                waits.now += later
                await asked.find_manifest(where)
                counts.append(server.paths().count("/token"))
        return counts

    assert asyncio.run(look()) == [1, 1, 2]


@pytest.mark.parametrize("expires", [None, "soon", -1, 0, True, [], 1e400])
def test_a_token_that_does_not_say_how_long_it_lasts_is_used(scripted, find, expires: object) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1", "expires_in": expires}))
    assert find(where) is not None


def test_a_token_that_is_refused_before_its_time_is_had_anew(scripted, client) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1", "expires_in": 3600}), Reply.json({"token": "t2"}))

    async def look() -> None:
        async with client() as asked:
            await asked.find_manifest(where)
            server.on("/v2/a/manifests/1", _guarded(f'Bearer realm="{server.url}/token"', "Bearer t2"))
            assert await asked.find_manifest(where) is not None

    asyncio.run(look())
    assert server.paths().count("/token") == 2


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (Reply(body=b"<html>"), RegistryAnswerError, "without a token in JSON"),
        (Reply(body=b'{"token": "t1"'), RegistryAnswerError, "without a token in JSON"),
        (Reply(body=b"[" * 100_000), RegistryAnswerError, "without a token in JSON"),
        (Reply.json([]), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({}), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({"token": 7}), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({"token": "a\r\nX-Evil: b"}), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({"token": "ä"}), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({"token": "a" * 100_000}), RegistryAnswerError, "without a token in JSON"),
        (Reply.json({}, 404), RegistryAnswerError, "the token server 127.0.0.1:.* answered 404"),
        (Reply.json({"errors": [{"code": "DENIED"}]}, 403), RegistryAuthError, "answered 403: DENIED"),
        (Reply.json({}, 401), RegistryAuthError, "answered 401"),
        (Reply.json({}, 400), RegistryAuthError, "answered 400"),
        (Reply(status=503), RegistryError, "answered 503"),
    ],
)
def test_a_token_server_that_gives_none_is_no_answer(scripted, find, docker: Path, caplog, reply, error, says) -> None:
    server = scripted()
    where = _with_tokens(server, reply)
    _login(docker, server.address)
    with pytest.raises(error, match=says) as caught:
        find(where)
    _assert_hidden(caught, caplog.text)


def test_a_token_that_does_not_help_is_not_asked_for_again(scripted, find, caplog) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "tkn-other"}))
    with pytest.raises(RegistryAuthError, match="not known whether it does") as caught:
        find(where)
    assert server.paths() == ["/v2/a/manifests/1", "/token", "/v2/a/manifests/1"]
    _assert_hidden(caught, caplog.text, "tkn-other")


def test_a_server_that_repeats_what_is_secret_is_not_quoted(scripted, find, docker: Path, caplog) -> None:
    server = scripted()

    def told(asked: Asked) -> Reply:
        heard = asked.headers["authorization"]
        said = f"you said {heard}, which is {base64.b64decode(heard.partition(' ')[2]).decode()}"
        return Reply.json({"errors": [{"code": "DENIED", "message": said}]}, 403)

    where = _with_tokens(server, told)
    _login(docker, server.address)
    with pytest.raises(RegistryAuthError, match=r"you said Basic \*\*\*, which is ann:\*\*\*") as caught:
        find(where)
    _assert_hidden(caught, caplog.text)


# ---- other hosts -------------------------------------------------------------------------------------------


def test_credentials_are_not_sent_on_to_another_host(scripted, find, docker: Path) -> None:
    server, other = scripted(), scripted()
    moved = Reply(status=307, headers=(("Location", f"{other.url}/elsewhere"),))
    server.on("/v2/a/manifests/1", _guarded("Basic realm=x", BASIC, reply=moved))
    other.on("/elsewhere", Reply.manifest(IMAGE))
    _login(docker, server.address)
    assert find(f"{server.address}/a:1").digest == IMAGE.digest
    assert "authorization" not in other.asked[0].headers


def test_credentials_are_sent_on_within_the_host(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", Reply(status=301, headers=(("Location", "/v2/b/manifests/1"),)))
    server.on("/v2/b/manifests/1", _guarded("Basic realm=x", BASIC))
    _login(docker, server.address)
    assert find(f"{server.address}/a:1").digest == IMAGE.digest


def test_the_host_that_was_redirected_to_gets_no_credentials_when_it_asks(scripted, find, docker: Path) -> None:
    server, other = scripted(), scripted()
    server.on("/v2/a/manifests/1", Reply(status=307, headers=(("Location", f"{other.url}/x"),)))
    other.on("/x", _unauthorized(f'Bearer realm="{other.url}/token"'))
    other.on("/token", Reply.json({"token": "t1"}))
    _login(docker, server.address)
    with pytest.raises(RegistryAuthError, match=f"redirects to {other.url}, which wants authentication of its own"):
        find(f"{server.address}/a:1")
    assert other.paths() == ["/x"]


def test_a_token_server_in_plain_http_elsewhere_gets_no_credentials(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", _unauthorized('Bearer realm="http://auth.invalid/token"'))
    _login(docker, server.address)
    with pytest.raises(RegistryAuthError, match=r"auth\.invalid is spoken to in plain HTTP, where no credentials"):
        find(f"{server.address}/a:1")


def test_the_credentials_of_a_mirror_are_its_own(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/hub/library/a/manifests/1", _guarded("Basic realm=x", BASIC))
    _login(docker, "https://index.docker.io/v1/")
    with pytest.raises(RegistryAuthError, match="wants a name and password"):
        find("a:1", mirrors={"docker.io": f"{server.address}/hub"})
    _login(docker, server.address)
    assert find("a:1", mirrors={"docker.io": f"{server.address}/hub"}) is not None


# ---- credentials that cannot be read -------------------------------------------------------------------------


def _broken(docker: Path) -> None:
    (docker / "config.json").write_text(json.dumps({"credsStore": "not-there"}))


def test_a_public_image_is_found_without_credentials_that_cannot_be_read(scripted, find, docker: Path, caplog) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1"}))
    _broken(docker)
    assert find(where) is not None
    assert "without credentials: there is no program docker-credential-not-there in PATH" in caplog.text


def test_a_refusal_names_the_credentials_that_could_not_be_read(scripted, find, docker: Path) -> None:
    server = scripted()
    server.on("/v2/a/manifests/1", _unauthorized("Basic realm=x"))
    _broken(docker)
    with pytest.raises(RegistryAuthError, match="there is no program docker-credential-not-there in PATH"):
        find(f"{server.address}/a:1")


def test_an_image_is_not_absent_for_want_of_credentials_that_could_not_be_read(scripted, find, docker: Path) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1"}))
    unknown = Reply.json({"errors": [{"code": "NAME_UNKNOWN"}]}, 404)
    server.on("/v2/a/manifests/1", _guarded(f'Bearer realm="{server.url}/token"', "Bearer t1", reply=unknown))
    assert find(where, times=2) is None
    _broken(docker)
    with pytest.raises(RegistryAuthError, match="no such image to somebody without credentials"):
        find(where)


def test_a_token_that_was_had_without_credentials_makes_no_image_absent_later(scripted, client, docker: Path) -> None:
    server = scripted()
    where = _with_tokens(server, Reply.json({"token": "t1", "expires_in": 3600}))
    server.on("/v2/a/manifests/2", Reply.json({"errors": [{"code": "NAME_UNKNOWN"}]}, 404))
    _broken(docker)

    async def look() -> None:
        async with client() as asked:
            assert await asked.find_manifest(where) is not None
            await asked.find_manifest(f"{server.address}/a:2")

    with pytest.raises(RegistryAuthError, match="no such image to somebody without credentials"):
        asyncio.run(look())
