"""obstore, and an event loop for it, in every process: also in one that was forked from a process that used them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Coroutine
from types import ModuleType
from typing import Any, TypeVar

from flyte_core.storage.undo import OnFailure

__all__ = ["clean_up", "obstore", "wait_for"]

_GRACE = 2.0  # seconds for what still runs when the process ends

T = TypeVar("T")

# The process that obstore's own threads run in; a forked child has the library without its threads.
_used_in: int | None = None
# The process that is ending.
_over_in: int | None = None
# Kept alive: what is torn down in a forked child may wait for threads that are not there.
_left_behind: list[ModuleType] = []
_loops: dict[int, tuple[asyncio.AbstractEventLoop, threading.Thread]] = {}
_loop_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    # A thread that is not in the child may hold it.
    os.register_at_fork(after_in_child=lambda: globals().update(_loop_lock=threading.Lock()))


def obstore() -> ModuleType:
    """Give the module ``obstore`` so that it works in this process.

    obstore starts threads on first use, and every call in a process that was forked later waits for them forever
    (tokio issue 4301). There the library is loaded once more, from a copy of its file, which takes some 25 ms.

    Returns:
        The module.

    Example:
        >>> obstore().__name__
        'obstore'
    """
    global _used_in
    pid = os.getpid()
    if _used_in != pid:
        if _used_in is None:
            atexit.register(_settle)
        else:
            _load_again()
        _used_in = pid
    import obstore as module

    return module


def _load_again() -> None:
    import shutil
    import tempfile
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    name = "obstore._obstore"
    file = Path(str(sys.modules[name].__file__))
    old = [known for known in sys.modules if known == "obstore" or known.startswith("obstore.")]
    _left_behind.extend(sys.modules.pop(known) for known in old)
    with tempfile.TemporaryDirectory(prefix="flyte-core-", ignore_cleanup_errors=True) as folder:
        # The system gives the same library for the same file, and with it the same threads that are gone.
        spec = spec_from_file_location(name, shutil.copy(file, folder))
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def _settle() -> None:
    """Let everything end that still wants Python, before the interpreter is taken down.

    One of obstore's threads that is handing a result over when Python exits is ended inside of Rust, and takes the
    process with it: seen in one of six programs whose last act was to write an object.
    """
    global _over_in
    _over_in = os.getpid()
    loop, thread = _loops.pop(os.getpid(), (None, None))
    if loop is not None and thread is not None:
        with contextlib.suppress(Exception):  # whatever it is, the process ends now
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(_GRACE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_GRACE)
    time.sleep(0.01)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE)


def _loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    with _loop_lock:
        if pid not in _loops:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="flyte_core-storage", daemon=True)
            thread.start()
            _loops[pid] = (loop, thread)
        return _loops[pid][0]


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in this process's own event loop and wait for its result.

    Open files live there, so that they can be read and written from any thread, and go on while nobody waits.

    Args:
        coroutine: what to run.

    Returns:
        Its result.

    Example:
        >>> async def seven() -> int:
        ...     return 7
        >>> wait_for(seven())
        7
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop())
    with OnFailure(future.cancel):
        return future.result()


def clean_up(coroutine: Coroutine[Any, Any, None]) -> None:
    """Do as `wait_for` does, unless the process is ending: then nothing is left to clean up.

    Args:
        coroutine: what to run.

    Example:
        >>> async def nothing() -> None:
        ...     return None
        >>> clean_up(nothing())
    """
    if _over_in == os.getpid():
        coroutine.close()
    else:
        wait_for(coroutine)
