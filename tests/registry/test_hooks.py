"""Who answers a hook, in which order, and what its errors say."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import warnings

import pytest

from flyte_core.errors import (
    HookCallError,
    HookError,
    PluginError,
    PluginNotFoundError,
    RuntimeUserError,
    SerializationError,
)
from flyte_core.hookcall import HookCall
from flyte_core.template import TaskTemplate

TASKS = "flyte_core.task_types"
HOOKS = "flyte_core.hooks"

SCTX = object()

HEAD = """
import asyncio
from flyte_core.hookspecs import hookimpl
from flyte_core.template import TaskTemplate
"""


@pytest.fixture
def owner(site):
    """Give a function that installs the owner of task type sql, and gives its module's name."""

    def install(source, **more):
        return site.plugin(TASKS, "sql", HEAD + source, dist="sql-dist", version="3.1", **more)

    return install


@pytest.fixture
def wrapper(site):
    def install(name, source, **more):
        return site.plugin(HOOKS, name, HEAD + source, dist=f"{name}-dist", **more)

    return install


OWNER_WITH_CLASS = """
class SQL(TaskTemplate):
    def config(self, sctx): return {"by": "inherited"}
    async def execute(self, *args, **kwargs): return "inherited"
@hookimpl
def task_template_class(task_type): return SQL
@hookimpl
def config(task, sctx): return {"by": "owner"}
@hookimpl
async def execute(task, args, kwargs): return "owner"
"""


def owner_class(registry):
    return registry.task_template_class("sql")


# ---- who answers ----------------------------------------------------------------------------------------------


def test_a_template_whose_type_nobody_claims_answers_itself(registry_of, template):
    class Own(TaskTemplate):
        def config(self, sctx):
            return {"sctx": sctx is SCTX}

    registry = registry_of()
    task = template(Own, task_type="unheard")
    hooks = registry.hooks_for(task)
    assert registry.owner("unheard") is None
    assert hooks.config(task, SCTX) == {"sctx": True}
    assert hooks.container_args(task, SCTX) == []
    assert hooks.sql(task, SCTX) is None
    assert hooks.chain("config")[0].endswith("Own.config")


def test_the_owners_function_wins_over_its_class_own_method(owner, registry_of, template):
    owner(OWNER_WITH_CLASS)
    registry = registry_of()
    task = template(owner_class(registry))
    assert registry.hooks_for(task).config(task, SCTX) == {"by": "owner"}
    assert registry.hooks_for(task).chain("config") == (f"task type 'sql' of sql-dist 3.1 ({type(task).__module__})",)


def test_the_hooks_of_one_type_and_class_are_made_once(owner, registry_of, template):
    owner(OWNER_WITH_CLASS)
    registry = registry_of()
    cls = owner_class(registry)
    assert registry.hooks_for(template(cls)) is registry.hooks_for(template(cls, name="env.other"))


def test_an_override_below_the_owners_class_wins_over_the_owners_function(owner, registry_of, template):
    owner(OWNER_WITH_CLASS)
    registry = registry_of()

    class Third(owner_class(registry)):
        def config(self, sctx):
            return {"by": "third party"}

    task = template(Third)
    hooks = registry.hooks_for(task)
    assert hooks.config(task, SCTX) == {"by": "third party"}
    assert asyncio.run(_await(hooks.execute(task, (), {}))) == "owner"


def test_a_mixin_before_the_owners_class_is_an_override_and_one_behind_is_not(owner, registry_of, template):
    owner(OWNER_WITH_CLASS)
    registry = registry_of()
    sql = owner_class(registry)

    class Mixin:
        def config(self, sctx):
            return {"by": "mixin"}

    before, behind = template(type("Before", (Mixin, sql), {})), template(type("Behind", (sql, Mixin), {}))
    assert registry.hooks_for(before).config(before, SCTX) == {"by": "mixin"}
    assert registry.hooks_for(behind).config(behind, SCTX) == {"by": "owner"}


