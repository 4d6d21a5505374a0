"""Base images for tests of builds, made of this machine: no registry is asked."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.engines import skip_or_fail

__all__ = ["debian_base", "index_settings", "python_base"]

#: Raised when what stands in the images changes.
_VERSION = "1"

_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

#: What no build needs of the standard library, and most of its size.
_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "site-packages", "dist-packages"}

_DEBIAN = "bookworm"


def index_settings() -> dict[str, str]:
    """Give the variables that name this machine's package index and certificates to pip and uv."""
    found = {
        "SSL_CERT_FILE": _BUNDLE,
        "REQUESTS_CA_BUNDLE": _BUNDLE,
        "PIP_CERT": _BUNDLE,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for line in asked.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".index-url"):
            found["PIP_INDEX_URL"] = found["UV_DEFAULT_INDEX"] = value.strip("'")
    return found


def python_base(api: Any) -> str:
    """Give an engine an image with the Python that runs this, pip and a shell; its name.

    Args:
        api: the engine's.
    """
    files = sorted(_python_files())
    state = [(name, *_state(source)) for name, source in files]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **index_settings()}
    return _once(api, "python", repr((state, environment)), lambda: _python_tar(files), environment)


def debian_base(api: Any) -> str:
    """Give an engine an image with a small Debian, whose apt asks where this machine's asks; its name.

    Making one takes a minute and is done once per machine: the result lies in the user's folder for caches.

    Args:
        api: the engine's.
    """
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        skip_or_fail("a Debian base needs debootstrap and root")
    return _once(api, "debian", f"{_DEBIAN} {_debian_mirror()}", _debian_tar, {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})


def _once(api: Any, name: str, state: str, make: Any, environment: dict[str, str]) -> str:
    uri = f"flyte-core-test/{name}:{hashlib.sha256(f'{_VERSION}{state}'.encode()).hexdigest()[:16]}"
    # Workers that run tests side by side make it once.
    with _locked(f"{name}-base"):
        if not api.images(name=uri, quiet=True):
            changes = [f'ENV {key}="{value}"' for key, value in environment.items()]
            params = {"fromSrc": "-", "repo": uri, "changes": [*changes, 'CMD ["/bin/sh"]']}
            with make() as data:
                api._post(api._url("/images/create"), data=data, params=params).raise_for_status()
    return uri


class _locked:
    def __init__(self, name: str) -> None:
        self._path = Path(tempfile.gettempdir()) / f"flyte-core-{os.getuid()}-{name}.lock"

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *failure: object) -> None:
        self._file.close()


def _state(source: Path | bytes) -> tuple[object, ...]:
    if isinstance(source, bytes):
        return (hashlib.sha256(source).hexdigest(),)
    found = source.stat()
    return (found.st_size, found.st_mtime_ns)


def _python_files() -> Iterator[tuple[str, Path]]:
    """Give what makes a Python: where it lies in the image, which is where it lies here, and the file."""
    executable = Path(os.path.realpath(sys.executable))
    library = Path(sysconfig.get_paths()["stdlib"])
    binaries = [executable]
    yield str(executable), executable
    for folder, folders, names in os.walk(library):
        folders[:] = [one for one in folders if one not in _LEFT_OUT and not one.startswith("config-")]
        for name in names:
            path = Path(folder, name)
            if path.suffix in (".pyc", ".a") and not name.endswith(f"{sys.implementation.cache_tag}.pyc"):
                continue
            yield str(path), path
            if path.suffix == ".so":
                binaries.append(path)
    for shared in sorted(_libraries(binaries)):
        yield shared, Path(os.path.realpath(shared))
    for one in _CERTIFICATES:
        if Path(one).exists():
            yield _BUNDLE, Path(one)
            break


