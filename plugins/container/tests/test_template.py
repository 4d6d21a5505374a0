"""ContainerTask: what a declaration takes, gives on the wire, and refuses."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Optional

import pytest
from flyte_core_container import ContainerTask
from flyteidl2.core.tasks_pb2 import DataLoadingConfig

import flyte_core
from flyte_core import extras
from flyte_core.errors import InputError, InvalidTypeError, InvalidValueError
from flyte_core.extend import TaskPluginRegistry
from flyte_core.io import Dir, File
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec
from flyte_core.types.convert import interface_codec

SCTX = SerializationContext(version="v1")


def declared(**given) -> ContainerTask:
    return ContainerTask(**{"name": "boxed", "image": "busybox:1", "command": ["true"], **given})


def wire(task: ContainerTask):
    flyte_core.TaskEnvironment.from_task("boxes", task)
    return task_spec(task, SCTX).task_template


def test_the_owner_of_the_type_is_this_distribution() -> None:
    assert TaskPluginRegistry.owner("raw-container").entry_point.distribution == "flyte-core-container"
    assert TaskPluginRegistry.task_template_class("raw-container") is ContainerTask
    assert extras.ContainerTask is ContainerTask


def test_copilot_starts_without_what_only_a_declaration_needs() -> None:
    program = (
        "import sys, flyte_core_container.copilot.cli\n"
        "print([m for m in ('flyte_core_container.template', 'flyte_core.extend') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_package_knows_its_names_and_no_others() -> None:
    import flyte_core_container

    assert "ContainerTask" in dir(flyte_core_container)
    with pytest.raises(AttributeError, match="no attribute 'ContainerTaks'"):
        _ = flyte_core_container.ContainerTaks


def test_declaring_a_task_imports_neither_docker_nor_the_local_engine() -> None:
    code = (
        "import sys; from flyte_core_container import ContainerTask; import flyte_core_container.hooks;"
        "ContainerTask(name='x', image='i', command=['c'], inputs={'a': int});"
        "heavy = ('docker', 'requests', 'flyteidl2', 'flyte_core_container.local', 'asyncio');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_arguments_have_the_references_order() -> None:
    task = ContainerTask("n", "i:1", ["c"], {"x": int}, ["a"], {"y": str}, "/in", "/out", "YAML", False)
    assert (task.name, task.command, task.arguments, task.local_logs) == ("n", ["c"], ["a"], False)
    assert (task.input_data_dir, task.output_data_dir) == (PurePosixPath("/in"), PurePosixPath("/out"))
    assert (list(task.interface.inputs), list(task.interface.outputs)) == (["x"], ["y"])


def test_command_and_arguments_go_to_the_wire_as_arguments_with_their_templates() -> None:
    found = wire(
        declared(command=["head", "-n{{.inputs.n}}"], arguments=["/var/inputs/f"], inputs={"n": int, "f": File})
    )
    assert list(found.container.args) == ["head", "-n{{.inputs.n}}", "/var/inputs/f"]
    assert list(found.container.command) == []
    assert found.type == "raw-container"
    assert not found.HasField("custom")


def test_copilot_is_told_the_folders_and_the_format() -> None:
    found = wire(declared(input_data_dir=Path("/data/in/"), output_data_dir="/data//out", metadata_format="PROTO"))
    config = found.container.data_config
    assert (config.enabled, config.input_path, config.output_path) == (True, "/data/in", "/data/out")
    assert config.format == DataLoadingConfig.PROTO


def test_copilot_is_told_with_a_pod_template_too() -> None:
    pytest.importorskip("kubernetes")
    from kubernetes.client import V1Container, V1PodSpec

    pod = flyte_core.PodTemplate(pod_spec=V1PodSpec(containers=[V1Container(name="primary")]))
    found = wire(declared(pod_template=pod, inputs={"x": int}))
    assert found.k8s_pod.data_config.enabled
    assert found.k8s_pod.data_config.input_path == "/var/inputs"


def test_user_and_working_folder_go_to_the_custom_part() -> None:
    found = wire(declared(user=1000, working_dir="/work"))
    assert dict(found.custom) == {"user": "1000", "workingDir": "/work"}


def test_a_subclass_may_add_to_the_arguments() -> None:
    class Loud(ContainerTask):
        def container_args(self, sctx: SerializationContext) -> list[str]:
            return [*super().container_args(sctx), "--loud"]

    assert list(wire(Loud("n", "i:1", ["c"])).container.args) == ["c", "--loud"]


def test_every_input_must_be_given() -> None:
    codec = interface_codec(declared(inputs={"x": int, "y": int}).interface)
    with pytest.raises(InputError, match="'x'"):
        codec.encode_inputs((), {"y": 1})


def test_override_gives_a_checked_copy() -> None:
    task = declared(inputs={"x": int})
    other = task.override(command=["echo", "{{.inputs.x}}"], timeout=5)
    assert (other.command, task.command, other.timeout) == (["echo", "{{.inputs.x}}"], ["true"], 5)
    with pytest.raises(InvalidValueError, match="nope"):
        task.override(command=["{{.inputs.nope}}"])


def test_a_task_can_be_copied_and_pickled() -> None:
    task = declared(inputs={"x": int}, user=1, working_dir="/w")
    assert copy.copy(task) == task
    assert pickle.loads(pickle.dumps(task)) == task


def test_a_list_of_words_is_the_tasks_own() -> None:
    command = ["true"]
    task = declared(command=command)
    command.append("false")
    assert task.command == ["true"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ["sleep", 5]}, "command"),
        ({"command": ["a\0b"]}, "NUL"),
        ({"arguments": [5]}, "arguments"),
        ({"command": ["{{.inputs.fil}}"], "inputs": {"file": File}}, "did you mean file"),
        ({"arguments": ["{{.inputs.x}}"]}, "none"),
        ({"command": ["{{.inputs.x}}"], "inputs": {"x": dict[str, int]}}, "'x' is a map: read /var/inputs/x"),
        ({"command": ["{{.inputs.x}}"], "inputs": {"x": Optional[int]}}, "'x' is optional"),  # noqa: UP045 - the other spelling
        ({"arguments": ["{{.inputs.x}}"], "inputs": {"x": Annotated[int | str, 1]}}, "a union"),
        ({"inputs": {"a/b": int}}, "a/b"),
        ({"inputs": {"": int}}, "files"),
        ({"inputs": {"..": int}}, "files"),
        ({"inputs": {"a b": int}}, "white space"),
        ({"outputs": {"a}": int}}, "files"),
        ({"inputs": {"inputs.json": int}}, "inputs.pb"),
        ({"inputs": {"inputs.pb": int}}, "inputs.pb"),
        ({"inputs": {"inputs.yaml": int}}, "inputs.pb"),
        ({"outputs": {"_ERROR": int}}, "_ERROR"),
        ({"inputs": {"x" * 256: int}}, "255"),
        ({"input_data_dir": "data"}, "absolute"),
        ({"output_data_dir": "/"}, "absolute"),
        ({"output_data_dir": "/a/../b"}, "absolute"),
        ({"output_data_dir": "/var/inputs"}, "another folder"),
        ({"working_dir": "work"}, "absolute"),
        ({"metadata_format": "json"}, "JSON"),
        ({"pull_policy": "sometimes"}, "missing"),
        ({"pull_timeout": -1}, "seconds"),
        ({"stop_grace": float("inf")}, "seconds"),
        ({"timeout": "1s"}, "task 'boxed': timeout = '1s'.*seconds as an int"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": ""}, "timeout"),
        ({"user": ""}, "user"),
        ({"user": "a b"}, "user"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_at_once(given: dict, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        declared(**given)


@pytest.mark.parametrize("python_type", [dict, dict[int, int], list[int | None], File])
def test_an_input_that_may_stand_in_a_command_on_a_cluster_is_taken(python_type: object) -> None:
    assert declared(command=["{{.inputs.x}}"], inputs={"x": python_type}).command == ["{{.inputs.x}}"]


@pytest.mark.parametrize(
    "given",
    [
        {"command": "sleep 5"},
        {"arguments": 5},
        {"inputs": ["x"]},
        {"outputs": {1: int}},
        {"input_data_dir": 5},
        {"image": None},
        {"user": True},
        {"stop_grace": "10"},
    ],
)
def test_a_value_of_another_type_is_refused(given: dict) -> None:
    with pytest.raises(InvalidTypeError):
        declared(**given)


def test_types_of_every_kind_are_taken() -> None:
    task = declared(inputs={"f": File, "d": Dir, "l": list[int]}, outputs={"when": dt.datetime, "tree": Dir})
    interface = wire(task).interface
    assert [entry.key for entry in interface.inputs.variables] == ["f", "d", "l"]
    assert [entry.key for entry in interface.outputs.variables] == ["when", "tree"]