def test_the_owners_function_is_not_asked_for_templates_of_another_class(owner, registry_of, template):
    owner(OWNER_WITH_CLASS)
    registry = registry_of()

    class Foreign(TaskTemplate):
        async def execute(self, *args, **kwargs):
            return "foreign"

    task = template(Foreign)
    hooks = registry.hooks_for(task)
    assert hooks.config(task, SCTX) == {}
    assert asyncio.run(_await(hooks.execute(task, (), {}))) == "foreign"


def test_an_owner_without_a_class_is_asked_for_every_template_of_its_type(owner, registry_of, template):
    owner("@hookimpl\ndef config(task, sctx): return {'by': 'owner'}")
    registry = registry_of()

    class Overrides(TaskTemplate):
        def config(self, sctx):
            return {"by": "template"}

    plain, overriding = template(TaskTemplate), template(Overrides)
    assert registry.task_template_class("sql") is TaskTemplate
    assert registry.hooks_for(plain).config(plain, SCTX) == {"by": "owner"}
    assert registry.hooks_for(overriding).config(overriding, SCTX) == {"by": "template"}


@pytest.mark.parametrize("hook", ["sql", "data_loading_config", "config"])
def test_an_override_that_returns_none_has_answered(owner, wrapper, registry_of, template, hook):
    owner(f"@hookimpl\ndef {hook}(task, sctx): return 'owner'")

    class Silent(TaskTemplate): ...

    setattr(Silent, hook, lambda self, sctx: None)
    task = template(Silent)
    assert getattr(registry_of().hooks_for(task), hook)(task, SCTX) is None
    wrapper("otel", f"@hookimpl(wrapper=True)\ndef {hook}(task, sctx):\n    return ('seen', (yield))")
    assert getattr(registry_of().hooks_for(task), hook)(task, SCTX) == ("seen", None)


def test_an_owners_synchronous_function_that_returns_none_leaves_the_answer_to_the_inherited_method(
    owner, registry_of, template
):
    owner(OWNER_WITH_CLASS.replace('return {"by": "owner"}', "return None"))
    registry = registry_of()
    task = template(owner_class(registry))
    assert registry.hooks_for(task).config(task, SCTX) == {"by": "inherited"}


def test_an_owners_asynchronous_function_that_returns_none_has_answered(owner, registry_of, template):
    owner(OWNER_WITH_CLASS.replace('return "owner"', "return None"))
    registry = registry_of()
    task = template(owner_class(registry))
    assert asyncio.run(_await(registry.hooks_for(task).execute(task, (), {}))) is None


def test_a_method_set_on_the_instance_is_what_is_called(registry_of, template):
    task = template(task_type="unheard")
    task.config = lambda sctx: {"by": "instance"}
    assert registry_of().hooks_for(task).config(task, SCTX) == {"by": "instance"}


def test_an_owner_may_order_its_parameters_as_it_likes(owner, registry_of, template):
    owner(
        "@hookimpl\ndef config(sctx, task): return {'task': task.name}\n"
        "@hookimpl\nasync def execute(kwargs, task, args): return (task.name, args, kwargs)"
    )
    task = template()
    hooks = registry_of().hooks_for(task)
    assert hooks.config(task, SCTX) == {"task": "env.task"}
    assert asyncio.run(_await(hooks.execute(task, (1,), {"a": 2}))) == ("env.task", (1,), {"a": 2})


def test_one_module_may_own_several_types(site, registry_of, template):
    module = site.plugin(
        TASKS,
        "a",
        HEAD
        + "class A(TaskTemplate): ...\nclass B(TaskTemplate): ...\n@hookimpl\ndef task_template_class(task_type): return {'a': A, 'b': B}[task_type]",
    )
    site.install("dist-a", {TASKS: {"a": module, "b": module}})
    registry = registry_of()
    assert [registry.task_template_class(t).__name__ for t in registry.task_types()] == ["A", "B"]


