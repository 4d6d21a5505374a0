"""The commands as processes: flags, exit codes, error documents, signals, deadlines and full disks."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flyteidl2.core import execution_pb2, interface_pb2
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types

from ._values import blob, declared, primitive, simple

SOURCE = Path(__file__).parents[2] / "src"
INTEGER = simple(types.INTEGER)
FILE = types.LiteralType(blob=types.BlobType())


def _environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])}


def _command(*words):
    return [sys.executable, "-m", "flyte_core_container.copilot", *map(str, words)]


def _run(*words):
    return subprocess.run(_command(*words), capture_output=True, text=True, check=False, timeout=60, env=_environment())


def _interface(**outputs):
    message = interface_pb2.TypedInterface(outputs=declared(outputs))
    return base64.b64encode(message.SerializeToString()).decode()


def _error(folder, name="error.pb"):
    return execution_pb2.ErrorDocument.FromString((folder / name).read_bytes()).error


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "inputs.pb").write_bytes(lit.LiteralMap(literals={"x": primitive(integer=42)}).SerializeToString())
    return tmp_path / "inputs.pb"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def _download_words(tmp_path, inputs):
    return "download", "-f", inputs, "--to-output-prefix", tmp_path / "meta", "-o", tmp_path / "in"


def _upload_words(tmp_path, command="upload"):
    return command, "-o", tmp_path / "meta", "-x", tmp_path / "raw", "-f", tmp_path / "out"


def test_inputs_are_downloaded(tmp_path, inputs):
    done = _run(*_download_words(tmp_path, inputs))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "in/inputs.json").read_text() == '{"x":42}'
    assert not (tmp_path / "meta").exists()


def test_all_flags_of_the_loader_are_taken(tmp_path, inputs):
    before = (
        "--config",
        "/etc/x/*.yaml",
        "--storage.limits.maxDownloadMBs=0",
        "--logger.level",
        "3",
        "--storage.type=s3",
    )
    config = ("--storage.stow.config", "region=eu", "--storage.stow.config", "auth_type=iam")
    stow = ("--storage.type=s3", *config, "--storage.stow.kind=s3")
    more = (
        "-m",
        "YAML",
        "-d",
        "DOWNLOAD_STREAM",
        "--file-input-layout",
        "NAMED_DIR",
        "-t",
        "1h0m0s",
        "-i",
        "aGk=",
        "-s",
    )
    switch = ("-s", "--storage.enable-multicontainer", "--kubeconfig", "k")
    done = _run(*before, *stow, *_download_words(tmp_path, inputs), *more, *switch)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "in/inputs.yaml").read_text() == "x: 42\n"


def test_all_flags_of_the_sidecar_are_taken(tmp_path, out):
    more = ("-m", "PROTO", "-u", "UPLOAD_EAGER", "--start-timeout", "5s", "-t", "1h0m0s", "--meta-output-name", "o.pb")
    done = _run(
        *_upload_words(tmp_path, "sidecar"), *more, "--start-watcher-type", "noop", "--meta-output-name", "o.pb"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "meta/o.pb").read_bytes() == b""


@pytest.mark.parametrize(
    "words",
    [
        ("download",),
        ("download", "--no-such-flag"),
        ("upload", "-o", "m", "-x", "r", "-f", "o", "-i", "!"),
        ("upload", "-o", "m", "-x", "r", "-f", "o", "-i", "/w=="),
        ("upload", "-o", "m", "-x", "r", "-f", "o", "-t", "1 hour"),
        ("upload", "-o", "m", "-x", "r", "-f", "o", "-m", "json"),
        ("--storage.type",),
        ("nothing",),
    ],
)
def test_a_wrong_command_line_ends_with_2(words, tmp_path):
    done = _run(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["before", "behind", "nowhere"])
def test_a_failed_download_ends_with_1_and_says_why(place, tmp_path):
    words = [str(word) for word in _download_words(tmp_path, tmp_path / "nothing.pb")]
    flag = ["--err-output-name", "errors.pb"]
    words = {"before": flag + words, "behind": words + flag, "nowhere": words}[place]
    done = _run(*words)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "nothing.pb" in done.stderr
    error = _error(tmp_path / "meta", "error.pb" if place == "nowhere" else "errors.pb")
    assert (error.code, error.kind, error.origin) == ("InputDownloadFailed", error.RECOVERABLE, 0)
    assert "nothing.pb" in error.message


@pytest.mark.parametrize("content", [b"\xff", b"\x0a\x05abc"])
def test_what_is_no_literal_map_is_a_failure(content, tmp_path):
    (tmp_path / "inputs.pb").write_bytes(content)
    done = _run(*_download_words(tmp_path, tmp_path / "inputs.pb"))
    assert done.returncode == 1
    assert "there is no LiteralMap" in _error(tmp_path / "meta").message


def test_outputs_are_uploaded(tmp_path, out):
    (out / "x").write_text("42\n")
    (out / "f.txt").write_text("text")
    done = _run(*_upload_words(tmp_path), "-i", _interface(x=INTEGER, f=FILE))
    assert (done.returncode, done.stderr) == (0, "")
    found = lit.LiteralMap.FromString((tmp_path / "meta/outputs.pb").read_bytes()).literals
    assert dict(found) == {"x": primitive(integer=42), "f": blob(f"{tmp_path}/raw/f")}
    assert (tmp_path / "raw/f").read_text() == "text"


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("interface", [None, "", _interface()])
def test_a_task_without_outputs_has_an_empty_map_of_them(interface, folder, tmp_path):
    if folder:
        (tmp_path / "out").mkdir()
    flag = () if interface is None else ("-i", interface)
    assert _run(*_upload_words(tmp_path, "sidecar"), "--start-watcher-type", "noop", *flag).returncode == 0
    assert (tmp_path / "meta/outputs.pb").read_bytes() == b""


@pytest.mark.parametrize("flag", [(), ("-i", "")])
def test_an_upload_without_an_interface_is_a_usage_error_that_says_how_to_make_it(flag, tmp_path, out):
    done = _run(*_upload_words(tmp_path), *flag)
    assert done.returncode == 2
    assert "--interface" in done.stderr
    assert "SerializeToString" in done.stderr
    assert not (tmp_path / "meta").exists()


def test_an_upload_of_no_outputs_names_its_interface(tmp_path, out):
    assert _run(*_upload_words(tmp_path), "-i", "EgA=").returncode == 0
    assert (tmp_path / "meta/outputs.pb").read_bytes() == b""


def test_an_upload_from_a_missing_folder_fails_even_without_outputs(tmp_path):
    done = _run(*_upload_words(tmp_path), "-i", "EgA=")
    assert done.returncode == 1
    assert f"there is no folder {tmp_path}/out" in done.stderr
    assert [path.name for path in (tmp_path / "meta").iterdir()] == ["error.pb"]


def test_a_failed_upload_ends_with_1_and_leaves_no_outputs(tmp_path, out):
    done = _run(*_upload_words(tmp_path), "-i", _interface(x=INTEGER))
    assert done.returncode == 1
    assert [path.name for path in (tmp_path / "meta").iterdir()] == ["error.pb"]
    error = _error(tmp_path / "meta")
    assert (error.code, error.kind) == ("OutputUploadFailed", error.RECOVERABLE)
    assert f"variable [x], file {out}/x: file not found at path" in error.message


@pytest.mark.parametrize("kind", ["large", "folder", "link"])
def test_a_report_that_cannot_be_read_is_an_error(kind, tmp_path, out):
    if kind == "large":
        (out / "_ERROR").write_bytes(b"x" * (2**20 + 1))
    elif kind == "folder":
        (out / "_ERROR").mkdir()
    else:
        (tmp_path / "secret").write_text("secret")
        (out / "_ERROR").symlink_to(tmp_path / "secret")
    assert _run(*_upload_words(tmp_path), "-i", _interface()).returncode == 1
    message = _error(tmp_path / "meta").message
    assert "_ERROR" in message
    assert "User Error" not in message
    assert "secret" not in message


def test_a_report_of_a_megabyte_is_read(tmp_path, out):
    (out / "_ERROR").write_bytes(b"x" * 2**20)
    assert _run(*_upload_words(tmp_path), "-i", _interface()).returncode == 1
    assert _error(tmp_path / "meta").message == "User Error: " + "x" * 2**20


# ---- signals


class _Sidecar:
    """A running sidecar whose SIGTERM is blocked from the start, as in a launcher that must lose none."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            _command(*words),
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
        )

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def _until(condition, process):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it took too long"
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def _waits_for_sigterm(process):
    """Whether the process is inside rt_sigtimedwait; where the system does not say, whether it sleeps."""
    try:
        return Path(f"/proc/{process.pid}/syscall").read_text().split()[0] in ("128", "137")
    except (OSError, IndexError):
        return " S " in Path(f"/proc/{process.pid}/stat").read_text()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_sidecar_uploads_what_is_there_when_sigterm_comes(tmp_path, out):
    with _Sidecar(*_upload_words(tmp_path, "sidecar"), "-i", _interface(x=INTEGER), "-t", "20s") as process:
        _until(lambda: _waits_for_sigterm(process), process)
        assert not (tmp_path / "meta").exists()
        (out / "x").write_text("7")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    found = lit.LiteralMap.FromString((tmp_path / "meta/outputs.pb").read_bytes()).literals
    assert found["x"] == primitive(integer=7)


