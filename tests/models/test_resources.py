import copy
import pickle

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import AMD_GPU, DEVICES, GPU, HABANA_GAUDI, TPU, Device, Neuron, Resources, wire_name


@pytest.mark.parametrize("cpu", [0, 1, 0.5, 1e-7, "500m", "2", "1e3", (1, 2), ("500m", 2.5), (0.5, "500m"), None])
def test_a_cpu_amount_is_kept_as_written(cpu):
    assert Resources(cpu=cpu).cpu == cpu


@pytest.mark.parametrize("memory", [0, 1024, 1.5e9, "512Mi", "1G", ("1Gi", "2Gi"), (1024, "1Ki"), ("1024Mi", "1Gi")])
def test_a_memory_amount_is_kept_as_written(memory):
    assert Resources(memory=memory).memory == memory


@pytest.mark.parametrize("field", ["cpu", "memory"])
def test_a_list_of_two_is_a_pair(field):
    assert getattr(Resources(**{field: [1, 2]}), field) == (1, 2)


@pytest.mark.parametrize("field", ["cpu", "memory", "disk", "shm"])
@pytest.mark.parametrize("amount", ["lots", "", "1GiB", "1 Gi", "-1", "-1Gi", -1, -0.5, float("nan"), float("inf")])
def test_an_amount_outside_the_syntax_or_below_zero_is_refused(field, amount):
    with pytest.raises(InvalidValueError, match=f"Resources: {field} = "):
        Resources(**{field: amount})


@pytest.mark.parametrize("field", ["cpu", "memory"])
@pytest.mark.parametrize("amount", [(1, "lots"), ("lots", 1), (-2, -1), ("-1", 2)])
def test_both_parts_of_a_pair_are_checked(field, amount):
    with pytest.raises(InvalidValueError, match=field):
        Resources(**{field: amount})


@pytest.mark.parametrize("field", ["cpu", "memory", "disk", "shm"])
@pytest.mark.parametrize("amount", [True, b"1", {"request": 1}, {1, 2}, object()])
def test_an_amount_of_another_type_is_refused(field, amount):
    with pytest.raises(InvalidTypeError, match=field):
        Resources(**{field: amount})


@pytest.mark.parametrize("field", ["cpu", "memory"])
@pytest.mark.parametrize("pair", [(), (1,), (1, 2, 3), [1]])
def test_a_pair_has_two_parts(field, pair):
    with pytest.raises(InvalidValueError, match=field):
        Resources(**{field: pair})


@pytest.mark.parametrize("field", ["disk", "shm"])
@pytest.mark.parametrize("pair", [("1Gi", "2Gi"), ["1Gi", "2Gi"]])
def test_disk_and_shared_memory_have_no_limit_besides(field, pair):
    with pytest.raises(InvalidTypeError, match=field):
        Resources(**{field: pair})


@pytest.mark.parametrize("pair", [(4, 2), ("2Gi", "1Gi"), ("1Gi", "1G"), ("1", "500m"), (0.3, "299m"), ("1e3", 999)])
@pytest.mark.parametrize("field", ["cpu", "memory"])
def test_a_request_above_its_limit_is_refused(field, pair):
    with pytest.raises(InvalidValueError, match=field):
        Resources(**{field: pair})


@pytest.mark.parametrize("pair", [(2, 2), ("1G", "1Gi"), ("500m", 0.5), ("1024Mi", "1Gi"), (0, 0)])
def test_a_request_may_be_its_limit(pair):
    assert Resources(cpu=pair).cpu == pair


def test_the_unit_people_write_gets_the_unit_kubernetes_writes():
    with pytest.raises(InvalidValueError, match="without the B: 1Gi"):
        Resources(memory="1GiB")


@pytest.mark.parametrize("gpu", [f"{name}:{count}" for name, entry in DEVICES.items() for count in entry.counts])
def test_every_accelerator_of_the_table_can_be_asked_for(gpu):
    name, _, count = gpu.rpartition(":")
    assert Resources(gpu=gpu).get_device() == Device(int(count), DEVICES[name].device_class, name)


@pytest.mark.parametrize(
    "gpu",
    [
        "",
        "A100",
        "A100:",
        ":1",
        "A100:0",
        "A100:9",
        "A100:02",
        "A100:x",
        "a100:1",
        "A100:1:1",
        "A100: 1",
        "4",
        "K80:1",
        "V5P:1",
        "V5P:2x2x1",
        "V6E:1",
        "Trn1:2",
        "Inf2:13",
        "MI300X:2",
        "Gaudi1:2",
        "RTX PRO 6000:2",
        "GTX 970:1",
    ],
)
def test_an_accelerator_outside_the_table_is_refused(gpu):
    with pytest.raises(InvalidValueError, match="gpu"):
        Resources(gpu=gpu)