@pytest.mark.parametrize("answer", ["7", "int", "'TaskTemplate'"])
def test_a_template_class_that_is_none_is_refused(owner, registry_of, template, answer):
    owner(f"@hookimpl\ndef task_template_class(task_type): return {answer}")
    with pytest.raises(PluginError, match=r"sql-dist 3\.1.*subclass of flyte_core\.template\.TaskTemplate"):
        registry_of().task_template_class("sql")


def test_the_class_of_a_type_that_nobody_claims_is_an_error_until_it_is_installed(owner, registry_of, template):
    registry = registry_of()
    task = template()
    assert registry.hooks_for(task).config(task, SCTX) == {}
    with pytest.raises(PluginNotFoundError, match="pip install flyte-core-sql"):
        registry.task_template_class("sql")
    owner(OWNER_WITH_CLASS)
    assert owner_class(registry).__name__ == "SQL"
    task = template(owner_class(registry))
    assert registry.hooks_for(task).config(task, SCTX) == {"by": "owner"}


# ---- asynchronous hooks ---------------------------------------------------------------------------------------------


async def _await(awaitable):
    return await awaitable


_variable = contextvars.ContextVar("variable", default="unset")


class _Methods(TaskTemplate):
    log = ()

    async def pre(self, *args, **kwargs):
        return {"args": args, "kwargs": kwargs, "main": threading.current_thread() is threading.main_thread()}

    async def execute(self, *args, **kwargs):
        return (args, kwargs)

    async def post(self, return_vals):
        return ("post", return_vals)


class _PlainMethods(TaskTemplate):
    def pre(self, *args, **kwargs):
        return {"kwargs": kwargs, "main": threading.current_thread() is threading.main_thread()}

    def execute(self, *args, **kwargs):
        return (_variable.get(), threading.current_thread() is threading.main_thread())

    def post(self, return_vals):
        async def later():
            return ("post", return_vals, threading.current_thread() is threading.main_thread())

        return later()


def test_asynchronous_methods_are_awaited_with_their_arguments(registry_of, template):
    task = template(_Methods)
    hooks = registry_of().hooks_for(task)
    assert asyncio.run(_await(hooks.pre(task, (1,), {"x": 2}))) == {"args": (1,), "kwargs": {"x": 2}, "main": True}
    assert asyncio.run(_await(hooks.execute(task, (1,), {"x": 2}))) == ((1,), {"x": 2})
    assert asyncio.run(_await(hooks.post(task, 3))) == ("post", 3)


def test_plain_methods_run_in_a_worker_thread_with_the_context_and_what_they_give_is_awaited(registry_of, template):
    task = template(_PlainMethods)
    hooks = registry_of().hooks_for(task)

    async def main():
        _variable.set("set")
        return await hooks.pre(task, (), {"x": 1}), await hooks.execute(task, (), {}), await hooks.post(task, 5)

    assert asyncio.run(main()) == ({"kwargs": {"x": 1}, "main": False}, ("set", False), ("post", 5, True))


def test_a_plain_function_of_an_owner_runs_in_a_worker_thread(owner, registry_of, template):
    owner(
        "import threading\n"
        "def here(): return threading.current_thread() is threading.main_thread()\n"
        "@hookimpl\ndef execute(task, args, kwargs): return here()\n"
        "@hookimpl\ndef post(return_vals, task):\n"
        "    async def later(): return (return_vals, here())\n"
        "    return later()\n"
    )
    task = template()
    hooks = registry_of().hooks_for(task)
    assert asyncio.run(_await(hooks.execute(task, (), {}))) is False
    assert asyncio.run(_await(hooks.post(task, 1))) == (1, True)


