from __future__ import annotations

import json
import os
import stat
import sys

import pytest
from flyteidl2.task.task_definition_pb2 import TaskSpec

from flyte_core.cli import specs as specs_module
from flyte_core.cli.specs import file_name

BROKEN = """
from flyte_core import TaskEnvironment
from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface

env = TaskEnvironment("mixed")

@env.task
async def good() -> None: ...

class Bad(TaskTemplate):
    def custom_config(self, sctx):
        return 3

class Worse(TaskTemplate):
    def config(self, sctx):
        return explode()

def explode():
    raise LookupError("no region")

interface = NativeInterface({}, {})
bad = Bad(name="mixed.bad", interface=interface, task_type="own")
worse = Worse(name="mixed.worse", interface=interface, task_type="own")
by_hand = TaskEnvironment.from_task("by-hand", bad, worse)
"""


def test_each_task_gets_a_file_of_its_own(cli, flows, project):
    result = cli(
        "serialize", flows, "--out", "specs", "--version", "v1", "--project", "p", "--domain", "d", "--org", "o"
    )
    assert result.status == 0
    names = sorted(path.name for path in (project / "specs").iterdir())
    assert names == [
        "flows.add.pb",
        "flows.everything.pb",
        "flows.fail.pb",
        "flows.many.pb",
        "flows.noisy.pb",
        "flows.points.pb",
    ]
    spec = TaskSpec.FromString((project / "specs" / "flows.add.pb").read_bytes())
    identity = spec.task_template.id
    assert (identity.name, identity.version, identity.project, identity.domain, identity.org) == (
        "flows.add",
        "v1",
        "p",
        "d",
        "o",
    )


def test_the_table_tells_task_type_target_bytes_and_file(cli, flows, project):
    result = cli("serialize", flows, "--out", "specs")
    size = (project / "specs" / "flows.add.pb").stat().st_size
    assert result.out.splitlines()[0].split() == ["task", "type", "target", "bytes", "file"]
    assert f"flows.add         python  container    {size}  flows.add.pb" in result.out
    assert "6 tasks in specs, version " in result.out


def test_the_list_of_files_is_json_on_demand(cli, flows):
    listed = cli("serialize", flows, "--out", "specs", "--json", "--version", "v1").json()
    assert listed[0] | {"bytes": 0} == {
        "task": "flows.add",
        "type": "python",
        "target": "container",
        "bytes": 0,
        "file": os.path.join("specs", "flows.add.pb"),
        "version": "v1",
    }


def test_without_a_folder_a_json_list_is_printed(cli, flows):
    listed = cli("serialize", flows).json()
    assert [spec["task_template"]["id"]["name"] for spec in listed][:2] == ["flows.add", "flows.everything"]
    assert "defaultInputs" not in listed[0]


