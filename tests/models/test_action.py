import hashlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidValueError
from flyte_core.models import ActionID, Checkpoints, GroupData, generate_random_name


def test_a_run_is_named_by_its_first_action():
    assert ActionID(name="a0").run_name == "a0"
    assert ActionID(name="a0", run_name="r").run_name == "r"


def test_a_name_is_needed():
    with pytest.raises(InvalidValueError, match="name"):
        ActionID(name="")


def test_random_names_differ():
    assert generate_random_name() != generate_random_name()
    action = ActionID.create_random()
    assert action.name == action.run_name != ActionID.create_random().name


def test_a_sub_action_stays_in_its_run():
    parent = ActionID(name="a0", run_name="r", project="p", domain="d", org="o")
    child = parent.new_sub_action("a1")
    assert (child.name, child.run_name, child.project, child.domain, child.org) == ("a1", "r", "p", "d", "o")
    assert parent.new_sub_action().name != parent.new_sub_action().name


@pytest.mark.parametrize(
    ("seq", "group", "name"),
    # Recorded with flyte 2.0.0b33: a run must find the actions that another implementation started.
    [
        (1, None, "d5qsi7eru0ufebnk5fe1zsype"),
        (2, None, "79hdkka2sqgp7ij550uea00kd"),
        (1, "g", "6rq9sj5dwvpm1po795to0n255"),
    ],
)
def test_the_name_of_a_call_is_the_one_that_flyte_computes(seq, group, name):
    assert ActionID(name="a0").new_sub_action_from(seq, "task", "input", group).name == name


@given(st.integers(0, 9), st.text(max_size=5), st.text(max_size=5), st.none() | st.text(max_size=5))
def test_the_name_of_a_call_is_its_hash_in_base_36(seq, task, inputs, group):
    name = ActionID(name="a0").new_sub_action_from(seq, task, inputs, group).name
    text = f"a0-{inputs}-{task}-{seq}" + (f"-{group}" if group else "")
    digest = hashlib.md5(text.encode()).digest()
    assert int(name, 36) == int.from_bytes(digest, "big")


def test_identifiers_are_values():
    values = [ActionID(name="a"), GroupData("g"), Checkpoints(None, "c"), Checkpoints("p", None)]
    assert pickle.loads(pickle.dumps(values)) == values
    assert len(set(values)) == 4
