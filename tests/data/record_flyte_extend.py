"""Record what ``flyte.extend`` offers, with the defaults that its reference page leaves out.

Run it where the reference is installed: ``python tests/data/record_flyte_extend.py > tests/data/flyte_extend.json``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import sys
from typing import Any


def main(module_name: str = "flyte.extend") -> None:
    """Print the record of a module as JSON."""
    module = importlib.import_module(module_name)
    distribution = module_name.partition(".")[0].replace("_", "-")
    record = {
        "module": module_name,
        "version": importlib.metadata.version(distribution),
        "names": {name: describe(getattr(module, name)) for name in sorted(module.__all__)},
    }
    json.dump(record, sys.stdout, indent=1)
    sys.stdout.write("\n")


def describe(value: Any) -> dict[str, Any]:
    """The kind of a public name, its parameters, and for classes and registries their methods and properties."""
    if isinstance(value, str):
        return {"kind": "value", "value": value}
    if inspect.isclass(value):
        return {"kind": "class", "parameters": parameters(value), **members(value)}
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return {"kind": "function", "parameters": parameters(value)}
    return {"kind": "object", **members(type(value))}


def members(cls: type) -> dict[str, Any]:
    """The public methods with their parameters, and the public properties."""
    methods, properties = {}, []
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, property):
            properties.append(name)
        elif isinstance(member, (classmethod, staticmethod)) or inspect.isroutine(member):
            methods[name] = [p for p in parameters(getattr(cls, name)) if p["name"] not in ("self", "cls")]
    return {"methods": methods, "properties": properties}


def parameters(function: Any) -> list[dict[str, Any]]:
    """Name, kind and default of each parameter."""
    return [
        {"name": p.name, "kind": p.kind.name, **({} if p.default is p.empty else {"default": default(p.default)})}
        for p in inspect.signature(function).parameters.values()
    ]


def default(value: Any) -> Any:
    """A default as JSON; those made anew for each call (in attrs and in dataclasses) as one word."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [default(item) for item in value]
    if repr(value) in ("NOTHING", "<factory>"):
        return "<factory>"
    return f"<{type(value).__name__}>"


if __name__ == "__main__":
    main(*sys.argv[1:])
