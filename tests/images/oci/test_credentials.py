"""Credentials are found where docker and podman leave them, and what cannot be read is said."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.images.oci.challenges import Challenge, parse_challenges
from flyte_core.images.oci.credentials import Credential, CredentialsError, find_credential
from flyte_core.images.oci.helpers import HelperError, ask_helper


def _auth(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


def _write(path: Path, **document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def _found(host: str, repository: str = "ann/app", env: dict[str, str] | None = None) -> Credential | None:
    return asyncio.run(find_credential(host, repository, 60, os.environ if env is None else env))


@pytest.mark.parametrize(
    ("key", "host", "is_found"),
    [
        ("ghcr.io", "ghcr.io", True),
        ("https://ghcr.io", "ghcr.io", True),
        ("https://ghcr.io/v1/", "ghcr.io", True),
        ("https://ghcr.io/v2/", "ghcr.io", True),
        ("ghcr.io/v2", "ghcr.io", True),
        ("http://localhost:5000", "localhost:5000", True),
        ("localhost:5000", "localhost:5001", False),
        ("localhost", "localhost:5000", False),
        ("evil.ghcr.io", "ghcr.io", False),
        ("https://index.docker.io/v1/", "docker.io", True),
        ("docker.io", "docker.io", True),
        ("registry-1.docker.io", "docker.io", True),
        ("https://index.docker.io/v1/", "ghcr.io", False),
        ("ghcr.io/ann", "ghcr.io", True),
        ("ghcr.io/ann/app", "ghcr.io", True),
        ("ghcr.io/an", "ghcr.io", False),
        ("ghcr.io/bob", "ghcr.io", False),
    ],
)
def test_a_key_of_the_file_is_read_as_docker_and_podman_write_it(docker: Path, key: str, host: str, is_found) -> None:
    _write(docker / "config.json", auths={key: _auth("ann", "p:w")})
    found = _found(host)
    assert (found is not None) == is_found
    if found is not None:
        assert (found.username, found.password) == ("ann", "p:w")


def test_the_nearest_key_counts(docker: Path) -> None:
    keys = {"ghcr.io": "a", "ghcr.io/ann/app": "c", "ghcr.io/ann": "b"}
    _write(docker / "config.json", auths={key: _auth(name, "x") for key, name in keys.items()})
    assert [_found("ghcr.io", where).username for where in ("z", "ann/z", "ann/app", "ann/app/z")] == list("abcc")


def test_podmans_file_is_read_where_dockers_has_nothing(docker: Path, tmp_path: Path) -> None:
    _write(docker / "config.json", auths={"ghcr.io": {}, "quay.io": _auth("docker", "x")})
    _write(tmp_path / "run" / "containers" / "auth.json", auths={"ghcr.io": _auth("podman", "x")})
    _write(tmp_path / "other.json", auths={"ghcr.io": _auth("other", "x")})
    env = {"DOCKER_CONFIG": str(docker), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert _found("ghcr.io", env=env).username == "podman"
    assert _found("quay.io", env=env).username == "docker"
    assert _found("ghcr.io", env={**env, "REGISTRY_AUTH_FILE": str(tmp_path / "other.json")}).username == "other"


def test_the_home_folder_has_dockers_file_where_nothing_else_is_said(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _write(tmp_path / ".docker" / "config.json", auths={"ghcr.io": _auth("home", "x")})
    assert _found("ghcr.io", env={}).username == "home"


def test_what_is_given_counts_before_the_files(docker: Path) -> None:
    _write(docker / "config.json", auths={"ghcr.io": _auth("file", "x"), "quay.io": _auth("file", "x")})
    given = {"ghcr.io": _auth("given", "y")}

    async def name_for(host: str) -> str | None:
        found = await find_credential(host, "ann/app", 60, auths=given)
        return found and found.username

    assert [asyncio.run(name_for(host)) for host in ("ghcr.io", "quay.io", "localhost:5000")] == ["given", "file", None]


def test_tokens_are_found_too(docker: Path) -> None:
    auths = {
        "a.io": {"identitytoken": "idt"},
        "b.io": {"registrytoken": "rgt"},
        "c.io": {"username": "u", "password": "p"},
    }
    _write(docker / "config.json", auths=auths)
    assert _found("a.io").identity_token == "idt"
    assert _found("b.io").registry_token == "rgt"
    assert _found("c.io").basic == "Basic dTpw"


def test_no_file_is_no_credential(docker: Path) -> None:
    assert _found("ghcr.io") is None
    _write(docker / "config.json", auths=7, credHelpers=[])
    assert _found("ghcr.io") is None


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b""])
def test_a_file_that_cannot_be_read_is_said_without_its_content(docker: Path, content: bytes) -> None:
    (docker / "config.json").write_bytes(content + b"s3cret")
    with pytest.raises(CredentialsError, match=r"config\.json") as caught:
        _found("ghcr.io")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("auth", ["s3cret!", "czNjcmV0", base64.b64encode(b"\xff:s3cret").decode()])
def test_an_entry_that_is_no_name_and_password_is_said_without_its_content(docker: Path, auth: str) -> None:
    _write(docker / "config.json", auths={"ghcr.io": {"auth": auth}})
    with pytest.raises(CredentialsError, match=r"for ghcr\.io is not name:password in base64") as caught:
        _found("ghcr.io")
    assert auth not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_credential_does_not_show_what_is_secret() -> None:
    shown = repr(Credential(username="ann", password="pppp", identity_token="iiii", registry_token="rrrr"))
    assert "ann" in shown
    assert not any(secret in shown for secret in ("pppp", "iiii", "rrrr"))


@given(st.text().filter(lambda name: ":" not in name and name), st.text(min_size=1).filter(lambda p: "\0" not in p))
def test_any_name_and_password_come_back(tmp_path_factory: pytest.TempPathFactory, name: str, password: str) -> None:
    folder = tmp_path_factory.mktemp("docker")
    try:
        _write(folder / "config.json", auths={"ghcr.io": _auth(name, password)})
    except UnicodeEncodeError:
        return
    found = _found("ghcr.io", env={"DOCKER_CONFIG": str(folder)})
    assert (found.username, found.password) == (name, password)


# ---- helpers -----------------------------------------------------------------------------------------------


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Writes a credential helper, a script for the shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(script: str, name: str = "test") -> None:
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


ANSWER = """echo '{"ServerURL": "x", "Username": "ann", "Secret": "pw"}'"""


def test_a_helper_is_asked_for_the_host(docker: Path, helper, tmp_path: Path) -> None:
    helper(f'cat > {tmp_path}/asked; echo "$@" >> {tmp_path}/asked; {ANSWER}')
    _write(docker / "config.json", credHelpers={"ghcr.io": "test"}, auths={"ghcr.io": _auth("file", "x")})
    found = _found("ghcr.io")
    assert (found.username, found.password, found.source) == ("ann", "pw", "docker-credential-test")
    assert (tmp_path / "asked").read_text() == "ghcr.io\nget\n"


def test_a_helper_is_asked_for_docker_hub_under_its_old_name(docker: Path, helper, tmp_path: Path) -> None:
    helper(f"cat > {tmp_path}/asked; {ANSWER}")
    _write(docker / "config.json", credsStore="test", auths={"https://index.docker.io/v1/": {}})
    assert _found("docker.io").username == "ann"
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/\n"


def test_the_helper_of_a_host_counts_before_the_one_of_all(docker: Path, helper) -> None:
    helper(ANSWER, "one")
    helper("exit 3", "all")
    _write(docker / "config.json", credHelpers={"ghcr.io": "one"}, credsStore="all")
    assert _found("ghcr.io").source == "docker-credential-one"
    with pytest.raises(CredentialsError, match=r"docker-credential-all failed with exit status 3 .*config\.json names"):
        _found("quay.io")


def test_a_helper_gives_a_token_under_a_name_of_its_own(docker: Path, helper) -> None:
    helper("""echo '{"Username": "<token>", "Secret": "idt"}'""")
    _write(docker / "config.json", credsStore="test")
    found = _found("ghcr.io")
    assert (found.identity_token, found.username, found.basic) == ("idt", "", "")


def test_the_file_counts_where_the_helper_has_nothing(docker: Path, helper) -> None:
    helper("echo credentials not found in native keychain; exit 1")
    _write(docker / "config.json", credsStore="test", auths={"ghcr.io": _auth("file", "x")})
    assert _found("ghcr.io").username == "file"
    assert _found("quay.io") is None


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo s3cret; exit 1", "failed with exit status 1"),
        ("echo s3cret not found; exit 1", "failed with exit status 1"),
        ("echo s3cret", "answered something that is no JSON object"),
        ("echo '[\"s3cret\"]'", "answered something that is no JSON object"),
        ("""echo '{"Username": "s3cret"}'""", "answered without Username and Secret"),
        ("""echo '{"Username": "s3cret", "Secret": 7}'""", "answered without Username and Secret"),
        ("exec 0<&-; printf '\\377s3cret'", "answered something that is no JSON object"),
        ("head -c 200000 /dev/zero; echo s3cret", "answered more than a credential"),
        ("yes s3cret", "answered more than a credential"),
        ("kill -9 $$", "failed with exit status"),
    ],
)
def test_a_helper_that_fails_is_said_without_what_it_prints(helper, script: str, says: str) -> None:
    helper(script)
    with pytest.raises(HelperError, match=f"docker-credential-test {says}") as caught:
        asyncio.run(ask_helper("test", "ghcr.io", 60))
    assert "s3cret" not in str(caught.value)


def test_a_helper_that_hangs_is_ended(helper) -> None:
    helper("sleep 1000")
    with pytest.raises(HelperError, match=r"did not answer within 0.2 s"):
        asyncio.run(ask_helper("test", "ghcr.io", 0.2))


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_helper_started_ends_with_it(helper, tmp_path: Path) -> None:
    helper(f"sleep 1000 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/child; wait")

    async def cancel() -> int:
        task = asyncio.ensure_future(ask_helper("test", "ghcr.io", 600))
        while not (tmp_path / "child").exists():
            assert not task.done()
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return int((tmp_path / "child").read_text())

    child = asyncio.run(cancel())
    until = time.monotonic() + 60
    while _is_running(child):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_helper_is_not_waited_for_by_way_of_what_has_left_it(helper, tmp_path: Path) -> None:
    child = tmp_path / "child"
    helper(f"setsid sh -c 'echo $$ > {child}; exec sleep 1000' &\nsleep 1000")
    try:
        with pytest.raises(HelperError, match=r"did not answer within 0.5 s"):
            asyncio.run(ask_helper("test", "ghcr.io", 0.5))
    finally:
        if child.exists():
            os.kill(int(child.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("name", ["none", "../evil", "/bin/sh", ""])
def test_a_helper_that_is_not_there_is_said(name: str) -> None:
    with pytest.raises(HelperError, match="there is no program docker-credential-"):
        asyncio.run(ask_helper(name, "ghcr.io", 60))


def test_a_name_does_not_lead_to_a_program_outside_of_the_path(monkeypatch, tmp_path: Path) -> None:
    program = tmp_path / "docker-credential-x" / "evil"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{ANSWER}\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HelperError, match="there is no program docker-credential-x/evil in PATH"):
        asyncio.run(ask_helper("x/evil", "ghcr.io", 60))


def test_a_program_that_cannot_be_started_is_said(helper, tmp_path: Path) -> None:
    helper("")
    (tmp_path / "bin" / "docker-credential-test").write_bytes(b"\x7fELF")
    with pytest.raises(HelperError, match="cannot be started"):
        asyncio.run(ask_helper("test", "ghcr.io", 60))


def test_a_helper_whose_name_is_no_text_is_said(docker: Path) -> None:
    _write(docker / "config.json", credsStore=7)
    with pytest.raises(CredentialsError, match="no text"):
        _found("ghcr.io")


# ---- what a server asks for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            ['Bearer realm="https://a/t",service="r",scope="repository:a/b:pull,push"'],
            [("bearer", {"realm": "https://a/t", "service": "r", "scope": "repository:a/b:pull,push"})],
        ),
        (["Basic realm=x"], [("basic", {"realm": "x"})]),
        (['BEARER Realm = "x" , SERVICE=y'], [("bearer", {"realm": "x", "service": "y"})]),
        (['Negotiate, Basic realm="a \\"q\\" b"'], [("negotiate", {}), ("basic", {"realm": 'a "q" b'})]),
        (['NTLM abc==, Basic realm="x"'], [("ntlm", {}), ("basic", {"realm": "x"})]),
        (["Negotiate", 'Basic realm="x"'], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (
            [", ,Basic realm=x,, Bearer realm=https://a/t"],
            [("basic", {"realm": "x"}), ("bearer", {"realm": "https://a/t"})],
        ),
        (['Bearer realm="https://a'], [("bearer", {})]),
        ([""], []),
        (['=x, "y"'], []),
        ([], []),
    ],
)
def test_what_a_server_asks_for_is_read(headers: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(found.scheme, dict(found.parameters)) for found in parse_challenges(headers)] == expected


_token = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,8}", fullmatch=True)
_quoted = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20)


@given(st.lists(st.tuples(_token, st.dictionaries(_token.map(str.lower), _quoted, min_size=1, max_size=3)), max_size=4))
def test_any_challenges_come_back_as_they_were_written(written: list[tuple[str, dict[str, str]]]) -> None:
    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{scheme} " + ", ".join(f"{key}={quote(value)}" for key, value in parameters.items())
        for scheme, parameters in written
    )
    expected = tuple(Challenge(scheme=scheme.lower(), parameters=parameters) for scheme, parameters in written)
    assert parse_challenges([text]) == expected


@given(st.text(max_size=200))
def test_no_header_makes_reading_it_fail(text: str) -> None:
    parse_challenges([text])
