"""Which encoder or decoder serves a class, protocol and format: the order of the Flyte SDK."""

from __future__ import annotations

import asyncio

import pytest
from flyteidl2.core.literals_pb2 import StructuredDataset, StructuredDatasetMetadata
from flyteidl2.core.types_pb2 import StructuredDatasetType

from flyte_core.errors import DuplicateHandlerError, InvalidTypeError, InvalidValueError, TypeTransformerFailedError
from flyte_core.io import DataFrame, DataFrameDecoder, DataFrameEncoder, DataFrameTransformerEngine
from flyte_core.types import TypeEngine

Engine = DataFrameTransformerEngine


def encoder(frame_type, protocol=None, format=None):
    class Encoder(DataFrameEncoder):
        def __init__(self):
            super().__init__(frame_type, protocol, format)

        async def encode(self, dataframe, structured_dataset_type):
            return StructuredDataset(uri=f"{protocol or 'any'}://there/{self.supported_format}")

    return Encoder()


def decoder(frame_type, protocol=None, format=None, result=None):
    class Decoder(DataFrameDecoder):
        def __init__(self):
            super().__init__(frame_type, protocol, format)

        async def decode(self, flyte_value, current_task_metadata):
            return frame_type() if result is None else result(flyte_value)

    return Decoder()


@pytest.fixture
def frame_type():
    """A class of frames that no other test registers anything for."""
    return type("Frame", (), {})


def chosen(frame_type, protocol, format):
    found = Engine.get_encoder(frame_type, protocol, format)
    return found.protocol, found.supported_format


@pytest.mark.parametrize(
    ("registered", "asked", "wanted"),
    [
        ([("s3", "parquet"), (None, "parquet")], ("s3", "parquet"), ("s3", "parquet")),
        ([("s3", "parquet"), (None, "parquet")], ("gs", "parquet"), (None, "parquet")),
        ([("s3", None), (None, "parquet")], ("s3", "parquet"), ("s3", "")),
        ([(None, None)], ("gs", "orc"), (None, "")),
        ([(None, "parquet"), (None, None)], ("gs", "orc"), (None, "")),
        ([(None, "parquet")], ("gs", ""), (None, "parquet")),
        ([("bq", "rows")], ("bq", ""), ("bq", "rows")),
        ([("bq", "rows")], ("bq", "parquet"), ("bq", "rows")),
        ([("s3", "rows"), (None, "csv")], ("s3", "csv"), (None, "csv")),
    ],
)
def test_the_nearest_handler_is_chosen(frame_type, registered, asked, wanted):
    for protocol, form in registered:
        Engine.register(encoder(frame_type, protocol, form))
    assert chosen(frame_type, *asked) == wanted


def test_the_default_format_is_for_tables_that_say_none(frame_type):
    Engine.register(encoder(frame_type, None, "csv"))
    Engine.register(encoder(frame_type, None, "parquet"), default_format_for_type=True)
    Engine.register(encoder(frame_type, None, "orc"), default_format_for_type=True)
    assert chosen(frame_type, "s3", "") == (None, "parquet")
    assert Engine.DEFAULT_FORMATS[frame_type] == "parquet"


def test_default_for_type_sets_protocol_and_format(frame_type):
    Engine.register(encoder(frame_type, "bq", "rows"), default_for_type=True)
    literal = asyncio.run(TypeEngine.to_literal(frame_type(), frame_type, TypeEngine.to_literal_type(frame_type)))
    assert literal.scalar.structured_dataset.uri == "bq://there/rows"
    assert literal.scalar.structured_dataset.metadata.structured_dataset_type.format == "rows"


def test_the_two_slashes_of_a_protocol_are_left_out(frame_type):
    assert encoder(frame_type, "s3://").protocol == "s3"


def test_a_second_handler_for_a_protocol_is_refused_unless_it_overrides(frame_type):
    first, second = encoder(frame_type, "s3", "csv"), encoder(frame_type, "s3", "csv")
    Engine.register(first)
    with pytest.raises(DuplicateHandlerError, match="override=True"):
        Engine.register(second)
    Engine.register(second, override=True)
    assert Engine.get_encoder(frame_type, "s3", "csv") is second


def test_a_second_handler_for_all_protocols_is_left_out_silently_as_in_the_reference(frame_type):
    first = encoder(frame_type, None, "csv")
    Engine.register(first)
    Engine.register(encoder(frame_type, None, "csv"))
    assert Engine.get_encoder(frame_type, "s3", "csv") is first