@pytest.mark.parametrize("cls", [_Methods, _PlainMethods])
def test_a_call_runs_nothing_until_it_is_awaited_and_only_once(registry_of, template, cls):
    task = template(cls)
    call = registry_of().hooks_for(task).execute(task, (), {})
    assert isinstance(call, HookCall)
    assert not call.started

    async def main():
        await call
        with pytest.raises(HookCallError, match="awaited twice"):
            await call

    asyncio.run(main())


def _no_warnings(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_a_dropped_call_runs_nothing_and_warns_of_nothing(owner, wrapper, registry_of, template):
    owner("ran = []\n@hookimpl\nasync def execute(task, args, kwargs): ran.append(1)")
    wrapper(
        "otel",
        "@hookimpl(wrapper=True)\ndef execute(task, args, kwargs):\n    call = yield\n    async def run(): return await call\n    return run()",
    )
    registry = registry_of()
    task = template()
    _no_warnings(lambda: registry.hooks_for(task).execute(task, (), {}))
    assert registry.owner("sql").module.ran == []


# ---- wrappers ---------------------------------------------------------------------------------------------------------


OBSERVER = """
@hookimpl(wrapper=True)
def config(task, sctx):
    return {{"{name}": (yield)}}
@hookimpl(wrapper=True)
def execute(task, args, kwargs):
    call = yield
    async def run():
        return ("{name}", await call)
    return run()
"""


def test_wrappers_run_round_everything_in_the_order_of_their_names(wrapper, registry_of, template):
    for name in ("m", "z", "a"):
        wrapper(name, OBSERVER.format(name=name))
    task = template(_Methods)
    hooks = registry_of().hooks_for(task)
    assert hooks.config(task, SCTX) == {"a": {"m": {"z": {}}}}
    assert asyncio.run(_await(hooks.execute(task, (), {"x": 1}))) == ("a", ("m", ("z", ((), {"x": 1}))))
    assert hooks.chain("config") == (
        "wrapper hooks:a",
        "wrapper hooks:m",
        "wrapper hooks:z",
        "method TaskTemplate.config",
    )


def test_wrappers_run_round_the_owners_function_and_round_overrides(owner, wrapper, registry_of, template):
    owner(OWNER_WITH_CLASS)
    wrapper("w", OBSERVER.format(name="w"))
    registry = registry_of()
    task = template(owner_class(registry))
    assert registry.hooks_for(task).config(task, SCTX) == {"w": {"by": "owner"}}
    other = template(type("Other", (owner_class(registry),), {"config": lambda self, sctx: "override"}))
    assert registry.hooks_for(other).config(other, SCTX) == {"w": "override"}
    assert asyncio.run(_await(registry.hooks_for(task).execute(task, (), {}))) == ("w", "owner")


def test_a_wrapper_that_never_awaits_its_call_replaces_it(wrapper, registry_of, template):
    wrapper(
        "cached",
        "@hookimpl(wrapper=True)\ndef execute(task, args, kwargs):\n    yield\n    async def run(): return 'replaced'\n    return run()",
    )
    ran = []

    class Body(TaskTemplate):
        async def execute(self, *args, **kwargs):
            ran.append(1)

    task = template(Body)
    hooks = registry_of().hooks_for(task)
    results = []
    _no_warnings(lambda: results.append(asyncio.run(_await(hooks.execute(task, (), {})))))
    assert (results, ran) == (["replaced"], [])


def test_a_wrapper_may_return_the_call_itself(wrapper, registry_of, template):
    wrapper("lazy", "@hookimpl(wrapper=True)\ndef execute(task, args, kwargs):\n    call = yield\n    return call")
    task = template(_Methods)
    assert asyncio.run(_await(registry_of().hooks_for(task).execute(task, (7,), {}))) == ((7,), {})


def test_awaiting_a_wrapped_call_twice_is_an_error(wrapper, registry_of, template):
    wrapper(
        "w",
        "@hookimpl(wrapper=True)\ndef execute(task, args, kwargs):\n    call = yield\n    async def run():\n        await call\n        return await call\n    return run()",
    )
    task = template(_Methods)
    with pytest.raises(HookCallError):
        asyncio.run(_await(registry_of().hooks_for(task).execute(task, (), {})))


@pytest.mark.parametrize("result", ["None", "7", "run"])
def test_a_wrapper_of_an_asynchronous_hook_that_returns_no_awaitable_is_told_so(wrapper, registry_of, template, result):
    wrapper(
        "bad",
        f"async def run(): ...\n@hookimpl(wrapper=True)\ndef execute(task, args, kwargs):\n    yield\n    return {result}",
    )
    task = template(_Methods)
    with pytest.raises(HookError, match=r"execute.*env\.task.*'bad' of bad-dist 1\.0.*returns an awaitable"):
        registry_of().hooks_for(task).execute(task, (), {})


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("if 0: yield\n    return 1", "without reaching its yield"),
        ("yield\n    yield\n    return 1", "yields more than once"),
    ],
)
def test_a_wrapper_that_does_not_yield_once_is_told_so(wrapper, registry_of, template, body, part):
    wrapper("bad", f"@hookimpl(wrapper=True)\ndef config(task, sctx):\n    {body}")
    task = template()
    with pytest.raises(HookError, match=f"bad-dist.*{part}"):
        registry_of().hooks_for(task).config(task, SCTX)


