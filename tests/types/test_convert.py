# ruff: noqa: UP045, RUF013 - the older spellings are tested too
from __future__ import annotations

import asyncio
import gc
import inspect
import typing

import pytest
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.task.common_pb2 import Inputs, NamedLiteral, Outputs

from flyte_core.errors import InlineIOMaxBytesBreached, RuntimeDataValidationError, TypeTransformerFailedError
from flyte_core.models import NativeInterface
from flyte_core.types import convert
from flyte_core.types.codec import codec_for
from flyte_core.types.convert import default_inputs, interface_codec, typed_interface
from flyte_core.types.transformer import RestrictedTypeError


def work(a: int, b: str = "x", c: typing.Optional[float] = None, d: list[int] = []) -> tuple[int, str]:  # noqa: B006
    """Do it.

    Args:
        a: how many.
    """
    return a, b


def one() -> int: ...
def none() -> None: ...
def implicit(a: int = None) -> None: ...


INTERFACE = NativeInterface.from_callable(work)


def ways(function):
    """A function of the codec in its synchronous and its asynchronous form."""

    def call(*args, **kwargs):
        return asyncio.run(function(*args, **kwargs))

    return call


@pytest.fixture(params=["sync", "async"])
def codec_of(request, celsius):
    """Codecs of interfaces, by the synchronous functions or, with an asynchronous type, by the others."""

    class Face:
        def __init__(self, function):
            interface = NativeInterface.from_callable(function)
            if request.param == "async":
                extra = {"zz": (celsius, celsius(1.0))}
                interface = NativeInterface(inputs={**interface.inputs, **extra}, outputs=interface.outputs)
            codec = interface_codec(interface)
            assert codec.is_sync is (request.param == "sync")
            prefix = "" if request.param == "sync" else "a"
            for name in ("encode_inputs", "decode_inputs", "encode_outputs", "decode_outputs"):
                method = getattr(codec, prefix + name)
                setattr(self, name, method if request.param == "sync" else ways(method))

        def inputs(self, *args, **kwargs):
            values = self.decode_inputs(self.encode_inputs(*args, **kwargs))
            values.pop("zz", None)
            return values

    return Face


def test_variables_stand_in_the_order_of_declaration_described_by_their_names():
    message = typed_interface(INTERFACE)
    assert [(entry.key, entry.value.description) for entry in message.inputs.variables] == [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
        ("d", "d"),
    ]
    assert [entry.key for entry in message.outputs.variables] == ["o0", "o1"]


def test_an_interface_without_variables_still_has_both_maps():
    message = typed_interface(NativeInterface.from_callable(none))
    assert message.HasField("inputs")
    assert message.HasField("outputs")


def test_a_type_that_cannot_be_an_input_is_named_with_it():
    def wrong(pairs: list) -> None: ...

    with pytest.raises(TypeTransformerFailedError, match="input 'pairs'"):
        typed_interface(NativeInterface.from_callable(wrong))


def test_every_default_is_uploaded_also_those_that_are_false():
    def defaults(a: int, b: int = 0, c: str = "", d: bool = False, e: list[int] = [], f: float | None = None): ...  # noqa: B006

    uploaded = default_inputs(NativeInterface.from_callable(defaults))
    assert [parameter.name for parameter in uploaded] == ["b", "c", "d", "e", "f"]
    assert all(parameter.parameter.HasField("default") for parameter in uploaded)
    assert default_inputs(NativeInterface.from_callable(one)) == []


def test_a_default_that_does_not_fit_its_type_is_named():
    def wrong(a: int = "x") -> None: ...

    with pytest.raises(TypeTransformerFailedError, match="default of input 'a'"):
        default_inputs(NativeInterface.from_callable(wrong))


def test_inputs_come_back_in_the_order_of_the_interface_with_defaults(codec_of):
    codec = codec_of(work)
    assert codec.inputs((1,)) == {"a": 1, "b": "x", "c": None, "d": []}
    assert list(codec.inputs((), {"d": [1], "a": 2})) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("args", "kwargs", "named"),
    [
        ((), {}, "a"),
        ((1,), {"a": 1}, "a"),
        ((1,), {"unknown": 1}, "unknown"),
        ((1, "x", None, [], None, 5), {}, "values by position"),
    ],
)
def test_arguments_that_do_not_fit_are_named(codec_of, args, kwargs, named):
    with pytest.raises(ValueError, match=named):
        codec_of(work).encode_inputs(args, kwargs)


@pytest.mark.parametrize(("args", "named"), [(("1",), "input 'a': expected int"), ((1, 2), "input 'b'")])
def test_an_input_of_another_type_is_named(codec_of, args, named):
    with pytest.raises(TypeTransformerFailedError, match=named):
        codec_of(work).encode_inputs(args)


def test_a_default_of_none_makes_an_input_optional(codec_of):
    codec = codec_of(implicit)
    message = codec.encode_inputs()
    assert message.literals[0].value == codec_for(typing.Optional[int]).encode(None)
    assert codec.inputs() == {"a": None}
    assert codec.inputs((5,)) == {"a": 5}
    assert codec.inputs((None,)) == {"a": None}


