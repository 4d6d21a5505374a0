"""Values of six types: to literals and back."""

from dataclasses import dataclass, field

import pydantic

from flyte_core.types import TypeEngine


@dataclass
class Address:
    street: str = "Long Lane"
    number: int = 12
    town: str = "Northam"
    code: str = "NM4 7TY"
    latitude: float = 51.5
    longitude: float = -0.25


@dataclass
class Line:
    article: str
    count: int
    price: float
    taxed: bool = True


@dataclass
class Order:
    """20 fields, and the 10 of what is nested."""

    number: int
    customer: str
    mail: str
    phone: str | None
    paid: bool
    gift: bool
    total: float
    discount: float | None
    weight: float
    items: int
    currency: str
    channel: str
    language: str
    note: str
    attempts: int
    priority: int
    labels: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    address: Address = field(default_factory=Address)
    lines: list[Line] = field(default_factory=list)


class Sensor(pydantic.BaseModel):
    name: str
    site: str
    maker: str
    model: str
    serial: str
    firmware: str
    protocol: str
    channel: int
    rate: int
    bits: int
    retries: int
    port: int
    samples: int
    errors: int
    gain: float
    offset: float
    low: float
    high: float
    mean: float
    voltage: float
    enabled: bool
    calibrated: bool
    remote: bool
    alarm: bool
    comment: str | None
    parent: str | None
    limit: float | None
    tags: list[str]
    values: list[float]
    labels: dict[str, str]


ORDER = Order(
    number=1042, customer="A. Person", mail="a@example.org", phone=None, paid=True, gift=False, total=99.5,
    discount=0.1, weight=2.25, items=3, currency="EUR", channel="web", language="en", note="ring twice", attempts=1,
    priority=5, labels=["new", "fragile"], options={"wrap": "red", "card": "none"},
    lines=[Line("A-1", 2, 10.5), Line("B-7", 1, 78.5, taxed=False)],
)  # fmt: skip

SENSOR = Sensor(
    name="north-4", site="roof", maker="acme", model="x2", serial="0815", firmware="1.4.2", protocol="modbus",
    channel=4, rate=100, bits=16, retries=3, port=502, samples=8192, errors=0, gain=1.5, offset=-0.25, low=-40.0,
    high=85.0, mean=21.5, voltage=3.3, enabled=True, calibrated=True, remote=False, alarm=False, comment=None,
    parent="north", limit=60.0, tags=["outdoor", "new"], values=[20.5, 21.0, 21.5, 22.0],
    labels={"owner": "lab", "floor": "5"},
)  # fmt: skip

#: The type and the value by name, and how often it goes both ways for one value of the measurement.
ROUND_TRIPS = {
    "int": (int, 42, 10_000),
    "str": (str, "hello, world", 10_000),
    "list": (list[int], list(range(10_000)), 1),
    "dict": (dict[str, str], {f"key {number}": f"value {number}" for number in range(1000)}, 10),
    "dataclass": (Order, ORDER, 2000),
    "pydantic": (Sensor, SENSOR, 2000),
}


async def round_trips(name):
    python_type, value, count = ROUND_TRIPS[name]
    literal_type = TypeEngine.to_literal_type(python_type)
    for _ in range(count):
        literal = await TypeEngine.to_literal(value, python_type, literal_type)
        found = await TypeEngine.to_python_value(literal, python_type)
    assert found == value, found