def _libraries(binaries: list[Path]) -> set[str]:
    """Give the shared libraries that binaries need, by the paths at which they are looked for."""
    asked = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    found = {word for line in asked.splitlines() for word in line.split() if word.startswith("/") and ":" not in word}
    # What the executables in wheels need besides, uv's among them.
    for pattern in ("libgcc_s.so.1", "libstdc++.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libresolv.so.2"):
        found.update(glob.glob(f"/lib/*-linux-gnu/{pattern}") or glob.glob(f"/lib64/{pattern}"))
    return found


def _python_tar(files: list[tuple[str, Path]]) -> Any:
    from tests.support.engines import file_system

    # The archive of busybox ends with the blocks that say so; members added go in their place.
    archive_file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    archive_file.write(file_system())
    archive_file.seek(0)
    executable = os.path.realpath(sys.executable)
    with tarfile.open(fileobj=archive_file, mode="a") as archive:
        made: set[str] = {"bin", "tmp", "etc", "var"}
        for name, source in files:
            _folders(archive, os.path.dirname(name).lstrip("/"), made)
            archive.add(source, name.lstrip("/"), recursive=False)
        version = "{}.{}".format(*sys.version_info[:2])
        _folders(archive, "usr/local/bin", made)
        for alias in ("python", "python3", f"python{version}"):
            link = tarfile.TarInfo(f"usr/local/bin/{alias}")
            link.type, link.linkname = tarfile.SYMTYPE, executable
            if f"/usr/local/bin/{alias}" != executable:
                archive.addfile(link)
        _folders(archive, "root", made)
        _text(archive, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1234:1234::/tmp:/bin/sh\n")
        _text(archive, "etc/group", "root:x:0:\nuser:x:1234:\n")
        _add_pip(archive, made)
    archive_file.seek(0)
    return archive_file


def _add_pip(archive: tarfile.TarFile, made: set[str]) -> None:
    """Unpack the pip that comes with Python: a wheel is what lies in site-packages."""
    import ensurepip

    folders = [Path(ensurepip.__file__).parent / "_bundled", Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or "/-")]
    wheel = next(one for folder in folders for one in sorted(folder.glob("pip-*.whl")))
    site = os.path.relpath(sysconfig.get_paths(vars=_base_paths())["purelib"], "/")
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            _folders(archive, os.path.dirname(f"{site}/{name}"), made)
            _text(archive, f"{site}/{name}", packed.read(name))


def _base_paths() -> dict[str, str]:
    return {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}


def _folders(archive: tarfile.TarFile, path: str, made: set[str]) -> None:
    if not path or path in made:
        return
    _folders(archive, os.path.dirname(path), made)
    folder = tarfile.TarInfo(path)
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    archive.addfile(folder)
    made.add(path)


def _text(archive: tarfile.TarFile, path: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(data), 0o644
    archive.addfile(member, io.BytesIO(data))


def _debian_mirror() -> str:
    """Give where this machine's own apt gets packages of Debian."""
    asked = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True)
    sites = [one for one in asked.stdout.split() if "security" not in one and "debian" in one]
    return sites[0] if sites else "http://deb.debian.org/debian"


def _debian_tar() -> Any:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flyte-core-tests"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{_DEBIAN}-{hashlib.sha256(_debian_mirror().encode()).hexdigest()[:8]}-{_VERSION}.tar"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made = subprocess.run(
                ["debootstrap", "--variant=minbase", _DEBIAN, f"{work}/root", _debian_mirror()],
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode:
                skip_or_fail(f"debootstrap does not make a Debian: {made.stdout[-500:]}")
            for heavy in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
                shutil.rmtree(f"{work}/root/{heavy}")
            # As Debian's own images have it: apt throws away what it has downloaded.
            clean = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n'
            Path(f"{work}/root/etc/apt/apt.conf.d/docker-clean").write_text(clean)
            subprocess.run(["tar", "-C", f"{work}/root", "-cf", f"{work}/tar", "."], check=True)
            os.replace(f"{work}/tar", kept)
    return kept.open("rb")