def test_a_sigterm_that_comes_early_is_not_lost(tmp_path, out):
    (out / "x").write_text("7")
    with _Sidecar(*_upload_words(tmp_path, "sidecar"), "-i", _interface(x=INTEGER)) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (tmp_path / "meta/outputs.pb").exists()


def test_the_sidecar_waits_without_outputs_too_and_sees_the_report(tmp_path, out):
    with _Sidecar(*_upload_words(tmp_path, "sidecar")) as process:
        (out / "_ERROR").write_text("boom\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
    assert _error(tmp_path / "meta").message == "User Error: boom"


def _serve_slowly(tmp_path):
    """Start a server that sends one byte of a large object, and give its URL."""
    import socket
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")

    threading.Thread(target=serve, daemon=True).start()

    def close():
        server.close()
        for connection in connections:
            connection.close()

    return f"http://127.0.0.1:{server.getsockname()[1]}/slow", close


@pytest.fixture
def slow(tmp_path):
    url, close = _serve_slowly(tmp_path)
    literals = {"x": primitive(integer=1), "b": blob(url)}
    (tmp_path / "inputs.pb").write_bytes(lit.LiteralMap(literals=literals).SerializeToString())
    yield tmp_path / "inputs.pb"
    close()


def test_a_deadline_ends_a_download(tmp_path, slow):
    begun = time.monotonic()
    done = _run(*_download_words(tmp_path, slow), "-t", "1500ms")
    assert done.returncode == 1
    assert time.monotonic() - begun < 30
    assert "not done within the deadline of 1.5s;" in _error(tmp_path / "meta").message
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"x"}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_download_and_leaves_nothing_partial(number, status, tmp_path, slow):
    with subprocess.Popen(
        _command(*_download_words(tmp_path, slow)), stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        _until(lambda: (tmp_path / "in/x").exists(), process)
        process.send_signal(number)
        assert process.wait(30) == status
    assert f"cancelled: signal {signal.Signals(number).name}" in _error(tmp_path / "meta").message
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"x"}


