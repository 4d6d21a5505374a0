"""The container engine: one connection for the process, and what its failures mean."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar

from flyte_core import logger
from flyte_core.runtime.blocking import in_thread
from flyte_core_container.errors import DockerMissingError, EngineUnavailableError
from flyte_core_container.local.answers import EngineGone, EngineRefusal
from flyte_core_container.local.owner import reap

__all__ = ["Engine", "connect", "use_engine"]

R = TypeVar("R")

#: Environment variables that say which engine is meant; a change of one is another engine.
_SETTINGS = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")

#: Seconds for one answer of the engine; a call that waits for a container has its own.
_ANSWER_TIMEOUT = 60

#: Bytes of a folder that are read at a time.
_CHUNK = 2**20


class Engine:
    """A Docker or Podman engine behind its HTTP interface.

    Args:
        api: the ``docker.APIClient``, or what stands in for one.
        sees_files: whether the engine may have this machine's file system; found out by the first refusal.
    """

    def __init__(self, api: Any, *, sees_files: bool = True) -> None:
        self.api = api
        self.sees_files = sees_files
        self._reaping = threading.Lock()
        self._reaped = False

    def call(self, func: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call a method of ``api``, and tell a refusal from silence.

        Raises:
            EngineRefusal: when the engine answers with an error.
            EngineGone: when it does not answer.
        """
        import docker.errors
        import requests
        import urllib3

        try:
            return func(*args, **kwargs)
        except docker.errors.APIError as e:
            status = e.response.status_code if e.response is not None else 500
            raise EngineRefusal(status, str(e.explanation or e)) from e
        except (requests.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException, OSError) as e:
            raise EngineGone(f"{type(e).__name__}: {e}") from e

    async def ask(self, func: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """`call` in a thread."""
        return await in_thread(self.call, func, *args, **kwargs)

    @contextlib.contextmanager
    def archive(self, container_id: str, path: str) -> Iterator[Iterator[bytes]]:
        """Read a folder of a container as a tar file, in chunks.

        Not by ``get_archive``, which does not let go of the answer: one that is not read to its end, as when the disc
        is full, keeps the engine from removing the container.

        Raises:
            EngineRefusal: when there is no such container or folder.
            EngineGone: when the engine does not answer.
        """
        url = f"{self.api.base_url}/v{self.api.api_version}/containers/{container_id}/archive"
        answer = self.call(self.api.get, url, params={"path": path}, stream=True, timeout=_ANSWER_TIMEOUT)
        with contextlib.closing(answer):
            if not answer.ok:
                raise EngineRefusal(answer.status_code, answer.text)
            parts = answer.iter_content(_CHUNK)
            yield iter(lambda: self.call(next, parts, b""), b"")

    def reap_once(self) -> None:
        """Remove the containers of dead runs, the first time in this process; its failure is only logged."""
        with self._reaping:
            if self._reaped:
                return
            self._reaped = True
        try:
            reap(self)
        except (EngineRefusal, EngineGone, OSError) as e:
            logger.warning("containers of dead runs could not be looked for: %s", e)


_given: ContextVar[Engine | None] = ContextVar("flyte_core_container_engine", default=None)


@contextlib.contextmanager
def use_engine(engine: Engine) -> Iterator[Engine]:
    """Have container tasks use this engine instead of the one that the environment variables name."""
    token = _given.set(engine)
    try:
        yield engine
    finally:
        _given.reset(token)


async def connect() -> Engine:
    """Give the engine: the one of `use_engine`, or the process's own connection to the one that is configured.

    Raises:
        EngineUnavailableError: when there is none, or the package ``docker`` is missing.
    """
    given = _given.get()
    if given is not None:
        return given
    # A forked process must not share its parent's sockets.
    key = (os.getpid(), *(os.environ.get(name, "") for name in _SETTINGS))
    return await in_thread(_connected, key)


@lru_cache(maxsize=4)
def _connected(key: tuple[object, ...]) -> Engine:
    try:
        import docker
    except ImportError as e:
        raise DockerMissingError(f"the package docker cannot be imported: {e}; install it: pip install docker") from e
    host = os.environ.get("DOCKER_HOST", "")
    try:
        api = docker.from_env(timeout=_ANSWER_TIMEOUT, version=os.environ.get("DOCKER_API_VERSION") or "auto").api
    except Exception as e:  # docker, requests and urllib3 each raise their own
        raise EngineUnavailableError(
            f"no container engine answers at {host or 'its default socket'}: {e}; {_advice(host, e)}"
        ) from e
    return Engine(api)


def _advice(host: str, error: Exception) -> str:
    """Say what helps when there is no connection to the engine at an address."""
    import docker.errors

    if "paramiko" in str(error):
        return "connections through SSH need another package: pip install 'docker[ssh]'"
    if isinstance(error, docker.errors.TLSParameterError):
        return "see DOCKER_TLS_VERIFY, and the certificates in the folder that DOCKER_CERT_PATH names"
    # What requests raises is an OSError too; without one nothing was tried: the address could not be read.
    if not any(isinstance(cause, OSError) for cause in _causes(error)):
        return (
            "DOCKER_HOST has to be an address such as unix:///var/run/docker.sock, tcp://HOST:2375 or ssh://USER@HOST"
        )
    if host.startswith("ssh://"):
        return f"see whether you can log in there and Docker runs: ssh {host.removeprefix('ssh://')} docker version"
    if any(isinstance(cause, PermissionError) for cause in _causes(error)):
        return "have your user added to the group of the socket, for Docker: sudo usermod -aG docker $USER"
    return (
        "start Docker (systemctl start docker), or set DOCKER_HOST, for Podman to "
        "unix://$XDG_RUNTIME_DIR/podman/podman.sock after systemctl --user start podman.socket"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
