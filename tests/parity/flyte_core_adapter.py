"""What the parity cases need of flyte_core beyond its user-facing names (``PARITY_ADAPTER=flyte_core_adapter``).

Functions that `adapter` writes in terms of user-facing names alone (``run_local``, ``run_container``) and of the wire
messages (``to_json``, ``to_bytes``, ``is_proto``, ``idl``) serve flyte_core as they stand.
"""

from __future__ import annotations

import asyncio
from typing import Any

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType
from flyteidl2.task import common_pb2
from flyteidl2.task.task_definition_pb2 import TaskSpec

from flyte_core import models, serialize
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
