"""CPU, memory, accelerators, disk and shared memory that a task asks for."""

from __future__ import annotations

import math
from typing import Literal, cast

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, near_misses
from flyte_core.models._checks import is_int, is_number
from flyte_core.models.accelerators import DEVICES, PARTITIONS
from flyte_core.models.quantity import is_quantity, parse_quantity

__all__ = ["AMD_GPU", "GPU", "HABANA_GAUDI", "TPU", "Amount", "Device", "DeviceClass", "Neuron", "Resources"]

DeviceClass = Literal["GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI"]
"""The makers' families of accelerators."""

Amount = int | float | str
"""A number, or a Kubernetes quantity as a text."""

_CLASSES = ("GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI")


@frozen(slots=False)
class Device:
    """Accelerators of one kind.

    Args:
        quantity: how many.
        device_class: the family.
        device: the model; None asks for any. A name that is not in the table goes to the cluster as written.
        partition: the part or the slice of a device.

    Raises:
        InvalidTypeError: when the quantity is not an int.
        InvalidValueError: when the quantity is below 1, or the family unknown.

    Example:
        >>> Device(2, "GPU", "T4")
        Device(quantity=2, device_class='GPU', device='T4', partition=None)
    """

    quantity: int
    device_class: DeviceClass
    device: str | None = None
    partition: str | None = None

    def __attrs_post_init__(self) -> None:
        _check_count("Device", self.quantity)
        if self.device_class not in _CLASSES:
            raise InvalidValueError("Device", "device_class", self.device_class, f"one of {', '.join(_CLASSES)}")


def _check_count(owner: str, quantity: object) -> None:
    if not is_int(quantity):
        raise InvalidTypeError(owner, "quantity", quantity, "an int of at least 1")
    if quantity < 1:
        raise InvalidValueError(owner, "quantity", quantity, "an int of at least 1")


def _make(owner: str, family: DeviceClass, device: str, quantity: int = 1, partition: str | None = None) -> Device:
    known = [name for name, entry in DEVICES.items() if entry.device_class == family and not entry.wire_only]
    if device not in known:
        raise InvalidValueError(owner, "device", device, f"one of {', '.join(known)}")
    _check_count(owner, quantity)
    parts = PARTITIONS.get(device)
    if partition is not None and parts is not None and partition not in parts:
        raise InvalidValueError(owner, "partition", partition, f"for {device} one of {', '.join(parts)}")
    return Device(quantity, family, device, partition)


def GPU(device: str, quantity: int, partition: str | None = None) -> Device:  # noqa: N802 - the reference's name
    """NVIDIA GPUs.

    Args:
        device: the model, such as ``"T4"``, ``"A100"`` or ``"A100 80G"``.
        quantity: how many.
        partition: the part of each (MIG profile), such as ``"1g.5gb"``; checked for the A100 models.

    Returns:
        The device, for `Resources` ``gpu``.

    Raises:
        InvalidValueError: when the model is unknown, the quantity below 1 or the partition not one of the model.

    Example:
        >>> GPU("A100", 1, "2g.10gb").partition
        '2g.10gb'
    """
    return _make("GPU", "GPU", device, quantity, partition)


def TPU(device: str, partition: str | None = None) -> Device:  # noqa: N802 - the reference's name
    """A Google TPU, whole or a slice of it; ``partition`` is the slice's shape, such as ``"2x2x1"``.

    Raises:
        InvalidValueError: when the model is unknown or has no such slice.
    """
    return _make("TPU", "TPU", device, 1, partition)


def Neuron(device: str) -> Device:  # noqa: N802 - the reference's name
    """An AWS Neuron device: Inferentia (``Inf1``, ``Inf2``) or Trainium (``Trn1``, ``Trn1n``, ``Trn2``, ``Trn2u``).

    Raises:
        InvalidValueError: when the model is unknown.
    """
    return _make("Neuron", "NEURON", device)


def AMD_GPU(device: str) -> Device:  # noqa: N802 - the reference's name
    """An AMD GPU, such as ``"MI300X"``.

    Raises:
        InvalidValueError: when the model is unknown.
    """
    return _make("AMD_GPU", "AMD_GPU", device)


def HABANA_GAUDI(device: str) -> Device:  # noqa: N802 - the reference's name
    """An Intel (Habana) Gaudi accelerator: ``"Gaudi1"``.

    Raises:
        InvalidValueError: when the model is unknown.
    """
    return _make("HABANA_GAUDI", "HABANA_GAUDI", device)


def _pair(value: Amount | tuple[Amount, Amount] | list[Amount] | None) -> Amount | tuple[Amount, Amount] | None:
    # A list of another length is refused by the check, with the message that a tuple gets.
    return cast("tuple[Amount, Amount]", tuple(value)) if isinstance(value, list) else value


