"""Records with times and enums, which generated code converts without a check, leaving all faults to the slow half."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import typing

import msgpack
import pytest
from mashumaro.codecs.msgpack import MessagePackEncoder

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for


def _plain(literal):
    return msgpack.unpackb(literal.scalar.binary.value)


class Tone(enum.Enum):
    LOW = "low"
    HIGH = "high"

    @classmethod
    def _missing_(cls, value):
        return cls.HIGH if value == "loud" else None


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Timed:
    at: dt.datetime
    day: dt.date
    hour: dt.time
    tone: Tone
    rights: Rights
    until: dt.datetime | None = None
    tones: typing.Annotated[list[Tone], "some"] = dataclasses.field(default_factory=list)
    days: dict[str, dt.date] = dataclasses.field(default_factory=dict)


TIMED = Timed(
    at=dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
    day=dt.date(2024, 1, 2),
    hour=dt.time(1, 2),
    tone=Tone.LOW,
    rights=Rights.READ | Rights.WRITE,
    until=dt.datetime(2025, 1, 1),
    tones=[Tone.HIGH, Tone.LOW],
    days={"first": dt.date(2024, 2, 29)},
)


@pytest.mark.parametrize("value", [TIMED, dataclasses.replace(TIMED, until=None, tones=[], days={})])
def test_times_and_enums_in_records_come_back(value):
    codec = codec_for(Timed)
    assert codec.decode(codec.encode(value)) == value


def test_times_and_enums_in_records_go_in_the_form_of_mashumaro():
    assert _plain(codec_for(Timed).encode(TIMED)) == msgpack.unpackb(MessagePackEncoder(Timed).encode(TIMED))


@pytest.mark.parametrize(
    ("field", "plain", "message"),
    [
        ("at", "yesterday", r"^at: expected datetime, got 'yesterday'"),
        ("day", 5, r"^day: expected date, got 5"),
        ("tone", "soft", r"^tone: expected one of 'low', 'high' for Tone, got 'soft'"),
        ("tone", [], r"^tone: expected one of 'low', 'high'"),
        ("tones", ["low", "soft"], r"^tones\[1\]: expected one of"),
        ("until", "never", r"^until: expected datetime"),
    ],
)
def test_a_time_or_enum_that_cannot_be_read_is_named(field, plain, message):
    literal = codec_for(Timed).encode(TIMED)
    literal.scalar.binary.value = msgpack.packb({**_plain(literal), field: plain})
    with pytest.raises(TypeTransformerFailedError, match=message):
        codec_for(Timed).decode(literal)


def test_an_enum_that_finds_members_by_itself_is_asked():
    literal = codec_for(Timed).encode(TIMED)
    literal.scalar.binary.value = msgpack.packb({**_plain(literal), "tone": "loud"})
    assert codec_for(Timed).decode(literal).tone is Tone.HIGH


def test_a_member_of_another_enum_is_refused():
    with pytest.raises(TypeTransformerFailedError, match=r"^tone: expected Tone, got"):
        codec_for(Timed).encode(dataclasses.replace(TIMED, tone=Rights.READ))