@pytest.mark.parametrize(
    ("handler", "options", "error"),
    [
        (object(), {}, InvalidTypeError),
        (encoder(int, ""), {}, InvalidValueError),
        (encoder(int), {"default_for_type": True}, InvalidValueError),
    ],
)
def test_what_cannot_be_registered_is_refused(handler, options, error):
    with pytest.raises(error):
        Engine.register(handler, **options)


def test_a_frame_without_a_handler_names_those_there_are(frame_type):
    Engine.register(encoder(frame_type, "s3", "csv"))
    Engine.register(encoder(frame_type, None, "orc"))
    with pytest.raises(TypeTransformerFailedError, match=r"parquet of protocol gs: .* csv of protocol s3, orc$"):
        Engine.get_encoder(frame_type, "gs", "parquet")


def test_a_derived_class_is_written_as_its_base_and_not_read_as_it(frame_type):
    derived = type("Derived", (frame_type,), {})
    Engine.register(encoder(frame_type))
    Engine.register(decoder(frame_type))
    assert Engine.get_encoder(derived, "s3", "").python_type is frame_type
    with pytest.raises(TypeTransformerFailedError, match=r"its base .*Frame can be"):
        Engine.get_decoder(derived, "s3", "")


def test_what_an_encoder_leaves_out_is_filled_in(frame_type):
    Engine.register(encoder(frame_type, None, "csv"))
    t = DataFrame
    literal = asyncio.run(Engine().to_literal(DataFrame.from_df(frame_type()), t, None))
    assert literal.scalar.structured_dataset.metadata.structured_dataset_type.format == "csv"


def test_a_decoder_may_give_frames_one_by_one(frame_type):
    class Many(DataFrameDecoder):
        async def decode(self, flyte_value, current_task_metadata):
            for _ in range(3):
                yield frame_type()

    Engine.register(Many(frame_type, "s3", "csv"))
    df = DataFrame(uri="s3://b/t", format="csv").open(frame_type)
    assert len(list(df.iter_sync())) == 3


def test_a_decoder_that_gives_the_whole_is_one_piece(frame_type):
    Engine.register(decoder(frame_type, "s3", "csv"))

    async def pieces():
        return [piece async for piece in await DataFrame(uri="s3://b/t", format="csv").open(frame_type).iter()]

    assert [type(piece) for piece in asyncio.run(pieces())] == [frame_type]


def test_the_ending_of_a_name_tells_a_format_that_nobody_said(frame_type):
    Engine.register(decoder(frame_type, None, "csv", result=lambda literal: "csv"))
    Engine.register(
        decoder(frame_type, None, "parquet", result=lambda literal: "parquet"), default_format_for_type=True
    )
    opened = [DataFrame(uri=uri).open(frame_type).all_sync() for uri in ("s3://b/t.csv", "s3://b/t.CSV.gz", "s3://b/t")]
    assert opened == ["csv", "csv", "parquet"]


def test_a_decoder_gets_the_columns_that_the_reader_declares(frame_type):
    seen = []

    class Decoder(DataFrameDecoder):
        async def decode(self, flyte_value, current_task_metadata):
            seen.append([column.name for column in current_task_metadata.structured_dataset_type.columns])
            return frame_type()

    Engine.register(Decoder(frame_type, None, "csv"))
    dataset = StructuredDataset(uri="s3://b/t")
    declared = StructuredDatasetType(format="csv")
    declared.columns.add(name="a")
    dataset.metadata.structured_dataset_type.format = "csv"
    asyncio.run(Engine().open_as(dataset, frame_type, StructuredDatasetMetadata(structured_dataset_type=declared)))
    asyncio.run(Engine().open_as(dataset, frame_type))
    assert seen == [["a"], []]


def test_a_renderer_shows_frames_in_reports(frame_type):
    class Renderer:
        def to_html(self, python_value):
            return "<b>frame</b>"

    Engine.register(encoder(frame_type))
    assert TypeEngine.to_html(frame_type(), frame_type).startswith("<pre>&lt;")
    Engine.register_renderer(frame_type, Renderer())
    assert TypeEngine.to_html(DataFrame.from_df(frame_type()), DataFrame) == "<b>frame</b>"
