"""The real process of a container: its files, its status, and what it reports when something is wrong."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cloudpickle
import pytest
from flyteidl2.core import types_pb2
from flyteidl2.task import common_pb2

from flyte_core.bundle import build_bundle
from flyte_core.models import ImageCache
from flyte_core.runtime import ErrorReport
from flyte_core.runtime.resolver import RESOLVER_PATH
from tests.support.filesystems import small_disk

TASKS = """
import asyncio, os, sys, time
from pathlib import Path
from flyte_core import TaskEnvironment, ctx, get_custom_context
from flyte_core.extend import TaskTemplate
from flyte_core.io import File
from flyte_core.models import NativeInterface
import inspect

env = TaskEnvironment("flow")

@env.task
async def double(x: int = 4) -> int:
    return 2 * x

@env.task
def nothing() -> None:
    return None

@env.task(retries=3)
def fails(x: int) -> int:
    with open("attempts", "a") as file:
        file.write("attempt ")
    raise ValueError(f"no {x}")

@env.task(retries=2)
def flaky(x: int) -> int:
    with open("attempts", "a") as file:
        file.write("attempt ")
    if len(Path("attempts").read_text().split()) < 3:
        raise ValueError("not yet")
    return x

@env.task
async def nested(x: int) -> int:
    return await double(x) + await flaky.aio(x)

@env.task
async def tells() -> str:
    c = ctx()
    return repr([
        c.action.name, c.action.run_name, c.action.project, c.action.domain, c.action.org, c.version,
        c.raw_data_path.path, c.checkpoints.checkpoint_path, c.checkpoints.prev_checkpoint_path, c.run_base_dir,
        c.mode, c.interactive_mode, c.compiled_image_cache and c.compiled_image_cache.image_lookup,
        get_custom_context(), c.input_path,
    ])

@env.task
async def reads(file: File) -> str:
    return file.path

@env.task
async def large() -> str:
    return "x" * 11_000_000

@env.task(report=True)
async def reports() -> None:
    from flyte_core import report
    await report.log.aio("<b>told</b>")

@env.task
async def cancels_itself() -> None:
    raise asyncio.CancelledError

@env.task
async def exits() -> None:
    sys.exit(5)

@env.task
async def interrupts() -> None:
    raise KeyboardInterrupt

def ready():
    print("ready", flush=True)

@env.task
async def waits() -> None:
    try:
        ready()
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.5)  # longer than it takes to report
        Path("cleaned").touch()

@env.task
def spins() -> None:
    try:
        ready()
        while True:
            time.sleep(0.01)
    finally:
        time.sleep(0.5)
        Path("cleaned").touch()

@env.task
async def waits_below() -> None:
    await spins.aio()

@env.task
async def swallows() -> None:
    ready()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        Path("cleaned").touch()

@env.task
async def blocks() -> None:
    ready()
    time.sleep(60)

@env.task
async def forks() -> str:
    import multiprocessing
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join(20)
    return str(child.exitcode)

class Query(TaskTemplate):
    async def execute(self, **kwargs):
        return kwargs["x"] + 1