def test_core_hooks_are_the_implementation_itself_without_wrappers(registry_of, template):
    def implementation(*args):
        return args

    registry = registry_of()
    assert registry.hooks_for(template()).wrap("run_task", implementation) is implementation
    assert registry.wrap("build_image", implementation) is implementation


def test_core_hooks_are_wrapped_by_position(wrapper, registry_of, template):
    wrapper(
        "w",
        "@hookimpl(wrapper=True)\ndef run_task(task, inputs):\n    call = yield\n    async def run(): return ('run', inputs, await call)\n    return run()\n"
        "@hookimpl(wrapper=True)\ndef serialize_task(task, sctx):\n    return ('serialized', (yield))\n"
        "@hookimpl(wrapper=True)\ndef build_image(image, builder):\n    call = yield\n    async def run(): return (builder, await call)\n    return run()\n",
    )

    async def run(task, inputs):
        return inputs["x"]

    async def build(image, builder):
        return image

    registry = registry_of()
    task = template()
    hooks = registry.hooks_for(task)
    assert asyncio.run(_await(hooks.wrap("run_task", run)(task, {"x": 1}))) == ("run", {"x": 1}, 1)
    assert hooks.wrap("serialize_task", lambda task, sctx: None)(task, SCTX) == ("serialized", None)
    assert asyncio.run(_await(registry.wrap("build_image", build)("img", "docker"))) == ("docker", "img")


def test_only_core_hooks_can_be_wrapped_without_a_task(registry_of):
    with pytest.raises(ValueError, match="build_image"):
        registry_of().wrap("config", lambda: None)


# ---- collected hooks ------------------------------------------------------------------------------------------------------


def test_without_plugins_nobody_answers_the_collected_hooks(registry_of, template):
    task = template()
    hooks = registry_of().hooks_for(task)
    assert not hooks.has_child_context
    assert not hooks.has_modify_task_spec
    assert hooks.child_context(task) == {}
    assert hooks.modify_task_spec(task, SCTX, []) is None


def collected(name):
    return (
        f"@hookimpl\ndef child_context(task): return {{'last': '{name}', '{name}': task.name}}\n"
        f"@hookimpl\ndef modify_task_spec(task, sctx, spec): spec.append('{name}'); return 'ignored'\n"
    )


