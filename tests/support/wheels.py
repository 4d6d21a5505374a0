"""Wheels for tests, which nobody has to build."""

from __future__ import annotations

import io
import zipfile

__all__ = ["wheel"]


def wheel(name: str, version: str = "1.0", *, needs: str = "") -> bytes:
    """Give a wheel whose module has its version as ``VERSION``.

    Args:
        name: its name, and its module's.
        version: its version.
        needs: a requirement.
    """
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()
