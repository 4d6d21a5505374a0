"""Record the cache keys that the Flyte SDK computes for some calls.

Run it where the SDK is installed: ``python tests/data/record_cache_keys.py > tests/data/cache_keys.json``.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime as dt
import enum
import importlib.metadata
import json
import sys
from collections.abc import Callable
from typing import Any, Optional

from flyte._internal.runtime import convert
from flyte._internal.runtime.types_serde import transform_native_to_typed_interface
from flyte.models import NativeInterface


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float


def nothing() -> None: ...


def plain(x: int, a: str, f: float, b: bool) -> int: ...


def lists(names: list[str], n: list[int], nam: int) -> tuple[int, str]: ...


def maps(m: dict[str, float], e: Color) -> str: ...


def optional(o: Optional[int], d: dt.timedelta) -> bool: ...  # noqa: UP045 - evaluated by old Pythons


def record(p: Point) -> Point: ...


def empty(n: list[int], m: dict[str, int]) -> str: ...


#: Function, arguments, ignored inputs, and hashes to be set on inputs.
CALLS: list[tuple[Callable[..., Any], dict[str, Any], list[str], dict[str, str]]] = [
    (nothing, {}, [], {}),
    (plain, {"x": 1, "a": "hi;b:", "f": 2.5, "b": True}, [], {}),
    (plain, {"x": 1, "a": "hi", "f": 2.5, "b": True}, ["x", "b"], {}),
    (plain, {"x": 1, "a": "hi", "f": 2.5, "b": True}, ["x", "a", "f", "b"], {}),
    (plain, {"x": 1, "a": "big", "f": 2.5, "b": True}, [], {"a": "abc123"}),
    (lists, {"names": ["a", "b", ""], "n": [1, 2, 3], "nam": 4}, [], {}),
    (maps, {"m": {"z": 1.0, "a": 2.0, "é": 3.0}, "e": Color.BLUE}, [], {}),
    (optional, {"o": None, "d": dt.timedelta(days=3)}, [], {}),
    (optional, {"o": 5, "d": dt.timedelta(seconds=1)}, ["d"], {}),
    (record, {"p": Point(1, 2.0)}, [], {}),
    (empty, {"n": [], "m": {}}, [], {}),
]


async def recorded(
    number: int, function: Callable[..., Any], kwargs: dict[str, Any], ignored: list[str], hashes: dict[str, str]
) -> dict[str, Any]:
    """One call and its key."""
    interface = NativeInterface.from_callable(function)
    inputs = (await convert.convert_from_native_to_inputs(interface, **kwargs)).proto_inputs
    for literal in inputs.literals:
        literal.value.hash = hashes.get(literal.name, "")
    typed = transform_native_to_typed_interface(interface)
    inputs_hash = convert.generate_inputs_hash_from_proto(inputs)
    task, version = f"env.{function.__name__}", f"v{number}"
    return {
        "task": task,
        "version": version,
        "ignored": ignored,
        "inputs": base64.b64encode(inputs.SerializeToString(deterministic=True)).decode(),
        "interface": base64.b64encode(typed.SerializeToString(deterministic=True)).decode(),
        "inputs_hash": inputs_hash,
        "key": convert.generate_cache_key_hash(task, inputs_hash, typed, version, ignored, inputs),
    }


async def main() -> None:
    """Print all keys as JSON."""
    calls = [await recorded(number, *call) for number, call in enumerate(CALLS)]
    json.dump({"version": importlib.metadata.version("flyte"), "calls": calls}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    asyncio.run(main())