top = Query(name="queries.top", interface=NativeInterface({"x": (int, 6)}, {"o0": int}))
"""


def message(**values: int | str) -> common_pb2.Inputs:
    inputs = common_pb2.Inputs()
    for name, value in values.items():
        primitive = inputs.literals.add(name=name).value.scalar.primitive
        if isinstance(value, int):
            primitive.integer = value
        else:
            primitive.string_value = value
    return inputs


class Container:
    """A folder that stands for a container, in which the command can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.inputs(message())
        (folder / "container_tasks.py").write_text(TASKS)
        self.environ = {**os.environ, "FLYTE_CORE_CACHE_DIR": str(folder / "cache")}
        for name in (
            "ACTION_NAME",
            "RUN_NAME",
            "_U_RUN_BASE",
            "_F_SYS_PATH",
            "_F_PATH_REWRITE",
            "FLYTE_CORE_GRACE_SECONDS",
        ):
            self.environ.pop(name, None)

    def inputs(self, inputs: common_pb2.Inputs) -> None:
        (self.folder / "inputs.pb").write_bytes(inputs.SerializeToString())

    def words(self, task: str, *flags: str, out: str = "out") -> list[str]:
        given = ["--inputs", "inputs.pb", "--outputs-path", out, "--version", "v1", *flags]
        return [*given, "--resolver", RESOLVER_PATH, "mod", "container_tasks", "instance", task]

    def popen(self, words: list[str], **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flyte_core.runtime.entrypoint", *words],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, words: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
        with self.popen(words, **environ) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def value(self) -> int | str:
        outputs = common_pb2.Outputs.FromString((self.out / "outputs.pb").read_bytes())
        primitive = outputs.literals[0].value.scalar.primitive
        return getattr(primitive, primitive.WhichOneof("value"))

    def error(self) -> ErrorReport:
        return ErrorReport.from_bytes((self.out / "error.pb").read_bytes())


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


# ---- tasks that end well ---------------------------------------------------------------------------------


def test_inputs_go_in_and_outputs_come_out(container):
    container.inputs(message(x=21))
    done = container.run(container.words("double"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert container.value() == 42
    assert os.listdir(container.out) == ["outputs.pb"]


@pytest.mark.parametrize("command", ["flyte-core-runtime", "fc0"])
def test_the_installed_commands_are_the_same(container, command):
    script = Path(sys.executable).parent / command
    if not script.exists():
        pytest.skip("flyte-core is not installed with its commands")
    subprocess.run([script, *container.words("double")], cwd=container.folder, env=container.environ, check=True)
    assert container.value() == 8


@pytest.mark.parametrize(("task", "value"), [("double", 8), ("top", 7)])
def test_an_absent_input_has_its_default_whatever_the_type_of_the_task(container, task, value):
    assert container.run(container.words(task)).returncode == 0
    assert container.value() == value


def test_a_task_without_outputs_writes_an_empty_file(container):
    assert container.run(container.words("nothing")).returncode == 0
    assert (container.out / "outputs.pb").read_bytes() == b""


def test_tasks_that_are_called_run_in_the_same_process_with_their_own_retries(container):
    container.inputs(message(x=5))
    done = container.run(container.words("nested"))
    assert done.returncode == 0, done.stderr
    assert container.value() == 15
    assert (container.folder / "attempts").read_text().split() == ["attempt"] * 3


def test_the_context_has_what_the_flags_say(container):
    inputs = message()
    inputs.context.add(key="owner", value="ann")
    container.inputs(inputs)
    words = {
        "--raw-data-path": "raw",
        "--checkpoint-path": "check",
        "--prev-checkpoint": '""',
        "--run-base-dir": "base",
        "--name": "a5",
        "--run-name": "r1",
        "--project": "p",
        "--interactive-mode": "true",
        "--image-cache": ImageCache({"env": "app:1"}).to_transport,
    }
    flags = [word for pair in words.items() for word in pair]
    done = container.run(container.words("tells", *flags), FLYTE_INTERNAL_EXECUTION_DOMAIN="d", _U_ORG_NAME="o")
    assert done.returncode == 0, done.stderr
    said = ["a5", "r1", "p", "d", "o", "v1", "raw", "check", None, "base", "remote", True]
    assert container.value() == repr([*said, {"env": "app:1"}, {"owner": "ann"}, "inputs.pb"])


def test_without_flags_the_context_comes_from_the_environment_and_the_outputs_path(container):
    done = container.run(container.words("tells", "--run-name", "{{.runName}}"), RUN_NAME="r9")
    assert done.returncode == 0, done.stderr
    expected = [
        "a0",
        "r9",
        None,
        None,
        None,
        "v1",
        "out/raw_data",
        None,
        None,
        "out",
        "remote",
        False,
        None,
        {},
        "inputs.pb",
    ]
    assert container.value() == repr(expected)


def test_a_report_is_written_beside_the_outputs(container):
    assert container.run(container.words("reports")).returncode == 0
    assert "<b>told</b>" in (container.out / "report.html").read_text()


def test_outputs_go_to_a_url_too(container):
    url = f"file://{container.out}"
    assert container.run(container.words("double", out=url)).returncode == 0
    assert container.value() == 8


@pytest.mark.parametrize("task", ["double", "fails", "waits"])
def test_an_object_store_gives_the_inputs_and_takes_the_outcome(container, s3_server, task):
    client, key = s3_server.client(), secrets.token_hex(6)
    client.put_object(Bucket=s3_server.bucket, Key=f"{key}/in", Body=message(x=3).SerializeToString())
    client.put_object(Bucket=s3_server.bucket, Key=f"{key}/out/error.pb", Body=b"of the attempt before")
    if task == "waits":
        client.put_object(Bucket=s3_server.bucket, Key=f"{key}/in", Body=b"")
    url = f"{s3_server.prefix}/{key}"
    words = [*container.words(task, out=f"{url}/out"), "--inputs", f"{url}/in"]
    with container.popen(words, **s3_server.environment) as process:
        err = stop(process) if task == "waits" else process.communicate(timeout=120)[1]
    assert process.returncode == 0, err
    found = client.list_objects_v2(Bucket=s3_server.bucket, Prefix=f"{key}/out")["Contents"]
    name = "outputs.pb" if task == "double" else "error.pb"
    assert [item["Key"] for item in found] == [f"{key}/out/{name}"]
    data = client.get_object(Bucket=s3_server.bucket, Key=f"{key}/out/{name}")["Body"].read()
    if task == "double":
        assert common_pb2.Outputs.FromString(data).literals[0].value.scalar.primitive.integer == 6
    else:
        assert ErrorReport.from_bytes(data).code == {"fails": "ValueError", "waits": "Interrupted"}[task]


def test_paths_of_inputs_are_rewritten_where_the_new_place_is_there(container):
    inputs = common_pb2.Inputs()
    blob = inputs.literals.add(name="file").value.scalar.blob
    blob.uri = "s3://bucket/data/a.csv"
    blob.metadata.type.dimensionality = types_pb2.BlobType.SINGLE
    container.inputs(inputs)
    (container.folder / "mounted").mkdir()
    for new, found in (("mounted", "mounted/data/a.csv"), ("not-mounted", "s3://bucket/data/a.csv")):
        done = container.run(container.words("reads"), _F_PATH_REWRITE=f"s3://bucket->{new}")
        assert done.returncode == 0, done.stderr
        assert container.value() == found


def test_an_error_of_the_attempt_before_does_not_stay(container):
    container.out.mkdir()
    (container.out / "error.pb").write_bytes(ErrorReport(code="Old", message="").to_bytes())
    assert container.run(container.words("double")).returncode == 0
    assert os.listdir(container.out) == ["outputs.pb"]


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_a_pickled_task_needs_no_resolver(container, pack):
    from flyte_core import TaskEnvironment

    env = TaskEnvironment("notebook")

    def triple(x: int) -> int:
        return 3 * x

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        (container.folder / "task.pkl").write_bytes(pack(cloudpickle.dumps(env.task(triple))))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    container.inputs(message(x=3))
    done = container.run(["-i", "inputs.pb", "-o", "out", "-v", "v1", "--pkl", "task.pkl", "--dest", "."])
    assert done.returncode == 0, done.stderr
    assert container.value() == 9


def test_folders_of_the_environment_are_importable(container):
    (container.folder / "src").mkdir()
    (container.folder / "container_tasks.py").rename(container.folder / "src" / "container_tasks.py")
    assert container.run(container.words("double"), _F_SYS_PATH="src").returncode == 0
    assert container.value() == 8


# ---- code that is shipped ----------------------------------------------------------------------------------


@pytest.fixture
def bundle(container, tmp_path_factory):
    """The tasks' bundle, and no source where the container can see it."""
    project = tmp_path_factory.mktemp("project")
    (container.folder / "container_tasks.py").rename(project / "container_tasks.py")
    return build_bundle(project, copy_style="all", out=tmp_path_factory.mktemp("shipped"))


@pytest.mark.parametrize("destination", [(), (".",), ("code",), ("deep/code",)])
def test_the_code_is_unpacked_and_imported_from_its_destination(container, bundle, destination):
    container.inputs(message(x=21))
    flags = ["--tgz", str(bundle.path), *(word for folder in destination for word in ("--dest", folder))]
    done = container.run(container.words("double", *flags))
    assert done.returncode == 0
    assert container.value() == 42, done.stderr
    assert (container.folder.joinpath(*destination) / "container_tasks.py").is_file()


def test_a_second_attempt_uses_the_code_that_is_there(container, bundle):
    words = container.words("double", "--tgz", str(bundle.path))
    assert container.run(words).returncode == 0
    bundle.path.unlink()
    (container.out / "outputs.pb").unlink()
    assert container.run(words).returncode == 0
    assert container.value() == 8


def test_folders_of_the_environment_are_taken_from_the_destination_too(container, tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    (project / "lib").mkdir()
    (container.folder / "container_tasks.py").rename(project / "lib" / "container_tasks.py")
    built = build_bundle(project, copy_style="all", out=project / "out")
    words = container.words("double", "--tgz", str(built.path), "--dest", "code")
    assert container.run(words, _F_SYS_PATH="./lib").returncode == 0
    assert container.value() == 8


def test_a_package_of_a_folder_src_is_found_in_the_bundle(container, tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    (project / "src" / "layout").mkdir(parents=True)
    (project / "src" / "layout" / "__init__.py").touch()
    (container.folder / "container_tasks.py").rename(project / "src" / "layout" / "tasks.py")
    built = build_bundle(project, copy_style="all", out=project / "out")
    words = container.words("double", "--tgz", str(built.path), "--dest", "code")
    words[words.index("container_tasks")] = "layout.tasks"
    done = container.run(words)
    assert done.returncode == 0
    assert container.value() == 8, done.stderr


def test_the_code_comes_from_an_object_store(container, bundle, s3_server):
    key = secrets.token_hex(6)
    s3_server.client().put_object(Bucket=s3_server.bucket, Key=f"{key}/{bundle.name}", Body=bundle.path.read_bytes())
    words = container.words("double", "--tgz", f"{s3_server.prefix}/{key}/{bundle.name}")
    done = container.run(words, **s3_server.environment)
    assert done.returncode == 0
    assert container.value() == 8, done.stderr


def test_containers_that_share_a_folder_unpack_one_bundle(container, bundle):
    words = [
        container.words("double", "--tgz", str(bundle.path), "--dest", "code", out=f"out{number}")
        for number in range(4)
    ]
    processes = [
        container.popen(one, FLYTE_CORE_CACHE_DIR=str(container.folder / f"cache{number}"))
        for number, one in enumerate(words)
    ]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    for number in range(4):
        assert os.listdir(container.folder / f"out{number}") == ["outputs.pb"]
    left = set(os.listdir(container.folder / "code")) - {"__pycache__"}
    assert left == {".flyte-core-bundle", "container_tasks.py"}


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def tampered(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("container_tasks.py")
        tar.addfile(info)


def escaping(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../container_tasks.py"))


@pytest.mark.parametrize(
    ("spoil", "code", "recoverable", "text"),
    [
        (truncated, "BundleError", False, "it is damaged or incomplete"),
        (tampered, "BundleError", False, "its content has the hash"),
        (escaping, "BundleError", False, "leads out of the folder"),
        (Path.unlink, "StorageNotFoundError", True, "No such file or directory"),
    ],
)
def test_a_bundle_that_is_not_what_it_should_be_is_reported(container, bundle, spoil, code, recoverable, text):
    spoil(bundle.path)
    done = container.run(container.words("double", "--tgz", str(bundle.path), "--dest", "code"))
    assert done.returncode == 0
    error = container.error()
    assert (error.code, error.kind, error.recoverable) == (code, "system", recoverable)
    assert text in error.message
    assert bundle.name in error.message
    assert not (container.folder / "code").exists()


def test_a_storage_that_cannot_be_reached_is_reported(container, bundle, s3_server):
    environ = {
        **s3_server.environment,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "UNION_STORAGE_RETRIES": "0",
        "FLYTE_AWS_ENDPOINT": "http://127.0.0.1:9",
    }
    done = container.run(container.words("double", "--tgz", f"s3://bucket/{bundle.name}"), **environ)
    assert done.returncode == 0
    error = container.error()
    assert (error.kind, error.recoverable) == ("system", True)
    assert bundle.name in error.message


def test_a_disk_that_is_full_of_code_is_reported(container, tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    (project / "container_tasks.py").write_text(TASKS)
    (project / "data.bin").write_bytes(secrets.token_bytes(3 * 2**20))
    built = build_bundle(project, copy_style="all", out=project / "out")
    with small_disk(container.folder / "disk"):
        done = container.run(container.words("double", "--tgz", str(built.path), "--dest", "disk"))
        assert done.returncode == 0
        assert os.listdir(container.folder / "disk") == []
    error = container.error()
    assert (error.code, error.kind, error.recoverable) == ("StorageError", "system", True)
    assert "No space left on device" in error.message


def test_a_pickled_task_with_another_hash_than_its_name_is_reported(container):
    (container.folder / f"task{'0' * 64}.pkl.gz").write_bytes(gzip.compress(b"anything"))
    container.run(["-i", "inputs.pb", "-o", "out", "-v", "v1", "--pkl", f"task{'0' * 64}.pkl.gz"])
    assert container.error().code == "BundleError"


NOTEBOOK = """
import sys
from flyte_core import TaskEnvironment
from flyte_core.bundle import build_pickle_bundle
import helper
env = TaskEnvironment("notebook")
@env.task
async def triple(x: int) -> int:
    return helper.times(3, x)
print(build_pickle_bundle(triple, out=sys.argv[1]).path)
"""


def test_a_task_of_a_notebook_takes_the_modules_beside_it_along(container, tmp_path_factory):
    """Also those that the container does not have."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "helper.py").write_text(
        "def times(a, b):\n    return product(a, b)\ndef product(a, b):\n    return a * b\n"
    )
    words = [sys.executable, "-c", NOTEBOOK, str(folder / "out")]
    pickled = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    container.inputs(message(x=4))
    done = container.run(["-i", "inputs.pb", "-o", "out", "-v", "v1", "--pkl", pickled])
    assert done.returncode == 0
    assert container.value() == 12, done.stderr


# ---- failures that are reported --------------------------------------------------------------------------


def test_a_failing_task_is_tried_once_and_reported_with_its_traceback(container):
    container.inputs(message(x=7))
    before = time.time()
    done = container.run(container.words("fails"), HOSTNAME="pod-1")
    assert done.returncode == 0
    error = container.error()
    assert (error.code, error.kind, error.recoverable, error.worker) == ("ValueError", "user", True, "pod-1")
    assert before <= error.timestamp <= time.time()
    assert error.message.startswith("task 'flow.fails' failed: ValueError: no 7")
    assert 'raise ValueError(f"no {x}")' in error.message
    assert error.message in done.stderr
    assert (container.folder / "attempts").read_text() == "attempt "
    assert not (container.out / "outputs.pb").exists()


@pytest.mark.parametrize(
    ("task", "code", "kind", "recoverable", "text"),
    [
        ("large", "InlineIOMaxBytesBreached", "user", False, "o0"),
        ("exits", "SystemExit", "user", True, "SystemExit: 5"),
        ("cancels_itself", "CancelledError", "user", True, "by its own code"),
        ("interrupts", "KeyboardInterrupt", "unknown", True, "KeyboardInterrupt"),
        ("no_such_task", "ModuleLoadError", "user", False, "tasks in it: flow.blocks"),
    ],
)
def test_how_a_task_ended_is_reported(container, task, code, kind, recoverable, text):
    assert container.run(container.words(task)).returncode == 0
    error = container.error()
    assert (error.code, error.kind, error.recoverable) == (code, kind, recoverable)
    assert text in error.message


def wrong_type() -> bytes:
    return message(x="text").SerializeToString()


def missing_input() -> bytes:
    return message(y=1).SerializeToString()


@pytest.mark.parametrize(
    ("content", "task", "code", "kind", "recoverable", "text"),
    [
        (wrong_type(), "fails", "DataValidationError", "user", False, "'x'"),
        (missing_input(), "fails", "DataValidationError", "user", False, "y"),
        (b"", "fails", "DataValidationError", "user", False, "missing input 'x'"),
        (b"\xff\xff\xff", "fails", "MalformedInputs", "system", True, "inputs.pb holds no inputs"),
        (None, "fails", "StorageNotFoundError", "system", True, "inputs.pb"),
    ],
)
def test_wrong_inputs_are_reported(container, content, task, code, kind, recoverable, text):
    path = container.folder / "inputs.pb"
    path.unlink() if content is None else path.write_bytes(content)
    assert container.run(container.words(task)).returncode == 0
    error = container.error()
    assert (error.code, error.kind, error.recoverable) == (code, kind, recoverable)
    assert text in error.message
    assert not (container.folder / "attempts").exists()


@pytest.mark.parametrize(
    ("source", "recoverable", "texts"),
    [
        (None, False, ["module 'container_tasks' of task 'double' cannot be imported", "looked in {folder}"]),
        ("import no_such_package", False, ["No module named 'no_such_package'", 'container_tasks.py", line 1']),
        ("import flyte_core_nowhere", False, ["Image.with_pip_packages('flyte-core-nowhere')"]),
        ("def (", False, ["SyntaxError"]),
        ("raise TimeoutError('of a server')", True, ["of a server"]),
    ],
)
def test_a_module_that_cannot_be_imported_is_reported_with_what_was_looked_for(container, source, recoverable, texts):
    path = container.folder / "container_tasks.py"
    path.unlink() if source is None else path.write_text(source)
    assert container.run(container.words("double")).returncode == 0
    error = container.error()
    assert (error.code, error.recoverable) == ("ModuleLoadError", recoverable)
    for text in texts:
        assert text.format(folder=container.folder) in error.message


@pytest.mark.parametrize(
    ("words", "code", "recoverable", "text"),
    [
        ([], "MalformedCommand", False, "give --resolver"),
        (["--resolver", "a.B"], "MalformedCommand", False, "give --resolver"),
        (
            ["--resolver", "nowhere.Resolver", "x"],
            "ModuleLoadError",
            False,
            "resolver 'nowhere.Resolver' cannot be imported",
        ),
        (["--resolver", "json.JSONDecoder", "x"], "ModuleLoadError", False, "resolver 'json.JSONDecoder' failed"),
        (["--tgz", "code.tgz"], "MalformedCommand", False, "give --resolver"),
        (["--pkl", "inputs.pb"], "ModuleLoadError", True, "the pickled task inputs.pb cannot be read"),
    ],
)
def test_a_command_that_leads_to_no_task_is_reported(container, words, code, recoverable, text):
    done = container.run(["-i", "inputs.pb", "-o", "out", "-v", "1", *words])
    assert done.returncode == 0
    error = container.error()
    assert (error.code, error.recoverable) == (code, recoverable)
    assert text in error.message


# ---- failures that cannot be reported --------------------------------------------------------------------


@pytest.mark.parametrize("task", ["double", "fails"])
def test_outputs_that_cannot_be_written_end_with_another_status(container, task):
    container.out.write_text("a file is in the way")
    container.inputs(message(x=1))
    done = container.run(container.words(task))
    assert done.returncode == 1
    assert "the failure cannot be reported" in done.stderr
    assert "Traceback" not in done.stderr.partition("the failure cannot be reported")[2]


@pytest.mark.parametrize(
    ("words", "text"), [(["--inputs", "a"], "--version is missing"), (["--nonsense", "a"], "no flag --nonsense")]
)
def test_a_wrong_command_line_ends_with_the_status_of_misuse(container, words, text):
    done = container.run(words)
    assert done.returncode == 2
    assert text in done.stderr
    assert "usage: flyte-core-runtime" in done.stderr


def test_a_grace_that_is_no_number_is_refused(container):
    done = container.run(container.words("double"), FLYTE_CORE_GRACE_SECONDS="long")
    assert done.returncode == 2
    assert "allowed: a number of seconds" in done.stderr


def test_help_is_shown(container):
    done = container.run(["--help"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "--outputs-path" in done.stdout


# ---- signals ---------------------------------------------------------------------------------------------


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    return process.communicate(timeout=120)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("task", ["waits", "spins", "waits_below", "swallows"])
def test_a_signal_lets_the_task_clean_up_and_is_reported(container, task, number):
    with container.popen(container.words(task)) as process:
        err = stop(process, number)
    assert process.returncode == 0, err
    error = container.error()
    assert (error.code, error.kind, error.recoverable) == ("Interrupted", "system", True)
    assert number.name in error.message
    assert (container.folder / "cleaned").exists()
    assert os.listdir(container.out) == ["error.pb"]
    assert "Traceback" not in err


def test_a_task_that_blocks_the_event_loop_is_reported_and_ends_after_the_grace(container):
    with container.popen(container.words("blocks"), FLYTE_CORE_GRACE_SECONDS="0.2") as process:
        err = stop(process)
    assert process.returncode == 0, err
    assert container.error().code == "Interrupted"


def test_a_signal_while_the_module_is_imported_ends_the_process(container):
    (container.folder / "container_tasks.py").write_text("import time; print('ready', flush=True); time.sleep(60)")
    with container.popen(container.words("waits")) as process:
        err = stop(process)
    assert process.returncode == 0, err
    assert "mod container_tasks instance waits" in container.error().message


def test_a_process_that_the_task_forks_ends_by_a_signal_and_this_one_goes_on(container):
    done = container.run(container.words("forks"))
    assert done.returncode == 0, done.stderr
    assert container.value() == str(-signal.SIGTERM)


# ---- start-up --------------------------------------------------------------------------------------------

#: What a task that does not use it must not wait for.
LATE = ["aiohttp", "click", "fsspec", "kubernetes", "numpy", "obstore", "pydantic", "rich", "sqlite3"]
LATE += ["flyte_core.cli", "flyte_core.runtime.runner", "flyte_core.storage.transfer", "flyte_core.serialize"]


def test_a_trivial_task_loads_nothing_that_it_does_not_need(container):
    code = (
        "import json, sys\n"
        "from flyte_core.runtime.entrypoint import main\n"
        "try:\n    main()\n"
        "finally:\n    json.dump(sorted(sys.modules), open('modules', 'w'))\n"
    )
    words = [sys.executable, "-c", code, *container.words("double")]
    subprocess.run(words, cwd=container.folder, env=container.environ, check=True)
    loaded = json.loads((container.folder / "modules").read_text())
    assert [name for name in LATE if name in loaded] == []
    assert container.value() == 8
