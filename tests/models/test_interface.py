# ruff: noqa: RUF013, UP006, UP045 - the older spellings are inputs of these tests
import collections
import functools
import inspect
import pickle
import typing
from typing import Annotated, Any, Literal, Optional

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError, UnresolvedAnnotationError
from flyte_core.models import NativeInterface, default_output_name, extract_return_annotation, literal_to_enum

from_callable = NativeInterface.from_callable
EMPTY = inspect.Parameter.empty


class Out(typing.NamedTuple):
    total: int
    state: Literal["a", "b"]


Bare = collections.namedtuple("Bare", "x y")


def work(a: int, b: "list[str]", c: float = 0.5, *, d: Optional[int] = None) -> dict[str, int]:
    """Work.

    Args:
        a: the first.
    """


def test_a_function_gives_types_defaults_and_docstring():
    interface = from_callable(work)
    assert interface.inputs == {
        "a": (int, EMPTY),
        "b": (list[str], EMPTY),
        "c": (float, 0.5),
        "d": (Optional[int], None),
    }
    assert interface.outputs == {"o0": dict[str, int]}
    assert interface.required_inputs() == ["a", "b"]
    assert interface.num_required_inputs() == 2
    assert interface.get_input_types() == {"a": int, "b": list[str], "c": float, "d": Optional[int]}
    assert interface.docstring.input_descriptions == {"a": "the first."}
    assert interface.has_outputs()


def test_a_default_of_none_does_not_change_the_type():
    def plain(a: int = None, b: "int" = None, c: list[int] = None): ...

    assert from_callable(plain).get_input_types() == {"a": int, "b": int, "c": list[int]}


def test_annotations_keep_their_extras():
    def annotated(a: Annotated[int, "x"], b: "Annotated[str, 1]") -> Annotated[float, "y"]: ...

    interface = from_callable(annotated)
    assert interface.get_input_types() == {"a": Annotated[int, "x"], "b": Annotated[str, 1]}
    assert interface.outputs == {"o0": Annotated[float, "y"]}


@pytest.mark.parametrize(
    ("annotation", "outputs"),
    [
        (None, {}),
        (type(None), {}),
        (EMPTY, {}),
        (int, {"o0": int}),
        (list[int], {"o0": list[int]}),
        (tuple, {"o0": tuple}),
        (typing.Tuple, {"o0": typing.Tuple}),
        (tuple[()], {}),
        (Any, {"o0": Any}),
        (Literal["a"], {"o0": Literal["a"]}),
        (int | None, {"o0": int | None}),
        (tuple[int, str], {"o0": int, "o1": str}),
        (tuple[int, Literal["a"]], {"o0": int, "o1": Literal["a"]}),
        (typing.Tuple[int, list[str], float], {"o0": int, "o1": list[str], "o2": float}),
        ((int, str), {"o0": int, "o1": str}),
        (Out, {"total": int, "state": Literal["a", "b"]}),
        (typing.NamedTuple("Inline", [("a", float)]), {"a": float}),
        (Bare, {"x": Any, "y": Any}),
    ],
)
def test_a_return_annotation_gives_the_outputs(annotation, outputs):
    assert extract_return_annotation(annotation) == outputs


@pytest.mark.parametrize("annotation", [tuple[int], tuple[int, ...], typing.Tuple[str], (int,), "int"])
def test_a_tuple_of_one_or_of_any_length_is_refused(annotation):
    with pytest.raises(InvalidTypeError, match=r"tuple|text"):
        extract_return_annotation(annotation)


def test_outputs_are_numbered():
    assert [default_output_name(), default_output_name(3)] == ["o0", "o3"]


def test_an_input_without_a_type_is_kept_and_warned_of(caplog):
    def untyped(a, b=3, c: int = 4): ...

    interface = from_callable(untyped)
    assert interface.inputs == {"a": (EMPTY, EMPTY), "b": (EMPTY, 3), "c": (int, 4)}
    assert interface.required_inputs() == ["a"]
    assert "untyped: no type for a, b" in caplog.text


def variable_args(*values: int): ...
def variable_kwargs(**values: int): ...
def positional(values: int, /): ...


@pytest.mark.parametrize("func", [variable_args, variable_kwargs])
def test_a_variable_number_of_arguments_is_refused(func):
    with pytest.raises(InvalidValueError, match=f"{func.__name__}: values.*variable"):
        from_callable(func)


def test_an_input_that_has_no_name_for_callers_is_refused():
    with pytest.raises(InvalidValueError, match=r"positional: values.*by name"):
        from_callable(positional)


def test_names_of_the_enclosing_function_are_found():
    class Local: ...

    def uses(a: "Local", b: "list[Local]") -> "Local":
        return Local()

    assert from_callable(uses).get_input_types() == {"a": Local, "b": list[Local]}


