import pytest

from flyte_core.errors import InvalidTypeError
from flyte_core.models import Documentation


def documented():
    """Count words,
    and lines.

    One pass.
    """


def test_the_whole_docstring_is_the_description_and_its_first_paragraph_the_summary():
    docs = Documentation.from_docstring(documented)
    assert docs.description == "Count words,\nand lines.\n\nOne pass."
    assert docs.summary == "Count words, and lines."
    assert Documentation.from_docstring(documented.__doc__) == docs


@pytest.mark.parametrize("source", [None, "", "  \n ", lambda: None])
def test_no_docstring_is_no_documentation(source):
    assert Documentation.from_docstring(source) is None


def test_a_description_is_a_text():
    assert Documentation("What it does.") == Documentation(description="What it does.")
    with pytest.raises(InvalidTypeError, match="description"):
        Documentation(description=None)
