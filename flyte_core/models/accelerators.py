"""The table of accelerators: which are known, how many one may ask for, and their names on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flyte_core.models.resources import DeviceClass

__all__ = ["DEVICES", "PARTITIONS", "Accelerator", "wire_name"]


class Accelerator(NamedTuple):
    """One row of the table.

    Args:
        device_class: the family.
        wire: the name that cluster nodes are labelled with.
        counts: how many the short form ``NAME:COUNT`` may ask for; empty where it is not offered.
        wire_only: whether only `Device` may name it.
    """

    device_class: DeviceClass
    wire: str
    counts: tuple[int, ...] = ()
    wire_only: bool = False


_TO_8 = (1, 2, 3, 4, 5, 6, 7, 8)
_TRAINIUM = (1, 4, 8, 16)

# Names and counts are those of the Flyte SDK 2.0.0b33, wire names those of
# https://cloud.google.com/kubernetes-engine/docs/how-to/gpus and /tpus for the devices that Google offers.
DEVICES: dict[str, Accelerator] = {
    "A10": Accelerator("GPU", "nvidia-a10", _TO_8),
    "A10G": Accelerator("GPU", "nvidia-a10g", _TO_8),
    "A100": Accelerator("GPU", "nvidia-tesla-a100", _TO_8),
    "A100 80G": Accelerator("GPU", "nvidia-a100-80gb", _TO_8),
    "B200": Accelerator("GPU", "B200", _TO_8),
    "H100": Accelerator("GPU", "H100", _TO_8),
    "H200": Accelerator("GPU", "H200", _TO_8),
    "L4": Accelerator("GPU", "nvidia-l4", _TO_8),
    "L40s": Accelerator("GPU", "nvidia-l40s", _TO_8),
    "T4": Accelerator("GPU", "nvidia-tesla-t4", _TO_8),
    "V100": Accelerator("GPU", "nvidia-tesla-v100", _TO_8),
    "RTX PRO 6000": Accelerator("GPU", "RTX PRO 6000", (1,)),
    "A100G": Accelerator("GPU", "nvidia-a100g", wire_only=True),
    "L4_VWS": Accelerator("GPU", "nvidia-l4-vws", wire_only=True),
    "K80": Accelerator("GPU", "nvidia-tesla-k80", wire_only=True),
    "M60": Accelerator("GPU", "nvidia-tesla-m60", wire_only=True),
    "P4": Accelerator("GPU", "nvidia-tesla-p4", wire_only=True),
    "P100": Accelerator("GPU", "nvidia-tesla-p100", wire_only=True),
    "V5E": Accelerator("TPU", "tpu-v5-lite-podslice", wire_only=True),
    "V5P": Accelerator("TPU", "tpu-v5p-slice"),
    "V6E": Accelerator("TPU", "tpu-v6e-slice"),
    "Inf1": Accelerator("NEURON", "Inf1", tuple(range(1, 17))),
    "Inf2": Accelerator("NEURON", "Inf2", tuple(range(1, 13))),
    "Trn1": Accelerator("NEURON", "Trn1", _TRAINIUM),
    "Trn1n": Accelerator("NEURON", "Trn1n", _TRAINIUM),
    "Trn2": Accelerator("NEURON", "Trn2", _TRAINIUM),
    "Trn2u": Accelerator("NEURON", "Trn2u", _TRAINIUM),
    **{
        name: Accelerator("AMD_GPU", name, (1,))
        for name in ("MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X")
    },
    "Gaudi1": Accelerator("HABANA_GAUDI", "Gaudi1", (1,)),
}
"""Every known accelerator, by the name that users write."""

# MIG profiles: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
# Slices: https://cloud.google.com/tpu/docs/v5p and /v6e
PARTITIONS: dict[str, tuple[str, ...]] = {
    "A100": ("1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),
    "A100 80G": ("1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "V5P": (
        "2x2x1", "2x2x2", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16", "8x16x16", "16x16x16", "16x16x24",
    ),
    "V6E": ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"),
}  # fmt: skip
"""The partitions or slices of the accelerators whose partitions are checked."""


def wire_name(device: str) -> str:
    """The name on the wire of an accelerator; a name outside the table stays as it is.

    Example:
        >>> wire_name("A100"), wire_name("my-card")
        ('nvidia-tesla-a100', 'my-card')
    """
    entry = DEVICES.get(device)
    return entry.wire if entry else device
