"""Real PostgreSQL servers for tests: one for each pytest worker, and ones of its own for a test that breaks them."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.ports import free_port

__all__ = ["REQUIRED", "PostgresServer", "own_postgres", "postgres", "skip_or_fail"]

#: Set where a server must be there: a test that would be skipped for want of one fails then.
REQUIRED = "FLYTE_CORE_REQUIRE_POSTGRES"

#: Nothing of these servers has to outlive a crash of the machine, only their own, and they must not fill its memory.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "autovacuum": "off",
    "log_min_messages": "warning",
}


def skip_or_fail(reason: str) -> NoReturn:
    """Skip a test for want of a server, or fail it where one must be there."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1")
    pytest.skip(reason)


@functools.lru_cache(maxsize=1)
def _programs() -> Path:
    """Give the folder of the newest server's programs; Debian keeps them out of the search path."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if not found:
        skip_or_fail("there is no PostgreSQL server here (package postgresql)")
    return found[-1].resolve().parent


def _version(program: Path) -> float:
    """Give the version that is in a path of Debian's."""
    return float(program.parent.parent.name)


def _as_user() -> dict[str, Any]:
    """Give what makes a process run as someone whom PostgreSQL accepts: it refuses root."""
    if os.geteuid() != 0:
        return {}
    try:
        who = pwd.getpwnam("postgres")
    except KeyError:
        skip_or_fail("there is no user named postgres, whom a server needs when tests run as root")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


class PostgresServer:
    """One server on this machine's own address, with a superuser whose password is asked for.

    Args:
        folder: where all of it lies.
        settings: of its configuration, above the tests' own.
    """

    user = "tester"
    database = "postgres"
    #: With what a URL must escape, so that a place that does not is found.
    password = "s3cret:/p@ss w%rd?#"

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        self._settings = {**_SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens, for a URL."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL as one is written in a task: without the password."""
        return f"postgresql://{self.user}@{self.address}/{self.database}"

    @property
    def url_with_password(self) -> str:
        """Its URL as a driver wants it."""
        password = urllib.parse.quote(self.password, safe="")
        return f"postgresql://{self.user}:{password}@{self.address}/{self.database}"

    def initialise(self) -> None:
        """Make its folder of data."""
        words = self.folder / "password"
        words.write_text(self.password)
        if user := _as_user():
            for path in (self.folder, words):
                os.chown(path, user["user"], user["group"])
        options = ["--no-sync", "--no-instructions", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        self._run("initdb", *options, f"--username={self.user}", f"--pwfile={words}", f"--pgdata={self._data}")

    def start(self) -> None:
        """Start it, on its port of before, and return once it answers."""
        settings = [f"--{key}={value}" for key, value in self._settings.items()]
        command = [str(_programs() / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        if ends_with_us := shutil.which("setpriv"):
            command = [ends_with_us, "--pdeathsig=INT", *command]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, cwd="/", **_as_user()
            )
        self._await()

    def _await(self) -> None:
        """Wait until its file says that it is ready."""
        assert self._process is not None
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(FileNotFoundError):
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                # Between its creation and its first line it is empty.
                if lines and lines[0] == str(self._process.pid) and lines[-1].strip() == "ready":
                    return
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash of the machine would: every process at once, with nothing said to a client."""
        assert self._process is not None
        number = self._process.pid
        # Stopped first, since it would start others for those that end.
        os.kill(number, signal.SIGSTOP)
        backends = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for process in (*map(int, backends), number):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def execute(self, text: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run statements on a connection of its own, which goes another way than what is tested."""
        import psycopg

        with psycopg.connect(self.url_with_password, autocommit=True, application_name="looking on") as connection:
            cursor = connection.execute(text, parameters)  # type: ignore[arg-type] # a test's text
            return cursor.fetchall() if cursor.description else []

    def connections(self, application: str = "%") -> int:
        """Count the clients that are connected, but for the one that counts.

        Args:
            application: a pattern of LIKE for the name that they give themselves.
        """
        return self.activity("true", application)

    def running(self, application: str = "%") -> int:
        """Count the clients whose statement runs."""
        return self.activity("state = 'active'", application)

    def activity(self, condition: str, application: str = "%") -> int:
        """Count clients for which a condition on ``pg_stat_activity`` holds."""
        condition = condition.replace("%", "%%")
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            f" AND pid <> pg_backend_pid() AND application_name LIKE %s AND ({condition})"
        )
        return int(self.execute(query, [application])[0][0])

    def wait_for(self, condition: str, count: int, application: str = "%", *, seconds: float = 60) -> None:
        """Return once that many clients fulfil a condition; fail when they never do."""
        until = time.monotonic() + seconds
        while (found := self.activity(condition, application)) != count:
            assert time.monotonic() < until, f"{found} clients are {condition!r}, not {count}"
            time.sleep(0.01)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of its programs to its end."""
        done = subprocess.run(
            [str(_programs() / program), *arguments], capture_output=True, text=True, cwd="/", **_as_user()
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def own_postgres(**settings: str) -> Iterator[PostgresServer]:
    """Give a server that nobody shares, and take it away again with all its data."""
    _programs()
    # A folder that another user reaches, which pytest's are not.
    folder = Path(tempfile.mkdtemp(prefix="fcp", dir="/tmp"))
    server = PostgresServer(folder, **settings)
    try:
        server.initialise()
        _start_at_a_free_port(server)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _start_at_a_free_port(server: PostgresServer) -> None:
    """Start a new server; it cannot be told to take any port, so that another one may be quicker at the one it was given."""
    for _ in range(5):
        try:
            return server.start()
        except RuntimeError as error:
            if "Address already in use" not in str(error):
                raise
            server.port = free_port()
    raise RuntimeError("PostgreSQL finds no free port")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that tests of one worker share, so each uses names of its own."""
    with own_postgres() as server:
        yield server


if __name__ == "__main__":  # for measurements: prints the URL, and serves until its input ends
    with own_postgres(shared_buffers="128MB") as running:
        sys.stdout.write(f"{running.url_with_password}\n")
        sys.stdout.flush()
        sys.stdin.read()