# ---- disks


@pytest.fixture
def tiny(tmp_path):
    """A file system of 64 KiB; only root may mount one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("cannot mount a small file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("as_blob", [True, False])
def test_a_full_disk_is_an_error_that_names_the_variable(as_blob, tmp_path, tiny):
    (tmp_path / "big").write_bytes(bytes(2**20))
    big = blob(str(tmp_path / "big")) if as_blob else primitive(string_value="x" * 2**20)
    (tmp_path / "inputs.pb").write_bytes(lit.LiteralMap(literals={"big": big}).SerializeToString())
    done = _run("download", "-f", tmp_path / "inputs.pb", "--to-output-prefix", tmp_path / "meta", "-o", tiny)
    assert done.returncode == 1
    message = _error(tmp_path / "meta").message
    assert "variable [big]" in message
    assert "No space left on device" in message
    assert not (tiny / "inputs.pb").exists()


def test_a_full_output_disk_is_an_error_without_outputs(tmp_path, tiny, out):
    (out / "f").write_bytes(bytes(2**20))
    done = _run("upload", "-o", tmp_path / "meta", "-x", tiny / "raw", "-f", out, "-i", _interface(f=FILE))
    assert done.returncode == 1
    assert "variable [f]" in _error(tmp_path / "meta").message
    assert not (tmp_path / "meta/outputs.pb").exists()
    assert [path.name for path in tiny.rglob("*") if path.is_file()] == []


def test_a_place_that_cannot_be_written_is_an_error_even_for_the_error(tmp_path, inputs):
    (tmp_path / "file").write_text("")
    done = _run("download", "-f", inputs, "--to-output-prefix", tmp_path / "file/meta", "-o", tmp_path / "file/in")
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