@frozen(slots=False)
class Resources:
    """What a task asks for; a pair is (request, limit), a single value a request.

    Amounts are numbers or Kubernetes quantities (`flyte_core.models.quantity`) and go to the cluster as written.

    Args:
        cpu: cores, such as ``1``, ``0.5``, ``"500m"`` or ``(1, 2)``.
        memory: bytes, such as ``"2Gi"`` or ``("1Gi", "2Gi")``.
        gpu: a number of any GPUs, an accelerator and its number such as ``"A100:2"``, or a `Device`.
        disk: ephemeral storage, such as ``"10Gi"``.
        shm: shared memory, such as ``"1Gi"``; ``"auto"`` sets no limit.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when a text is not a quantity, an amount is negative, a request exceeds its limit, a pair
            has not two parts, or the accelerator is not in the table.

    Example:
        >>> Resources(cpu=(1, 2), memory="2Gi", gpu="T4:1").get_device()
        Device(quantity=1, device_class='GPU', device='T4', partition=None)
    """

    cpu: Amount | tuple[Amount, Amount] | None = field(default=None, converter=_pair)
    memory: Amount | tuple[Amount, Amount] | None = field(default=None, converter=_pair)
    gpu: str | int | Device | None = None
    disk: Amount | None = None
    shm: Amount | None = None

    def __attrs_post_init__(self) -> None:
        _check_range("cpu", self.cpu, "500m, 2 or (1, 2)")
        _check_range("memory", self.memory, "512Mi, 2Gi or ('1Gi', '2Gi')")
        if self.gpu is not None:
            _check_gpu(self.gpu)
        if self.disk is not None:
            _check_amount("disk", self.disk, "10Gi")
        if self.shm is not None and self.shm != "auto":
            _check_amount("shm", self.shm, "1Gi, or auto")

    def get_device(self) -> Device | None:
        """The accelerators asked for; None when there are none."""
        if self.gpu is None or self.gpu == 0:
            return None
        if isinstance(self.gpu, int):
            return Device(self.gpu, "GPU")
        if isinstance(self.gpu, str):
            name, _, count = self.gpu.rpartition(":")
            return Device(int(count), DEVICES[name].device_class, name)
        return self.gpu

    def get_shared_memory(self) -> str | None:
        """The size of the shared memory; an empty text means no limit, None that none is asked for."""
        if self.shm is None:
            return None
        return "" if self.shm == "auto" else str(self.shm)


def _check_range(name: str, value: object, examples: str) -> None:
    if value is None:
        return
    if not isinstance(value, tuple):
        _check_amount(name, value, examples)
        return
    if len(value) != 2:
        raise InvalidValueError("Resources", name, value, f"one amount or a pair (request, limit): {examples}")
    for part in value:
        _check_amount(name, part, examples)
    request, limit = value
    if parse_quantity(str(request)) > parse_quantity(str(limit)):
        raise InvalidValueError("Resources", name, value, "a request that is not above its limit")


def _check_amount(name: str, value: object, examples: str) -> None:
    allowed = f"a number or Kubernetes quantity of at least 0, such as {examples}"
    if not is_number(value) and not isinstance(value, str):
        raise InvalidTypeError("Resources", name, value, allowed)
    if isinstance(value, str):
        if not is_quantity(value):
            # "1GiB" is how people write it; Kubernetes writes "1Gi".
            hint = f"; without the B: {value[:-1]}" if value.endswith("B") and is_quantity(value[:-1]) else ""
            raise InvalidValueError("Resources", name, value, allowed + hint)
        negative = value.startswith("-") and parse_quantity(value) < 0
    else:
        negative = value < 0 or not math.isfinite(value)
    if negative:
        raise InvalidValueError("Resources", name, value, allowed)


def _check_gpu(value: object) -> None:
    allowed = 'an int of at least 0, an accelerator and its number such as "A100:2", or a Device'
    if not is_int(value) and not isinstance(value, (str, Device)):
        raise InvalidTypeError("Resources", "gpu", value, allowed)
    if isinstance(value, int) and value < 0:
        raise InvalidValueError("Resources", "gpu", value, allowed)
    if isinstance(value, str):
        _check_accelerator(value)


def _check_accelerator(value: str) -> None:
    name, _, count = value.rpartition(":")
    counts = [str(count) for count in DEVICES[name].counts] if name in DEVICES else []
    if count in counts:
        return
    known = [known for known, entry in DEVICES.items() if entry.counts]
    close = near_misses(name or value, known)
    allowed = f"NAME:COUNT with a name of {', '.join(known)}" + (f"; did you mean {close[0]}?" if close else "")
    if counts:
        allowed = f"{name}:COUNT with a count of {', '.join(counts)}"
    raise InvalidValueError("Resources", "gpu", value, allowed)
