"""flyte_core.environment: validation, the task decorator, clones, dependencies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flyte_core import (
    Cache,
    Cron,
    Environment,
    Image,
    Resources,
    RetryStrategy,
    ReusePolicy,
    TaskEnvironment,
    Timeout,
    Trigger,
)
from flyte_core.errors import InvalidValueError, PluginNotFoundError
from flyte_core.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry, TaskTemplate
from flyte_core.models import Documentation, NativeInterface


@pytest.mark.parametrize("name", ["a", "a1", "my_env", "my-env", "a-b_c"])
def test_names_in_snake_or_kebab_case_are_taken(name):
    assert TaskEnvironment(name).name == name


@pytest.mark.parametrize("name", ["", "My", "a b", "-a", "a-", "a__b", "ä", "a.b", 3])
def test_other_names_are_refused(name):
    with pytest.raises(InvalidValueError, match="snake_case or kebab-case"):
        TaskEnvironment(name)


WRONG = {
    "image": 3,
    "secrets": 3,
    "resources": "1",
    "env_vars": [("A", "1")],
    "pod_template": 3,
    "reusable": True,
    "cache": 5,
    "depends_on": ["a"],
}


@pytest.mark.parametrize("field", WRONG)
def test_a_value_of_a_wrong_type_is_refused_by_name(field):
    with pytest.raises(TypeError, match=field):
        TaskEnvironment("env", **{field: WRONG[field]})


def test_an_environment_variable_that_is_no_text_is_refused_without_showing_its_value():
    with pytest.raises(TypeError, match=r"env_vars\['A'\]") as raised:
        TaskEnvironment("env", env_vars={"A": 123456})
    assert "123456" not in str(raised.value)


def test_a_wrong_cache_word_is_refused():
    with pytest.raises(ValueError, match="sometimes"):
        TaskEnvironment("env", cache="sometimes")


def test_the_decorator_takes_every_option():
    env = TaskEnvironment("env", queue="of-env")
    daily = Trigger("daily", Cron("0 5 * * *"))

    @env.task(
        short_name="short",
        cache="auto",
        retries=RetryStrategy(count=2),
        timeout=Timeout(max_runtime=timedelta(days=1)),
        docs=Documentation(description="d"),
        pod_template="p",
        report=True,
        interruptible=True,
        max_inline_io_bytes=5,
        queue="own",
        triggers=daily,
    )
    async def work(x: int) -> int:
        """Ignored."""
        return x

    assert type(work) is AsyncFunctionTaskTemplate
    assert (work.name, work.short_name, work.cache, work.retries.count) == ("env.work", "short", Cache("auto"), 2)
    assert (work.docs.description, work.pod_template, work.report, work.interruptible) == ("d", "p", True, True)
    assert (work.max_inline_io_bytes, work.queue, work.triggers) == (5, "own", (daily,))
    assert env.tasks == {"env.work": work}


def test_what_the_decorator_is_not_given_comes_from_the_environment():
    env = TaskEnvironment(
        "env",
        image="a:v1",
        resources=Resources(cpu=1),
        env_vars={"A": "1"},
        secrets="s",
        interruptible=True,
        cache="auto",
    )

    @env.task
    def work() -> None:
        """What it does.

        More.
        """

    assert work.image == Image.from_base("a:v1")
    assert (work.resources, work.env_vars, work.secrets) == (Resources(cpu=1), {"A": "1"}, "s")
    assert (work.interruptible, work.cache) == (True, Cache("auto"))
    assert work.docs.description.startswith("What it does.")
    assert work.parent_env() is env


def test_something_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match="a function"):
        TaskEnvironment("env").task(3)


def test_a_reusable_environment_refuses_a_pod_template_of_a_task():
    with pytest.raises(ValueError, match="pod_template"):
        TaskEnvironment("env", reusable=ReusePolicy()).task(pod_template="p")


def test_a_reusable_environment_with_concurrency_takes_coroutines_only():
    env = TaskEnvironment("env", reusable=ReusePolicy(concurrency=2))
    with pytest.raises(ValueError, match="async function"):

        @env.task
        def work() -> None: ...


def test_a_configuration_without_a_plugin_is_an_error_that_names_its_class():
    class Unheard:
        pass

    env = TaskEnvironment("env", plugin_config=Unheard())
    with pytest.raises(PluginNotFoundError, match="Unheard"):

        @env.task
        def work() -> None: ...


def test_a_configuration_selects_the_class_registered_for_its_base():
    class Config:
        pass

    class Derived(Config):
        pass

    class Plugin(AsyncFunctionTaskTemplate):
        pass

    TaskPluginRegistry.register(Config, Plugin)
    env = TaskEnvironment("env", plugin_config=Derived())

    @env.task
    def work() -> None: ...

    assert type(work) is Plugin
    assert work.plugin_config is env.plugin_config


def test_clone_with_takes_every_field_and_shares_no_list():
    other = TaskEnvironment("other")
    env = TaskEnvironment("env", reusable=ReusePolicy(), queue="q", depends_on=[other])
    clone = env.clone_with("clone", reusable=None, queue="q2", pod_template="p2")
    assert (clone.reusable, clone.queue, clone.pod_template, clone.name) == (None, "q2", "p2", "clone")
    clone.add_dependency(TaskEnvironment("third"))
    assert [e.name for e in env.depends_on] == ["other"]


def test_clone_with_refuses_unknown_fields():
    with pytest.raises(TypeError, match="'colour'"):
        TaskEnvironment("env").clone_with("other", colour="red")


def test_a_dependency_is_added_once_and_never_on_itself():
    a, b = Environment("a"), Environment("b")
    b.add_dependency(a, a)
    b.add_dependency(a)
    assert b.depends_on == [a]
    with pytest.raises(ValueError, match="cannot depend on itself"):
        b.add_dependency(b)


def test_from_task_refuses_something_that_is_no_task():
    with pytest.raises(TypeError, match="task templates"):
        TaskEnvironment.from_task("env", print)


def test_from_task_gives_a_task_without_a_container_an_environment():
    task = TaskTemplate(name="t", image=None, interface=NativeInterface({}, {}))
    env = TaskEnvironment.from_task("env", task)
    assert env.image == "auto"
    assert task.parent_env_name == "env"
