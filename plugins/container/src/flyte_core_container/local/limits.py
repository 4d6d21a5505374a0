"""A task's resources as the limits of a container."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flyte_core import logger
from flyte_core.errors import InvalidValueError
from flyte_core.models.quantity import parse_quantity

if TYPE_CHECKING:
    from flyte_core.models import Resources

__all__ = ["host_limits"]

#: Docker's unit of processor time.
_NANO = 10**9

#: Docker refuses less, a hundredth of a processor.
_LEAST = 10**7

#: Shared memory takes only what is written, and counts as memory, so this much is never reached.
_NO_LIMIT = 2**40


def host_limits(owner: str, resources: Resources | None) -> dict[str, Any]:
    """Give the fields of ``HostConfig`` that hold a container to the task's resources.

    Of a pair the limit counts; a single value, which on a cluster is a request, is the limit here, so that a task
    that takes more than it asks for is found out. Memory comes without swap, as on a cluster. Disk has no limit here.

    Args:
        owner: for the error.
        resources: what the task asks for.

    Raises:
        InvalidValueError: for accelerators that Docker cannot hand out.
    """
    if resources is None:
        return {}
    found: dict[str, Any] = {}
    cpu, memory = _limit(resources.cpu), _limit(resources.memory)
    if cpu:
        found["NanoCpus"] = max(math.ceil(cpu * _NANO), _LEAST)
    if memory:
        found["Memory"] = found["MemorySwap"] = math.ceil(memory)
    shared = resources.get_shared_memory()
    if shared:
        found["ShmSize"] = math.ceil(parse_quantity(shared))
    elif shared == "":
        found["ShmSize"] = _NO_LIMIT
    device = resources.get_device()
    if device is not None:
        if device.device_class != "GPU":
            raise InvalidValueError(
                owner, "resources.gpu", device, "NVIDIA GPUs: a local Docker engine hands out no other accelerators"
            )
        found["DeviceRequests"] = [{"Driver": "", "Count": device.quantity, "Capabilities": [["gpu"]]}]
    if resources.disk is not None:
        logger.debug("%s: resources.disk is not limited in a local run", owner)
    return found


def _limit(amount: Any) -> Any:
    if amount is None:
        return None
    return parse_quantity(str(amount[1] if isinstance(amount, tuple) else amount))
