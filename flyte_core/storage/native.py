"""obstore, and an event loop for it, in every process: also in one that was forked from a process that used them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from types import ModuleType
from typing import Any, TypeVar

__all__ = ["obstore", "wait_for"]

T = TypeVar("T")

# The process that obstore's own threads run in; a forked child has the library without its threads.
_used_in: int | None = None
# Kept alive: what is torn down in a forked child may wait for threads that are not there.
_left_behind: list[ModuleType] = []
_loops: dict[int, asyncio.AbstractEventLoop] = {}
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
    if _used_in is not None and _used_in != pid:
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


def _loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    loop = _loops.get(pid)
    if loop is None:
        with _loop_lock:
            loop = _loops.get(pid)
            if loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="flyte_core-storage", daemon=True).start()
                _loops[pid] = loop
    return loop


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
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
