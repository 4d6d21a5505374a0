"""Turn task templates into Flyte's own protobuf messages.

`task_spec` asks the plugins of a task's type once for each hook and gives a ``flyteidl2`` ``TaskSpec``. The same input
gives the same bytes in every process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.serialize.pods import pod_spec_from_resources
    from flyte_core.serialize.resources import get_proto_extended_resources, get_proto_resources
    from flyte_core.serialize.task import task_spec

__all__ = [
    "get_proto_extended_resources",
    "get_proto_resources",
    "pod_spec_from_resources",
    "task_spec",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "get_proto_extended_resources": ".resources",
        "get_proto_resources": ".resources",
        "pod_spec_from_resources": ".pods",
        "task_spec": ".task",
    },
)