def test_a_default_that_only_the_cluster_knows_is_sent_as_it_is(codec_of):
    literal = codec_for(int).encode(7)
    inputs = {"a": (int, NativeInterface.has_default), "b": (str, inspect.Parameter.empty)}
    interface = NativeInterface.from_types(inputs, {}, {"a": literal})
    assert interface_codec(interface).encode_inputs(kwargs={"b": "x"}).literals[0].value == literal
    assert default_inputs(interface)[0].parameter.default == literal


def test_a_mutable_default_is_not_remembered():
    found = []

    def appended(a: list[int] = found) -> None: ...

    codec = interface_codec(NativeInterface.from_callable(appended))
    assert codec.decode_inputs(codec.encode_inputs()) == {"a": []}
    found.append(1)
    assert codec.decode_inputs(codec.encode_inputs()) == {"a": [1]}


def test_the_custom_context_goes_with_the_inputs(codec_of):
    message = codec_of(work).encode_inputs((1,), context={"k": "v"})
    assert [(pair.key, pair.value) for pair in message.context] == [("k", "v")]


def test_an_absent_input_is_left_to_its_default_or_named(codec_of):
    codec = codec_of(work)
    literal = codec_for(int).encode(1)
    assert codec.decode_inputs(Inputs(literals=[NamedLiteral(name="a", value=literal)])) == {"a": 1}
    with pytest.raises(ValueError, match="a"):
        codec.decode_inputs(Inputs())
    with pytest.raises(ValueError, match="extra"):
        codec.decode_inputs(Inputs(literals=[NamedLiteral(name="extra", value=literal)]))
    with pytest.raises(TypeTransformerFailedError, match="input 'a'"):
        codec.decode_inputs(Inputs(literals=[NamedLiteral(name="a", value=Literal())]))


@pytest.mark.parametrize(("function", "value"), [(work, (1, "a")), (one, 5), (none, None)])
def test_outputs_come_back_as_they_were_returned(codec_of, function, value):
    codec = codec_of(function)
    assert codec.decode_outputs(codec.encode_outputs(value)) == value


@pytest.mark.parametrize(
    ("function", "value", "named"),
    [
        (work, (1,), "2 outputs"),
        (work, (1, "a", 2), "2 outputs"),
        (work, 1, "2 outputs"),
        (work, (1, 2), "'o1'"),
        (one, (1, 2), "1 output "),
        (one, None, "'o0'"),
        (none, 5, "no output"),
    ],
)
def test_an_output_that_does_not_fit_is_named_with_its_task(codec_of, function, value, named):
    with pytest.raises(RuntimeDataValidationError, match=named) as caught:
        codec_of(function).encode_outputs(value, "the.task")
    assert "the.task" in str(caught.value)
    assert caught.value.code == "DataValidationError"


def test_an_absent_output_is_named(codec_of):
    with pytest.raises(TypeTransformerFailedError, match="output 'o0'"):
        codec_of(one).decode_outputs(Outputs())


def test_inline_values_above_the_limit_are_refused_with_size_limit_and_name(codec_of):
    codec = codec_of(work)
    size = codec.encode_inputs((1, "x" * 1000)).ByteSize()
    assert codec.encode_inputs((1, "x" * 1000), limit=size).ByteSize() == size
    with pytest.raises(InlineIOMaxBytesBreached, match=rf"{size:,} bytes.*'b'.*{size - 1:,}"):
        codec.encode_inputs((1, "x" * 1000), limit=size - 1)
    with pytest.raises(InlineIOMaxBytesBreached, match="'o1'"):
        codec.encode_outputs((1, "x" * 1000), limit=100)


def test_the_codec_of_an_interface_is_kept_as_long_as_the_interface():
    interface = NativeInterface.from_callable(one)
    assert interface_codec(interface) is interface_codec(interface)
    key = id(interface)
    assert key in convert._Kept.codecs
    del interface
    gc.collect()
    assert key not in convert._Kept.codecs


def test_the_codec_of_an_interface_is_compiled_again_after_a_registration(own_registry, celsius_transformer):
    from flyte_core.types import TypeEngine

    t = celsius_transformer().python_type
    interface = NativeInterface(inputs={}, outputs={"o0": t})
    kinds = []
    for register in (lambda: None, lambda: TypeEngine.register(celsius_transformer())):
        register()
        kinds.append(interface_codec(interface).outputs[0].codec.literal_type.WhichOneof("type"))
    assert kinds == ["union_type", "simple"]


@pytest.mark.parametrize("t", [tuple[int, int], typing.NamedTuple("Pair", [("a", int)])])
def test_a_tuple_as_input_is_refused_with_task_and_input(t):
    interface = NativeInterface(inputs={"t": (t, inspect.Parameter.empty)}, outputs={})
    with pytest.raises(RestrictedTypeError, match="^task 'a.b', input 't': .* cannot be the type of a single value"):
        interface_codec(interface, "a.b")


@pytest.mark.parametrize(("value", "said"), [(3, "but 3 was returned; .* -> int$"), ((1, "x"), r"tuple\[int, str\]$")])
def test_a_value_without_a_declared_output_is_shown_with_the_annotation_it_lacks(value, said):
    with pytest.raises(RuntimeDataValidationError, match=said):
        interface_codec(NativeInterface({}, {})).encode_outputs(value, "a.b")