def test_collected_hooks_ask_everybody_in_the_order_of_the_names(owner, wrapper, registry_of, template):
    for name in ("z", "a"):
        wrapper(name, collected(name))
    owner(collected("owner"))
    task = template()
    hooks = registry_of().hooks_for(task)
    assert hooks.has_child_context
    assert hooks.has_modify_task_spec
    assert hooks.child_context(task) == {"last": "z", "a": "env.task", "owner": "env.task", "z": "env.task"}
    spec = []
    assert hooks.modify_task_spec(task, SCTX, spec) is None
    assert spec == ["a", "owner", "z"]


def test_the_owners_collected_hooks_are_for_its_class_only(owner, wrapper, registry_of, template):
    owner(OWNER_WITH_CLASS + collected("owner"))
    wrapper("a", collected("a"))
    registry = registry_of()
    foreign, own = template(TaskTemplate), template(owner_class(registry))
    assert registry.hooks_for(foreign).child_context(foreign) == {"last": "a", "a": "env.task"}
    assert registry.hooks_for(own).child_context(own)["last"] == "owner"


def test_collected_hooks_can_be_wrapped(owner, wrapper, registry_of, template):
    owner(OWNER_WITH_CLASS + collected("owner"))
    wrapper("a", collected("a"))
    wrapper("w", "@hookimpl(wrapper=True)\ndef child_context(task):\n    return [*(yield), {'w': 'x'}]\n")
    registry = registry_of()
    own, foreign = template(owner_class(registry)), template(TaskTemplate)
    assert registry.hooks_for(own).child_context(own) == {
        "last": "owner",
        "a": "env.task",
        "owner": "env.task",
        "w": "x",
    }
    assert registry.hooks_for(foreign).child_context(foreign) == {"last": "a", "a": "env.task", "w": "x"}


@pytest.mark.parametrize("answer", ["{'a': 1}", "{1: 'a'}", "['a']", "'ab'"])
def test_a_child_context_of_anything_but_text_names_its_plugin(wrapper, registry_of, template, answer):
    wrapper("bad", f"@hookimpl\ndef child_context(task): return {answer}")
    task = template()
    with pytest.raises(HookError, match=r"child_context.*env\.task.*bad-dist 1\.0.*mapping from str to str"):
        registry_of().hooks_for(task).child_context(task)


def test_a_child_context_wrapper_that_returns_no_list_names_its_plugin(wrapper, registry_of, template):
    wrapper("bad", "@hookimpl(wrapper=True)\ndef child_context(task):\n    yield\n    return {}")
    task = template()
    with pytest.raises(HookError, match=r"bad-dist.*list of mappings"):
        registry_of().hooks_for(task).child_context(task)


# ---- errors -------------------------------------------------------------------------------------------------------------------


def _check_hook_error(error, *, plugin, distribution, version, hook):
    assert (error.plugin, error.distribution, error.version) == (plugin, distribution, version)
    assert (error.hook, error.task) == (hook, "env.task")
    assert isinstance(error.__cause__, ZeroDivisionError)
    for part in (plugin, distribution, version, hook, "env.task", "ZeroDivisionError"):
        assert part in str(error)


@pytest.mark.parametrize("with_wrapper", [False, True])
def test_what_an_owners_hook_raises_names_everything(owner, wrapper, registry_of, template, with_wrapper):
    owner(
        "@hookimpl\ndef config(task, sctx): 1 / 0\n@hookimpl\nasync def execute(task, args, kwargs): 1 / 0\n@hookimpl\ndef post(task, return_vals): 1 / 0"
    )
    if with_wrapper:
        wrapper("w", OBSERVER.format(name="w"))
    task = template()
    hooks = registry_of().hooks_for(task)
    for hook, call in {
        "config": lambda: hooks.config(task, SCTX),
        "execute": lambda: asyncio.run(_await(hooks.execute(task, (), {}))),
        "post": lambda: asyncio.run(_await(hooks.post(task, 1))),
    }.items():
        with pytest.raises(HookError) as caught:
            call()
        _check_hook_error(caught.value, plugin="sql", distribution="sql-dist", version="3.1", hook=hook)


