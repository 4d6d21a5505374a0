import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.models import Docstring

GOOGLE = """Add numbers.

    Slowly, and in the
    order given.

    Args:
        x: the first number,
            which may be long.
        y (Optional[Callable[..., int]]): the second: a number.
        *rest: the others.
        silent:

    Returns:
        total: their sum.

    Text behind the sections.
    Raises:
        ValueError: never.
    """

NUMPY = """
    Add numbers.

    Slowly, and in the
    order given.

    Parameters
    ----------
    x : int
        the first number,
        which may be long.
    y : Callable[..., int], optional
        the second: a number.
    *rest
        the others.
    silent : int

    Returns
    -------
    total : int
        their sum.

    Notes
    -----
    x : not an input.
    """

SPHINX = """
    Add numbers.

    Slowly, and in the
    order given.

    :param x: the first number,
        which may be long.
    :type x: int
    :param int y: the second: a number.
    :param rest: the others.
    :param silent:
    :returns: their sum.
    :raises ValueError: never.
    """

EPYDOC = """
    Add numbers.

    Slowly, and in the
    order given.

    @param x: the first number,
        which may be long.
    @param y: the second: a number.
    @param rest: the others.
    @param silent:
    @return: their sum.
    """

INPUTS = {
    "x": "the first number, which may be long.",
    "y": "the second: a number.",
    "rest": "the others.",
    "silent": None,
}


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX, EPYDOC], ids=["google", "numpy", "sphinx", "epydoc"])
def test_every_style_gives_the_same(text):
    docstring = Docstring(text)
    assert docstring.short_description == "Add numbers."
    assert docstring.long_description == "Slowly, and in the\norder given."
    assert docstring.input_descriptions == INPUTS
    assert list(docstring.input_descriptions) == list(INPUTS)


@pytest.mark.parametrize("text", [GOOGLE, NUMPY], ids=["google", "numpy"])
def test_outputs_with_a_name_are_described(text):
    assert Docstring(text).output_descriptions == {"total": "their sum."}


def test_several_names_of_numpy_share_a_description():
    text = "Add.\n\nParameters\n----------\nx, y : int\n    numbers"
    assert Docstring(text).input_descriptions == {"x": "numbers", "y": "numbers"}


@pytest.mark.parametrize(
    "text", [":class:`Foo` is x: no", "@env.task marks: no", "Note: x", "See http://a.b: x", "x: no"]
)
def test_what_looks_like_a_section_stays_text(text):
    docstring = Docstring(text)
    assert docstring.input_descriptions == {}
    assert docstring.short_description == text


@pytest.mark.parametrize("text", ["", "   ", None])
def test_nothing_is_described_by_nothing(text):
    docstring = Docstring(text)
    assert (docstring.short_description, docstring.long_description) == (None, None)
    assert (docstring.input_descriptions, docstring.output_descriptions) == ({}, {})


def test_a_function_gives_its_docstring():
    def work():
        """What it does."""

    assert Docstring(callable_=work) == Docstring("What it does.")
    assert Docstring(callable_=lambda: None).short_description is None
    assert len({Docstring("a"), Docstring("a"), Docstring("b")}) == 2
    assert pickle.loads(pickle.dumps(Docstring("a"))) == Docstring("a")


@given(st.text(alphabet="Args:\n xy-()*@param", max_size=80))
def test_any_text_is_read(text):
    Docstring(text).input_descriptions  # noqa: B018 - it must not raise
