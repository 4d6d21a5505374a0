"""The environment of the reference SDK: its own, so that neither SDK decides what the other one runs with."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["REQUIREMENTS", "install"]

REQUIREMENTS = ("flyte==2.0.0b33", "kubernetes", "pydantic", "pyperf")


def install(folder: Path) -> str:
    """Make the environment, unless it is there already.

    Args:
        folder: where it is, or will be.

    Returns:
        Its interpreter, of the same version as this one.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "requirements.txt"
    wanted = "\n".join(REQUIREMENTS)
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        if not _made_by_uv(folder, python):
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        # Written last: an environment that was only half installed is made anew.
        done.write_text(wanted, encoding="utf-8")
    return str(python)


def _made_by_uv(folder: Path, python: Path) -> bool:
    """Make it with uv, which takes seconds instead of a minute, where that is installed and reaches the index."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    venv.create(folder, clear=True)
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", f"--python={python}", *REQUIREMENTS]
    return subprocess.run(command, check=False).returncode == 0