@pytest.mark.parametrize(
    ("hook", "source"),
    [
        ("config", "def config(task, sctx):\n    1 / 0\n    yield"),
        ("config", "def config(task, sctx):\n    yield\n    1 / 0"),
        ("execute", "def execute(task, args, kwargs):\n    1 / 0\n    yield"),
        ("execute", "def execute(task, args, kwargs):\n    yield\n    1 / 0"),
        (
            "execute",
            "def execute(task, args, kwargs):\n    call = yield\n    async def run():\n        await call\n        1 / 0\n    return run()",
        ),
    ],
    ids=["before", "after", "before-async", "after-async", "in-run"],
)
def test_what_a_wrapper_raises_names_everything(wrapper, registry_of, template, hook, source):
    wrapper("a-outer", OBSERVER.format(name="outer"))
    wrapper("w", f"@hookimpl(wrapper=True)\n{source}")
    task = template(_Methods)
    hooks = registry_of().hooks_for(task)
    with pytest.raises(HookError) as caught:
        hooks.config(task, SCTX) if hook == "config" else asyncio.run(_await(hooks.execute(task, (), {})))
    _check_hook_error(caught.value, plugin="w", distribution="w-dist", version="1.0", hook=hook)


class _Fails(TaskTemplate):
    error: Exception = ZeroDivisionError("the task's own")

    def config(self, sctx):
        raise self.error

    async def execute(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize("with_wrappers", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("own"),
        RuntimeUserError("Code", "own"),
        StopAsyncIteration(),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
    ],
)
def test_what_the_template_raises_passes_through_unchanged(wrapper, registry_of, template, with_wrappers, error):
    if with_wrappers:
        for name in ("a", "b"):
            wrapper(name, OBSERVER.format(name=name))
    cls = type("Fails", (_Fails,), {"error": error, "__annotations__": {}})
    task = template(cls)
    hooks = registry_of().hooks_for(task)
    with pytest.raises(type(error)) as caught:
        hooks.config(task, SCTX)
    assert caught.value is error

    async def main():
        try:
            await hooks.execute(task, (), {})
        except BaseException as raised:
            return raised

    assert asyncio.run(main()) is error


def test_a_wrapper_may_turn_the_error_of_a_synchronous_hook_into_an_answer(wrapper, registry_of, template):
    wrapper(
        "w",
        "@hookimpl(wrapper=True)\ndef config(task, sctx):\n    try: return (yield)\n    except ZeroDivisionError: return {'saved': 'yes'}",
    )
    task = template(_Fails)
    assert registry_of().hooks_for(task).config(task, SCTX) == {"saved": "yes"}


def test_an_error_of_ours_stays_itself_and_names_the_plugin_when_it_names_none(owner, registry_of, template):
    owner(
        "from flyte_core.errors import PluginError, SerializationError\n"
        "@hookimpl\ndef config(task, sctx): raise SerializationError('as it is')\n"
        "@hookimpl\ndef sql(task, sctx): raise PluginError('whose?')\n"
    )
    task = template()
    hooks = registry_of().hooks_for(task)
    with pytest.raises(SerializationError, match=r"^as it is$"):
        hooks.config(task, SCTX)
    with pytest.raises(PluginError) as caught:
        hooks.sql(task, SCTX)
    assert (caught.value.plugin, caught.value.distribution) == ("sql", "sql-dist")


def test_hooks_are_the_same_object_for_threads_that_ask_at_once(owner, wrapper, registry_of, template):
    owner(OWNER_WITH_CLASS)
    wrapper("w", OBSERVER.format(name="w"))
    registry = registry_of()
    barrier = threading.Barrier(8)
    found = []

    def ask():
        task = template(task_type="sql")
        barrier.wait()
        found.append(registry.hooks_for(task))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(hooks) for hooks in found}) == 1
