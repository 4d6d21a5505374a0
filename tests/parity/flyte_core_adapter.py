"""What the parity cases need of flyte_core beyond its user-facing names (``PARITY_ADAPTER=flyte_core_adapter``).

Functions that `adapter` writes in terms of user-facing names alone (``run_local``) and of the wire messages
(``to_json``, ``to_bytes``, ``is_proto``, ``idl``) serve flyte_core as they stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from typing import Any

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType
from flyteidl2.task import common_pb2
from flyteidl2.task.task_definition_pb2 import TaskSpec

import flyte_core
from flyte_core import io, models, serialize
from flyte_core.types import TypeEngine, convert


def literal_type(pytype: Any) -> LiteralType:
    return TypeEngine.to_literal_type(pytype)


def to_literal(value: Any, pytype: Any) -> Literal:
    return asyncio.run(TypeEngine.to_literal(value, pytype, TypeEngine.to_literal_type(pytype)))


def to_python(literal: Literal, pytype: Any) -> Any:
    return asyncio.run(TypeEngine.to_python_value(literal, pytype))


def guess_type(literal_type: LiteralType) -> Any:
    return TypeEngine.guess_python_type(literal_type)


def task_spec(task: Any, sctx: models.SerializationContext) -> TaskSpec:
    spec = serialize.task_spec(task, sctx)
    # The reference adds default inputs only when it deploys; the corpus records them by themselves.
    spec.ClearField("default_inputs")
    return spec


def default_inputs(interface: models.NativeInterface) -> list[common_pb2.NamedParameter]:
    return convert.default_inputs(interface)


def inputs(interface: models.NativeInterface, *args: Any, **kwargs: Any) -> common_pb2.Inputs:
    return asyncio.run(convert.interface_codec(interface).aencode_inputs(args, kwargs))


def outputs(value: Any, interface: models.NativeInterface) -> common_pb2.Outputs:
    return asyncio.run(convert.interface_codec(interface).aencode_outputs(value, "task"))


def image_cache(lookup: dict[str, str], serialized_form: str | None = None) -> models.ImageCache:
    return models.ImageCache(image_lookup=lookup, serialized_form=serialized_form)


def documentation(text: str) -> models.Documentation:
    return models.Documentation(description=text)


class _Engine:
    """A stand-in for ``docker.APIClient``: its containers write given outputs and end with a given code."""

    def __init__(self, exit_code: int) -> None:
        self.config: dict[str, Any] = {}
        self._exit_code = exit_code

    def folder(self, target: pathlib.PurePosixPath) -> pathlib.Path | None:
        mounts = self.config.get("HostConfig", {}).get("Mounts", [])
        return next((pathlib.Path(m["Source"]) for m in mounts if m["Target"] == str(target)), None)

    def containers(self, **_: Any) -> list[Any]:
        return []

    def create_container_from_config(self, config: dict[str, Any], name: str) -> dict[str, str]:
        self.config = config
        return {"Id": name}

    def put_archive(self, _: str, path: str, data: Any) -> bool:
        return True

    def start(self, _: str) -> None:
        return None

    def logs(self, _: str, stream: bool = False, **__: Any) -> Any:
        line = b"a line of output\n"
        return iter([b"2024-01-01T00:00:00.000000000Z " + line]) if stream else line

    def wait(self, _: str, **__: Any) -> dict[str, int]:
        return {"StatusCode": self._exit_code}

    def inspect_container(self, _: str) -> dict[str, Any]:
        return {"State": {"Status": "exited", "ExitCode": self._exit_code, "OOMKilled": False}}

    def remove_container(self, _: str, **__: Any) -> None:
        return None


def run_container(task: Any, exit_code: int = 0, outputs: dict[str, str] | None = None, **inputs: Any) -> Any:
    """Run a container task with the stand-in, and say of each file and folder where the container would find it."""
    from flyte_core_container.local import Engine, use_engine

    engine, volumes = _Engine(exit_code), {}

    def start(_: str) -> None:
        written = engine.folder(task.output_data_dir)
        for name, text in (outputs or {}).items():
            assert written is not None
            (written / name).write_text(text)
        found = engine.folder(task.input_data_dir)
        for name, value in inputs.items():
            if isinstance(value, (io.File, io.Dir)) and found is not None:
                assert (found / name).exists()
                volumes[value.path] = {"bind": str(task.input_data_dir / name), "mode": "rw"}

    class Quiet(Engine):
        @contextlib.contextmanager
        def archive(self, container_id: str, path: str) -> Any:
            yield iter([b"\0" * 10240])  # an empty tar file

    engine.start = start  # type: ignore[method-assign] # what the container would do
    flyte_core.init()
    with use_engine(Quiet(engine)):
        result = asyncio.run(task.execute(**inputs))
    return {
        "outputs": result,
        "command": engine.config["Cmd"],
        "volumes": volumes,
        "image": engine.config["Image"],
    }
