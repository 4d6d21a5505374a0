"""The messages of ``bench/programs/many_tasks.py`` built by hand with flyteidl2: the floor under any serializer."""

from __future__ import annotations

from flyteidl2.core import identifier_pb2, interface_pb2, literals_pb2, security_pb2, tasks_pb2, types_pb2
from flyteidl2.task import environment_pb2, task_definition_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

import flyte_core

__all__ = ["spec", "specs"]

_Entry = tasks_pb2.Resources.ResourceEntry


def specs(count: int) -> list[task_definition_pb2.TaskSpec]:
    """Build the messages of all tasks."""
    return [spec(f"work_{number}") for number in range(count)]


def spec(function: str) -> task_definition_pb2.TaskSpec:
    """Build the message of one task, each part written out where it stands."""
    template = tasks_pb2.TaskTemplate(
        id=identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK, project="p", domain="d", name=f"bench.{function}", version="v1", org="o"
        ),
        type="python",
        metadata=_metadata(),
        interface=_interface(),
        container=_container(function),
        security_context=security_pb2.SecurityContext(
            secrets=[
                security_pb2.Secret(key="token", mount_requirement=security_pb2.Secret.ENV_VAR, env_var="TOKEN"),
                security_pb2.Secret(
                    group="db",
                    key="password",
                    mount_requirement=security_pb2.Secret.ENV_VAR,
                    env_var="DB_PASSWORD",
                ),
            ]
        ),
        extended_resources=tasks_pb2.ExtendedResources(
            gpu_accelerator=tasks_pb2.GPUAccelerator(device="nvidia-tesla-t4"),
            shared_memory=tasks_pb2.SharedMemory(mount_path="/dev/shm", mount_name="flyte-shm", size_limit="1Gi"),
        ),
    )
    return task_definition_pb2.TaskSpec(
        task_template=template,
        short_name=function,
        environment=environment_pb2.Environment(name="bench"),
    )


def _metadata() -> tasks_pb2.TaskMetadata:
    return tasks_pb2.TaskMetadata(
        runtime=tasks_pb2.RuntimeMetadata(
            type=tasks_pb2.RuntimeMetadata.FLYTE_SDK, version=flyte_core.__version__, flavor="python"
        ),
        timeout=Duration(),
        retries=literals_pb2.RetryStrategy(retries=3),
        interruptible=False,
        generates_deck=BoolValue(value=False),
        debuggable=True,
    )


def _interface() -> interface_pb2.TypedInterface:
    text = types_pb2.LiteralType(simple=types_pb2.STRING)
    number = types_pb2.LiteralType(simple=types_pb2.FLOAT)
    return interface_pb2.TypedInterface(
        inputs=interface_pb2.VariableMap(
            variables=[
                _variable("count", types_pb2.LiteralType(simple=types_pb2.INTEGER)),
                _variable("label", text),
                _variable("weights", types_pb2.LiteralType(collection_type=number)),
            ]
        ),
        outputs=interface_pb2.VariableMap(variables=[_variable("o0", text)]),
    )


def _variable(name: str, literal_type: types_pb2.LiteralType) -> interface_pb2.VariableEntry:
    return interface_pb2.VariableEntry(key=name, value=interface_pb2.Variable(type=literal_type, description=name))


def _container(function: str) -> tasks_pb2.Container:
    return tasks_pb2.Container(
        image="python:3.12",
        args=[
            "fc0",
            "--inputs",
            "{{.input}}",
            "--outputs-path",
            "{{.outputPrefix}}",
            "--version",
            "v1",
            "--raw-data-path",
            "{{.rawOutputDataPrefix}}",
            "--checkpoint-path",
            "{{.checkpointOutputPrefix}}",
            "--prev-checkpoint",
            "{{.prevCheckpointPrefix}}",
            "--run-name",
            "{{.runName}}",
            "--name",
            "{{.actionName}}",
            "--resolver",
            "flyte_core.runtime.resolver.DefaultTaskResolver",
            "mod",
            "many_tasks",
            "instance",
            function,
        ],
        resources=tasks_pb2.Resources(
            requests=[
                _Entry(name=tasks_pb2.Resources.CPU, value="1"),
                _Entry(name=tasks_pb2.Resources.MEMORY, value="1Gi"),
                _Entry(name=tasks_pb2.Resources.GPU, value="1"),
            ],
            limits=[
                _Entry(name=tasks_pb2.Resources.CPU, value="2"),
                _Entry(name=tasks_pb2.Resources.MEMORY, value="2Gi"),
            ],
        ),
        env=[
            literals_pb2.KeyValuePair(key="LOG_LEVEL", value="20"),
            literals_pb2.KeyValuePair(key="REGION", value="north"),
        ],
    )
