"""Resources as limits of a container."""

from __future__ import annotations

from typing import Any

import pytest
from flyte_core_container.local.limits import host_limits

from flyte_core import Resources
from flyte_core.errors import InvalidValueError
from flyte_core.models.resources import TPU


@pytest.mark.parametrize(
    ("resources", "limits"),
    [
        (None, {}),
        (Resources(), {}),
        (Resources(cpu=0.5), {"NanoCpus": 500_000_000}),
        (Resources(cpu="500m"), {"NanoCpus": 500_000_000}),
        (Resources(cpu=(1, "2")), {"NanoCpus": 2 * 10**9}),
        (Resources(cpu="1m"), {"NanoCpus": 10**7}),
        (Resources(cpu=0), {}),
        (Resources(memory="1Gi"), {"Memory": 2**30, "MemorySwap": 2**30}),
        (Resources(memory=("1Mi", "1.5Mi")), {"Memory": 3 * 2**19, "MemorySwap": 3 * 2**19}),
        (Resources(shm="8Mi"), {"ShmSize": 2**23}),
        (Resources(shm="auto"), {"ShmSize": 2**40}),
        (Resources(disk="10Gi"), {}),
        (Resources(gpu=2), {"DeviceRequests": [{"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}]}),
        (Resources(gpu="T4:1"), {"DeviceRequests": [{"Driver": "", "Count": 1, "Capabilities": [["gpu"]]}]}),
    ],
)
def test_resources_become_the_engines_fields(resources: Resources | None, limits: dict[str, Any]) -> None:
    assert host_limits("task 't'", resources) == limits


def test_an_accelerator_that_docker_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="NVIDIA"):
        host_limits("task 't'", Resources(gpu=TPU("V5P")))