@pytest.mark.parametrize("annotation", ["Missing", "list[Missing]", "1 +", "int.nothing"])
def test_an_annotation_that_names_nothing_is_refused_by_parameter(annotation):
    def broken(fine: "int", wrong, also: "str" = ""): ...

    broken.__annotations__["wrong"] = annotation
    with pytest.raises(UnresolvedAnnotationError, match="broken: the annotation of wrong") as caught:
        from_callable(broken)
    assert isinstance(caught.value, (NameError, TypeError))
    assert caught.value.__cause__ is not None
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_wrapped_function_gives_the_inner_interface():
    @functools.wraps(work)
    def wrapper(*args, **kwargs): ...

    assert from_callable(wrapper) == from_callable(work)


def test_a_partial_function_has_the_rest_as_inputs():
    partial = functools.partial(work, 1)
    assert list(from_callable(partial).inputs) == ["b", "c", "d"]
    assert from_callable(partial).inputs["b"] == (list[str], EMPTY)
    assert from_callable(partial).outputs == {"o0": dict[str, int]}


def test_a_method_and_a_callable_object_have_interfaces():
    class Adder:
        def add(self, a: int) -> int: ...

        def __call__(self, b: "str") -> "int": ...

    assert from_callable(Adder().add).inputs == {"a": (int, EMPTY)}
    assert from_callable(Adder()).inputs == {"b": (str, EMPTY)}


def test_a_default_that_only_the_cluster_knows_comes_with_a_value():
    inputs = {"a": (int, EMPTY), "b": (str, NativeInterface.has_default)}
    interface = NativeInterface.from_types(inputs, {"o0": float}, {"b": "the literal"})
    assert interface.required_inputs() == ["a"]
    assert repr(interface) == "(a: int, b: str = ...) -> o0: float:"
    for defaults in (None, {}, {"a": "x"}):
        with pytest.raises(InvalidValueError, match="b"):
            NativeInterface.from_types(inputs, {}, defaults)


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((1, 2), {}, {"a": 1, "b": 2}),
        ((1,), {"c": 5, "b": 4}, {"a": 1, "c": 5, "b": 4}),
        ((), {}, {}),
        ((1, 2, 3, 4), {}, {"a": 1, "b": 2, "c": 3, "d": 4}),
    ],
)
def test_arguments_get_their_names(args, kwargs, expected):
    assert from_callable(work).convert_to_kwargs(*args, **kwargs) == expected


@pytest.mark.parametrize(
    ("args", "kwargs", "named"),
    [
        ((1, 2, 3, 4, 5), {}, "at most 4"),
        ((1,), {"a": 5}, "a = 5.*position"),
        ((), {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, "e = 5"),
        ((), {"unknown": 1}, "unknown"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(args, kwargs, named):
    with pytest.raises(InvalidValueError, match=named):
        from_callable(work).convert_to_kwargs(*args, **kwargs)


def test_a_name_that_is_nearly_right_is_suggested():
    def rain(month: int): ...

    with pytest.raises(InvalidValueError, match="did you mean month"):
        from_callable(rain).convert_to_kwargs(moth=1)


@pytest.mark.parametrize("name", ["self", "args", "kwargs", "cls"])
def test_an_input_may_have_any_name(name):
    interface = NativeInterface({name: (int, EMPTY)}, {})
    assert interface.convert_to_kwargs(**{name: 1}) == {name: 1}


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        (NativeInterface({}, {}), "():"),
        (
            NativeInterface({"a": (int, EMPTY), "b": (str, "x")}, {"o0": int, "o1": str}),
            "(a: int, b: str = x) -> (o0: int, o1: str):",
        ),
        (NativeInterface({"a": (list[int], EMPTY)}, {"o0": list[int]}), "(a: list) -> o0: list[int]:"),
        (NativeInterface({"a": ("Named", None)}, {}), "(a: Named = None):"),
    ],
)
def test_an_interface_is_shown_as_a_signature(interface, text):
    assert repr(interface) == text


def test_interfaces_are_values():
    one, two = from_callable(work), from_callable(work)
    assert one == two != NativeInterface({}, {})
    assert pickle.loads(pickle.dumps(one)) == one
    assert not NativeInterface({}, {}).has_outputs()


def test_a_literal_of_texts_is_an_enum():
    assert [(member.name, member.value) for member in literal_to_enum(Literal["s", "S", "m"])] == [
        ("s", "s"),
        ("S", "S"),
        ("M", "m"),
    ]
    assert literal_to_enum(Literal[1, 2]) is Any
    with pytest.raises(InvalidTypeError, match="Literal"):
        literal_to_enum(int)