def test_json_and_yaml_files_hold_the_same(cli, flows, project):
    yaml = pytest.importorskip("yaml")
    cli("serialize", flows, "--out", "specs", "--format", "json")
    cli("serialize", flows, "--out", "specs", "--format", "yaml")
    text = (project / "specs" / "flows.add.json").read_text()
    assert json.loads(text) == yaml.safe_load((project / "specs" / "flows.add.yaml").read_text())
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_yaml_without_its_package_says_what_to_install(cli, flows, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    result = cli("serialize", flows, "--format", "yaml")
    assert result.status == 2
    assert "pip install pyyaml" in result.err


def test_binary_output_needs_a_folder(cli, flows):
    result = cli("serialize", flows, "--format", "pb")
    assert result.status == 2
    assert "--out" in result.err


def test_what_the_file_prints_does_not_disturb_the_json_document(cli, write, flows, project):
    result = cli("serialize", write("print('noise')\n" + (project / flows).read_text()))
    assert len(result.json()) == 6
    assert result.err == "noise\n"


def test_errors_are_json_when_json_was_asked_for(cli, write, project):
    error = cli("serialize", write(BROKEN), "--out", "specs", "--json").error()
    assert (error["code"], len(error["problems"])) == ("SerializationError", 2)


@pytest.mark.parametrize("form", ["pb", "json"])
def test_two_processes_write_the_same_bytes(shell, flows, project, form):
    for seed in ("1", "2"):
        assert shell("serialize", flows, "--out", seed, "--format", form, PYTHONHASHSEED=seed).status == 0
    for path in (project / "1").iterdir():
        assert path.read_bytes() == (project / "2" / path.name).read_bytes()


def test_the_default_version_follows_the_content_alone(cli, write, flows, project):
    def version(file):
        return cli("serialize", file).json()[0]["task_template"]["id"]["version"]

    same = write((project / flows).read_text())
    other = write((project / flows).read_text() + "\n# changed\n")
    assert version(flows) == version(same) != version(other)


def test_when_a_task_cannot_be_serialized_all_failures_are_told_and_nothing_is_written(cli, write, project):
    file = write(BROKEN)
    result = cli("serialize", file, "--out", "specs")
    assert result.status == 1
    assert "2 of 3 tasks cannot be serialized; nothing was written:" in result.err
    assert "mixed.bad: SerializationError" in result.err
    assert "mixed.worse: " in result.err
    assert not (project / "specs").exists()


def test_tasks_of_one_name_are_refused(cli, write):
    file = write(
        """
        from flyte_core import TaskEnvironment
        def make():
            env = TaskEnvironment("same")
            @env.task
            async def work() -> None: ...
            return env
        one, two = make(), make()
        """
    )
    result = cli("serialize", file)
    assert result.status == 1
    assert "same.work: 2 tasks have this name" in result.err


def test_a_file_without_tasks_is_refused(cli, write):
    assert cli("serialize", write("x = 1")).status == 2


def test_a_file_that_does_not_import_is_refused_with_its_traceback(cli, write):
    result = cli("serialize", write("1 / 0"))
    assert result.status == 2
    assert result.err.startswith("Traceback (most recent call last):")


def test_when_writing_fails_nothing_is_replaced_and_nothing_left_behind(cli, flows, project, monkeypatch):
    cli("serialize", flows, "--out", "specs", "--version", "old")
    before = {path.name: path.read_bytes() for path in (project / "specs").iterdir()}
    real, made = specs_module.tempfile.mkstemp, []

    def full_disk(**kwargs):
        made.append(kwargs)
        if len(made) > 2:
            raise OSError(28, "No space left on device", "specs")
        return real(**kwargs)

    monkeypatch.setattr(specs_module.tempfile, "mkstemp", full_disk)
    result = cli("serialize", flows, "--out", "specs", "--version", "new")
    assert result.status == 1
    assert "No space left on device" in result.err
    assert {path.name: path.read_bytes() for path in (project / "specs").iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_files_are_readable_as_the_umask_says(cli, flows, project):
    before = os.umask(0o022)
    try:
        cli("serialize", flows, "--out", "specs")
    finally:
        os.umask(before)
    assert stat.S_IMODE((project / "specs" / "flows.add.pb").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("task", "file"),
    [("env.task", "env.task.pb"), ("a/b", "a%2Fb.pb"), ("..", "...pb"), ("a\\b:c", "a%5Cb%3Ac.pb")],
)
def test_a_tasks_name_never_leaves_the_folder(task, file):
    assert file_name(task, "pb") == file


def test_project_and_domain_come_from_the_settings_when_not_given(cli, flows, project):
    (project / "flyte_core.toml").write_text('project = "from-file"\ndomain = "dev"\n')
    identity = cli("serialize", flows, "--domain", "prod").json()[0]["task_template"]["id"]
    assert (identity["project"], identity["domain"]) == ("from-file", "prod")


def test_modules_are_named_from_the_root(cli, write, flows, project):
    write((project / flows).read_text(), "deep/er/flow_in_depth.py")
    args = cli("serialize", "deep/er/flow_in_depth.py", "--root", ".").json()[0]["task_template"]["container"]["args"]
    assert "deep.er.flow_in_depth" in args


def test_images_that_the_settings_call_by_a_name_are_in_the_specifications(cli, write, project):
    (project / "flyte_core.toml").write_text(
        '[images.refs]\ngpu = "gpu.example.com/gpu:1"\ndefault = "example.com/base:1"\n'
    )
    flows = write("""
from flyte_core import Image, TaskEnvironment

plain = TaskEnvironment("plain")
named = TaskEnvironment("named", image=Image.from_ref_name("gpu"))

@plain.task
async def one() -> None: ...

@named.task
async def two() -> None: ...
""")

    one, two = cli("serialize", flows).json()

    assert one["task_template"]["container"]["image"] == "example.com/base:1"
    assert two["task_template"]["container"]["image"] == "gpu.example.com/gpu:1"


def test_a_name_of_an_image_that_nobody_knows_is_told(cli, write, project):
    (project / "flyte_core.toml").write_text('[images.refs]\ngpu = "gpu.example.com/gpu:1"\n')
    flows = write("""
from flyte_core import Image, TaskEnvironment

named = TaskEnvironment("named", image=Image.from_ref_name("gpus"))

@named.task
async def two() -> None: ...
""")

    result = cli("serialize", flows)

    assert result.status == 1
    assert "did you mean 'gpu'?" in result.err