def test_an_accelerator_that_is_nearly_right_is_suggested():
    with pytest.raises(InvalidValueError, match="did you mean L40s"):
        Resources(gpu="L40S:1")


def test_a_negative_number_of_gpus_is_refused():
    with pytest.raises(InvalidValueError, match="gpu"):
        Resources(gpu=-1)


@pytest.mark.parametrize("gpu", [True, 1.0, ["T4:1"], ("T4", 1)])
def test_a_gpu_of_another_type_is_refused(gpu):
    with pytest.raises(InvalidTypeError, match="gpu"):
        Resources(gpu=gpu)


@pytest.mark.parametrize("gpu", [None, 0])
def test_no_gpu_is_no_device(gpu):
    assert Resources(gpu=gpu).get_device() is None


def test_a_number_of_gpus_is_a_device_without_a_name():
    assert Resources(gpu=2).get_device() == Device(2, "GPU")


def test_a_device_stays_itself():
    device = GPU("H100", 1)
    assert Resources(gpu=device).get_device() is device


@pytest.mark.parametrize(("shm", "size"), [(None, None), ("auto", ""), ("1Gi", "1Gi"), (1024, "1024")])
def test_shared_memory_is_a_size_or_without_limit(shm, size):
    assert Resources(shm=shm).get_shared_memory() == size


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (GPU("A100", 1, "1g.5gb"), Device(1, "GPU", "A100", "1g.5gb")),
        (GPU("A100 80G", quantity=2, partition="7g.80gb"), Device(2, "GPU", "A100 80G", "7g.80gb")),
        (GPU("H200", 8), Device(8, "GPU", "H200")),
        (GPU("T4", 16), Device(16, "GPU", "T4")),
        (GPU("H100", 1, "1g.10gb"), Device(1, "GPU", "H100", "1g.10gb")),
        (TPU("V5P", "2x2x1"), Device(1, "TPU", "V5P", "2x2x1")),
        (TPU("V6E"), Device(1, "TPU", "V6E")),
        (Neuron("Trn2u"), Device(1, "NEURON", "Trn2u")),
        (AMD_GPU("MI355X"), Device(1, "AMD_GPU", "MI355X")),
        (HABANA_GAUDI("Gaudi1"), Device(1, "HABANA_GAUDI", "Gaudi1")),
    ],
)
def test_each_factory_makes_a_device_of_its_family(device, expected):
    assert device == expected


@pytest.mark.parametrize("factory", [TPU, Neuron, AMD_GPU, HABANA_GAUDI, lambda device: GPU(device, 1)])
@pytest.mark.parametrize("device", ["GTX 970", "", "K80", "V5E"])
def test_each_factory_knows_its_devices(factory, device):
    with pytest.raises(InvalidValueError, match="device"):
        factory(device)


@pytest.mark.parametrize(
    ("factory", "device"), [(Neuron, "T4"), (AMD_GPU, "Trn1"), (TPU, "A100"), (HABANA_GAUDI, "L4")]
)
def test_a_factory_refuses_the_devices_of_another(factory, device):
    with pytest.raises(InvalidValueError, match=device):
        factory(device)


@pytest.mark.parametrize(
    ("make", "partition"),
    [
        (lambda p: GPU("A100", 1, p), "1g.10gb"),
        (lambda p: GPU("A100 80G", 1, p), "1g.5gb"),
        (lambda p: TPU("V6E", p), "2x2x1"),
        (lambda p: TPU("V5P", p), "1x1"),
    ],
)
def test_a_partition_of_another_model_is_refused(make, partition):
    with pytest.raises(InvalidValueError, match=partition):
        make(partition)


@pytest.mark.parametrize("make", [lambda n: GPU("T4", n), lambda n: Device(n, "GPU")])
def test_a_device_is_at_least_one(make):
    for quantity in (0, -1):
        with pytest.raises(InvalidValueError, match="at least 1"):
            make(quantity)
    for quantity in ("1", True, 1.0, None):
        with pytest.raises(InvalidTypeError, match="quantity"):
            make(quantity)


def test_a_device_has_a_known_family():
    with pytest.raises(InvalidValueError, match="device_class"):
        Device(1, "QPU")


def test_a_name_outside_the_table_goes_to_the_wire_as_written():
    assert [wire_name(name) for name in ("A100 80G", "H200", "MI300X", "K80", "V5E", "my-card")] == [
        "nvidia-a100-80gb",
        "H200",
        "MI300X",
        "nvidia-tesla-k80",
        "tpu-v5-lite-podslice",
        "my-card",
    ]


def test_resources_are_values():
    one, two = (Resources(cpu=[1, 2], memory="1Gi", gpu=GPU("T4", 1)) for _ in range(2))
    assert one == two
    assert len({one, two, Resources(cpu=1)}) == 2
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    with pytest.raises(AttributeError):
        one.cpu = 3
