from __future__ import annotations

import datetime as dt
import json

import pytest

from flyte_core import Cache, Resources, RetryStrategy, Secret, TaskEnvironment, Timeout
from flyte_core.errors import SerializationError
from flyte_core.runtime.changes import changed, changes_of

env = TaskEnvironment("changes")


@env.task(retries=1, timeout=3)
async def work(x: int) -> int:
    return x


CHANGES = [
    {"retries": 5},
    {"retries": RetryStrategy(count=2, backoff=dt.timedelta(seconds=3), backoff_factor=2.5)},
    {"timeout": dt.timedelta(minutes=1)},
    {"timeout": Timeout(max_runtime=dt.timedelta(seconds=9))},
    {"timeout": 0},
    {"cache": "auto"},
    {"cache": Cache(behavior="override", version_override="7", ignored_inputs=("x",), serialize=True)},
    {"resources": Resources(cpu=(1, 2), memory="1Gi", gpu="T4:1")},
    {"env_vars": {"A": "b"}},
    {"secrets": [Secret(key="k", group="g"), "plain"]},
    {"short_name": "other", "max_inline_io_bytes": 5, "interruptible": True, "queue": "q"},
    {"debuggable": False},
]


@pytest.mark.parametrize("given", CHANGES, ids=str)
def test_what_override_changed_comes_back_as_it_went(given):
    other = work.override(**given)
    sent = json.loads(json.dumps(changes_of(other, work)))
    assert sent.keys() == given.keys()
    assert changed(work, sent) == other


def test_a_task_as_it_is_declared_has_no_changes():
    assert changes_of(work, work) == {}
    assert changes_of(work.override(), work) == {}
    assert changed(work, {}) is work


def test_a_change_that_is_no_plain_value_is_refused_with_what_to_do():
    class Policy:
        def get_version(self, salt, params):
            return "1"

    other = work.override(cache=Cache(behavior="auto", policies=[Policy()]))
    with pytest.raises(SerializationError, match=r"override\(cache=...\).*declare a task with it instead"):
        changes_of(other, work)


def test_data_that_names_another_class_makes_none():
    with pytest.raises(SerializationError, match="there is no value 'Popen'"):
        changed(work, {"retries": {"model": "Popen", "fields": {"args": ["true"]}}})
