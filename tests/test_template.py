"""flyte_core.template: every style of subclass, overriding, equality, pickling, calling."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import pickle
import weakref
from dataclasses import dataclass, field

import attrs
import pytest

from flyte_core import Cache, Image, Resources, RetryStrategy, ReusePolicy, TaskEnvironment
from flyte_core.errors import FlyteCoreError, TaskNotExecutableError
from flyte_core.extend import AsyncFunctionTaskTemplate, TaskTemplate
from flyte_core.models import MAX_INLINE_IO_BYTES, NativeInterface, SerializationContext

EMPTY = NativeInterface({}, {})


@dataclass(kw_only=True)
class ByDataclass(TaskTemplate):
    workers: int = 1
    labels: list[str] = field(default_factory=list)
    task_type: str = "by-dataclass"


class ByInit(TaskTemplate):
    def __init__(self, name: str, workers: int = 1, **kwargs):
        super().__init__(name=name, interface=EMPTY, task_type="by-init", **kwargs)
        self.workers = workers


class Mixin:
    def custom_config(self, sctx):
        return {"workers": self.workers}


@dataclass(kw_only=True)
class ByMixin(Mixin, TaskTemplate):
    workers: int = 1


@attrs.define(kw_only=True)
class ByAttrs(TaskTemplate):
    workers: int = 1


@attrs.define(kw_only=True, slots=False)
class ByAttrsOfAttrs(ByAttrs):
    more: int = 2


@dataclass(kw_only=True)
class ByDataclassOfAttrs(ByAttrsOfAttrs):
    most: int = 3


STYLES = {
    "dataclass": lambda **kw: ByDataclass(name="t", interface=EMPTY, **kw),
    "plain __init__": lambda **kw: ByInit("t", **kw),
    "mixin": lambda **kw: ByMixin(name="t", interface=EMPTY, **kw),
    "attrs": lambda **kw: ByAttrs(name="t", interface=EMPTY, **kw),
    "attrs of attrs": lambda **kw: ByAttrsOfAttrs(name="t", interface=EMPTY, **kw),
    "dataclass of attrs": lambda **kw: ByDataclassOfAttrs(name="t", interface=EMPTY, **kw),
}


@pytest.fixture(params=STYLES, ids=str)
def make(request):
    return STYLES[request.param]


def test_short_forms_are_normalised_in_every_style(make):
    task = make(image="python:3.12", retries=2, cache="auto")
    assert task.image == Image.from_base("python:3.12")
    assert task.retries == RetryStrategy(count=2)
    assert task.cache == Cache("auto")
    assert task.short_name == "t"
    assert task.ref is False


def test_own_fields_are_kept_in_every_style(make):
    assert make(workers=7).workers == 7


def test_override_copies_own_fields_and_replaces_given_ones_in_every_style(make):
    task = make(workers=7)
    other = task.override(workers=8, retries=3)
    assert (task.workers, task.retries.count) == (7, 0)
    assert (other.workers, other.retries.count) == (8, 3)
    assert type(other) is type(task)


def test_equality_ignores_the_environment_in_every_style(make):
    one, two = make(workers=1), make(workers=1)
    env = TaskEnvironment.from_task("env", two)
    two.parent_env_name = None
    assert env.tasks
    assert TaskTemplate.__eq__(one, two) is True
    assert one != make(workers=2)


def test_pickling_drops_the_environment_in_every_style(make):
    task = make(workers=3)
    env = TaskEnvironment("env")
    task.parent_env = weakref.ref(env)
    back = pickle.loads(pickle.dumps(task))
    assert back.parent_env is None
    assert back.workers == 3


def test_dataclass_tools_see_the_fields_of_an_attrs_template():
    names = [f.name for f in dataclasses.fields(ByDataclass)]
    assert names[:2] == ["name", "interface"]
    assert {"workers", "labels"} <= set(names)
    assert {"workers", "more", "most"} <= {f.name for f in dataclasses.fields(ByDataclassOfAttrs)}
    assert dataclasses.is_dataclass(ByAttrs)


def test_a_mutable_default_is_not_shared():
    one, two = STYLES["dataclass"](), STYLES["dataclass"]()
    one.labels.append("x")
    assert two.labels == []


def test_equal_templates_have_equal_hashes():
    one = TaskTemplate(name="t", interface=EMPTY)
    assert hash(one) == hash(TaskTemplate(name="t", interface=EMPTY))


def test_a_redefined_field_has_the_subclass_default():
    assert STYLES["dataclass"]().task_type == "by-dataclass"


def test_base_hooks_answer_nothing():
    task, sctx = TaskTemplate(name="t", interface=EMPTY), SerializationContext("v1")
    assert (task.config(sctx), task.custom_config(sctx), task.container_args(sctx)) == ({}, {}, [])
    assert task.sql(sctx) is None
    assert task.data_loading_config(sctx) is None
    assert asyncio.run(task.pre()) == {}
    assert asyncio.run(task.post(3)) == 3


def test_a_task_without_code_says_what_to_do():
    with pytest.raises(TaskNotExecutableError, match="override it, or install") as raised:
        asyncio.run(TaskTemplate(name="t", interface=EMPTY, task_type="odd").execute())
    assert isinstance(raised.value, NotImplementedError)
    assert "odd" in str(raised.value)
    with pytest.raises(TaskNotExecutableError):
        TaskTemplate(name="t", interface=EMPTY)()


@pytest.mark.parametrize("retries", [1.5, "3", [1]])
def test_retries_of_a_wrong_type_are_refused(retries):
    with pytest.raises(TypeError, match="'t': retries"):
        TaskTemplate(name="t", interface=EMPTY, retries=retries)


# ---- override ------------------------------------------------------------------------------------------

FALSY = {"retries": 0, "timeout": 0, "env_vars": {}, "secrets": []}


@pytest.mark.parametrize("name", FALSY)
def test_a_false_value_overrides(name):
    task = TaskTemplate(
        name="t", interface=EMPTY, retries=2, timeout=60, env_vars={"A": "1"}, secrets="key", pod_template="p"
    )
    value = getattr(task.override(**{name: FALSY[name]}), name)
    assert value == (RetryStrategy(count=0) if name == "retries" else FALSY[name])


def test_what_is_not_given_is_kept():
    task = TaskTemplate(name="t", interface=EMPTY, pod_template="p", queue="q", timeout=5, interruptible=True)
    other = task.override(retries=1)
    assert (other.pod_template, other.queue, other.timeout, other.interruptible) == ("p", "q", 5, True)


@pytest.mark.parametrize("name", ["name", "image", "docs", "interface"])
def test_what_says_which_task_it_is_cannot_be_overridden(name):
    with pytest.raises(ValueError, match=f"{name} cannot be overridden"):
        TaskTemplate(name="t", interface=EMPTY).override(**{name: "x"})


def test_an_unknown_name_is_refused_with_a_near_miss():
    with pytest.raises(TypeError, match=r"did you mean 'debuggable'"):
        TaskTemplate(name="t", interface=EMPTY).override(debugable=True)


def test_reuse_can_be_switched_off_and_resources_given_in_one_go():
    task = TaskTemplate(name="t", interface=EMPTY, reusable=ReusePolicy())
    other = task.override(reusable="off", resources=Resources(cpu=1))
    assert other.reusable is None
    assert other.resources == Resources(cpu=1)


def test_reuse_of_a_wrong_type_is_refused():
    with pytest.raises(TypeError, match="a ReusePolicy or 'off'"):
        TaskTemplate(name="t", interface=EMPTY).override(reusable="on")


# ---- calling outside of a run ----------------------------------------------------------------------------


def double(x: int) -> int:
    return 2 * x


async def triple(x: int) -> int:
    return 3 * x


def function_task(func, **kwargs):
    return AsyncFunctionTaskTemplate(
        name=func.__name__, func=func, interface=NativeInterface.from_callable(func), **kwargs
    )


def test_outside_of_a_run_a_task_is_its_function():
    assert function_task(double)(4) == 8
    assert inspect.iscoroutine(coroutine := function_task(triple)(x=2))
    assert asyncio.run(coroutine) == 6


def test_outside_of_a_run_aio_awaits_both_kinds():
    async def main():
        return await function_task(double).aio(2), await function_task(triple).aio(2)

    assert asyncio.run(main()) == (4, 6)


def test_outside_of_a_run_a_template_runs_its_execute():
    class Echo(TaskTemplate):
        async def execute(self, *args, **kwargs):
            return args, kwargs

    interface = NativeInterface({}, {})
    assert asyncio.run(Echo(name="e", interface=interface)(1, a=2)) == ((1,), {"a": 2})
    assert Echo(name="e", interface=interface, _call_as_synchronous=True)(1) == ((1,), {})


def test_an_error_outside_of_a_run_is_the_function_s_own():
    def fails() -> None:
        raise ZeroDivisionError("by nought")

    with pytest.raises(ZeroDivisionError):
        function_task(fails)()


def test_source_file_is_the_function_s():
    assert function_task(double).source_file == __file__
    assert TaskTemplate(name="t", interface=EMPTY).source_file is None


def test_defaults_are_those_of_the_reference():
    task = TaskTemplate(name="t", interface=EMPTY)
    assert (task.task_type, task.task_type_version, task.report, task.debuggable) == ("python", 0, False, False)
    assert task.max_inline_io_bytes == MAX_INLINE_IO_BYTES
    assert function_task(double).debuggable is True


def test_the_template_errors_are_all_ours():
    with pytest.raises(FlyteCoreError):
        TaskTemplate(name="t", interface=EMPTY).override(image="x")
