"""What is refused in a plugin's hooks, and that the faults come all at once."""

from __future__ import annotations

import logging

import pytest

from flyte_core.errors import HookValidationError, PluginLoadError, RequiredPluginError

TASKS = "flyte_core.task_types"
HOOKS = "flyte_core.hooks"

HEAD = "from flyte_core.hookspecs import hookimpl\n"

OWNER_FAULTS = {
    "unknown": ("@hookimpl\ndef confg(task, sctx): ...", "confg: there is no such hook; did you mean config?"),
    "unmarked": ("def custom_config(task, sctx): ...", "custom_config: has a hook's name but is not marked"),
    "missing": ("@hookimpl\ndef sql(task): ...", "sql: parameter 'sctx' is missing"),
    "extra": ("@hookimpl\ndef sql(task, sctx, more): ...", "sql: parameter 'more' is not the hook's"),
    "stars": ("@hookimpl\ndef sql(task, sctx, *args, **kwargs): ...", "sql: parameter '**kwargs' is not the hook's"),
    "defaulted": ("@hookimpl\ndef sql(task, sctx=None): ...", "sql: parameter 'sctx' has a default"),
    "keyword-only": ("@hookimpl\ndef sql(task, *, sctx): ...", "sql: parameter 'sctx' has to be an ordinary one"),
    "async": ("@hookimpl\nasync def sql(task, sctx): ...", "sql: is async def, but the hook is synchronous"),
    "generator": ("@hookimpl\ndef sql(task, sctx): yield", "sql: yields but is not marked with wrapper=True"),
    "async generator": ("@hookimpl\nasync def execute(task, args, kwargs): yield", "execute: yields but is not marked"),
    "wrapper": ("@hookimpl(wrapper=True)\ndef sql(task, sctx): yield", "sql: a wrapper runs round every task type"),
    "core": ("@hookimpl\ndef run_task(task, inputs): ...", "run_task: the core answers this hook"),
    "order": ("@hookimpl(tryfirst=True)\ndef sql(task, sctx): ...", "sql: tryfirst and trylast"),
    "twice": (
        "@hookimpl\ndef sql(task, sctx): ...\n@hookimpl(specname='sql')\ndef b(task, sctx): ...",
        "sql: implemented twice",
    ),
}

WRAPPER_FAULTS = {
    "no wrapper": (
        "@hookimpl\ndef sql(task, sctx): ...",
        "sql: a plugin of the group flyte_core.hooks wraps this hook",
    ),
    "no generator": ("@hookimpl(wrapper=True)\ndef sql(task, sctx): ...", "sql: is a wrapper but no generator"),
    "async": (
        "@hookimpl(wrapper=True)\nasync def execute(task, args, kwargs): yield",
        "execute: a wrapper is a plain generator",
    ),
    "async no generator": (
        "@hookimpl(wrapper=True)\nasync def execute(task, args, kwargs): ...",
        "execute: a wrapper is a plain generator",
    ),
    "old style": (
        "@hookimpl(hookwrapper=True)\ndef sql(task, sctx): yield",
        "sql: hookwrapper=True is pluggy's old style",
    ),
    "owner's": (
        "@hookimpl\ndef task_template_class(task_type): ...",
        "task_template_class: only the owner of a task type",
    ),
}


@pytest.mark.parametrize(("source", "fault"), OWNER_FAULTS.values(), ids=OWNER_FAULTS.keys())
def test_a_fault_of_an_owner_is_named(site, registry_of, template, source, fault):
    module = site.plugin(TASKS, "sql", HEAD + source, dist="bad", version="4.2")
    registry = registry_of()
    for _ in range(2):
        with pytest.raises(HookValidationError) as caught:
            registry.hooks_for(template())
        assert any(line.startswith(fault) for line in caught.value.faults)
        assert f"task type 'sql' of bad 4.2 ({module})" in str(caught.value)
        assert fault in str(caught.value)
    assert [info.state for info in registry.plugins()] == ["broken"]


@pytest.mark.parametrize(("source", "fault"), WRAPPER_FAULTS.values(), ids=WRAPPER_FAULTS.keys())
def test_a_fault_of_a_cross_cutting_plugin_is_named(site, registry_of, template, source, fault):
    site.plugin(HOOKS, "policy", HEAD + source)
    with pytest.raises(RequiredPluginError) as caught:
        registry_of(require=["policy"]).hooks_for(template())
    assert any(line.startswith(fault) for line in caught.value.__cause__.faults)


def test_all_faults_are_reported_together(site, registry_of, template):
    sources = [source for key, (source, _) in OWNER_FAULTS.items() if key in ("unknown", "unmarked", "missing", "core")]
    site.plugin(TASKS, "sql", HEAD + "\n".join(sources))
    with pytest.raises(HookValidationError) as caught:
        registry_of().owner("sql")
    assert sorted(fault.partition(":")[0] for fault in caught.value.faults) == [
        "confg",
        "custom_config",
        "run_task",
        "sql",
    ]


def test_what_only_looks_like_a_hook_is_let_be(site, registry_of):
    site.module("throwaway_requests", "def post(url): ...\n")
    site.plugin(
        TASKS,
        "sql",
        HEAD + "from throwaway_requests import post\nconfig = {'a': 1}\nclass execute: ...\n"
        "@hookimpl(optionalhook=True)\ndef hook_of_a_newer_core(task): ...\n"
        "@hookimpl(specname='sql')\ndef my_sql(task, sctx): return 'select 1'\n",
    )
    assert registry_of().owner("sql").function("sql") is not None


def test_an_entry_point_for_hooks_has_to_name_a_module(site, registry_of):
    site.install(
        "p", {TASKS: {"sql": "throwaway_nomodule:Plugin"}}, modules={"throwaway_nomodule": "class Plugin: ..."}
    )
    with pytest.raises(PluginLoadError, match="is no module"):
        registry_of().owner("sql")


# ---- isolation ---------------------------------------------------------------------------------------------------------


GOOD = HEAD + "@hookimpl\ndef child_context(task): return {'good': 'yes'}"


@pytest.mark.parametrize(
    "source",
    ["1 / 0", HEAD + "@hookimpl\ndef confg(task): ...", "flyte_core_api = '>=9'"],
    ids=["import", "hooks", "version"],
)
def test_a_broken_cross_cutting_plugin_is_left_out_with_one_warning(site, registry_of, template, caplog, source):
    site.plugin(HOOKS, "bad", source)
    site.plugin(HOOKS, "good", GOOD)
    registry = registry_of()
    with caplog.at_level(logging.WARNING, "flyte_core"):
        for task_type in ("a", "b"):
            task = template(task_type=task_type)
            assert registry.hooks_for(task).child_context(task) == {"good": "yes"}
    (record,) = caplog.records
    assert "'bad' of dist-bad 1.0" in record.getMessage()
    assert [(info.name, info.state) for info in registry.plugins()] == [("bad", "broken"), ("good", "ready")]


def test_contested_cross_cutting_plugins_are_left_out_with_a_warning(site, registry_of, template, caplog):
    for dist in ("one", "two"):
        site.plugin(HOOKS, "same", GOOD, dist=dist)
    task = template()
    assert registry_of().hooks_for(task).child_context(task) == {}
    assert "claimed by one 1.0" in caplog.text
    assert registry_of(choose={"same": "two"}).hooks_for(task).child_context(task) == {"good": "yes"}


def test_a_blocked_cross_cutting_plugin_is_left_out_silently(site, registry_of, template, caplog):
    site.plugin(HOOKS, "otel", "raise AssertionError")
    task = template()
    assert registry_of(block=["otel"]).hooks_for(task).child_context(task) == {}
    assert caplog.text == ""


def test_a_broken_owner_hurts_only_its_own_type(site, registry_of, template):
    site.plugin(TASKS, "sql", "1 / 0")
    registry = registry_of()
    task = template(task_type="other")
    assert registry.hooks_for(task).config(task, None) == {}
    with pytest.raises(PluginLoadError):
        registry.hooks_for(template())


@pytest.mark.parametrize("key", ["policy", "hooks:policy"])
@pytest.mark.parametrize(
    ("source", "block", "part"),
    [
        (None, [], "no installed plugin has this name"),
        ("1 / 0", [], "ZeroDivisionError"),
        (GOOD, ["policy"], "is blocked by 'policy'"),
        (GOOD, ["hooks:policy"], "is blocked by 'hooks:policy'"),
    ],
    ids=["absent", "broken", "blocked", "blocked by kind"],
)
def test_a_required_plugin_that_cannot_be_used_stops_everything(site, registry_of, template, key, source, block, part):
    if source is not None:
        site.plugin(HOOKS, "policy", source)
    registry = registry_of(require=[key], block=block)
    for call in (lambda: registry.hooks_for(template()), lambda: registry.wrap("build_image", print)) * 2:
        with pytest.raises(RequiredPluginError, match=key) as caught:
            call()
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("policy", "install the distribution that provides it, or take 'policy' out of require"),
        ("hooks:otel", "run pip install flyte-core-otel, or take 'hooks:otel' out of require"),
    ],
)
def test_an_absent_required_plugin_says_what_to_do(site, registry_of, template, key, remedy):
    with pytest.raises(RequiredPluginError) as caught:
        registry_of(require=[key]).hooks_for(template())
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("source", "part"), [("1 / 0", "ZeroDivisionError"), (HEAD + "@hookimpl\ndef confg(task): ...", "confg")]
)
@pytest.mark.parametrize(("group", "kind"), [(HOOKS, "hooks"), ("flyte_core.task_types", "task")])
def test_checking_a_plugin_loads_and_verifies_it(site, registry_of, group, kind, source, part):
    site.plugin(group, "bad", source)
    with pytest.raises(PluginLoadError, match=part):
        registry_of().check(kind, "bad")


def test_checking_a_sound_plugin_gives_its_hooks(site, registry_of):
    site.plugin(HOOKS, "good", GOOD)
    site.plugin("flyte_core.executors", "exec", "")
    assert [hook.hook for hook in registry_of().check("hooks", "good").hooks] == ["child_context"]
    assert registry_of().check("executor", "exec") is None


def test_a_required_plugin_that_is_sound_lets_everything_run(site, registry_of, template):
    site.plugin(HOOKS, "policy", GOOD)
    site.plugin("flyte_core.executors", "exec", "raise AssertionError('not to be imported')")
    registry = registry_of(require=["policy", "executor:exec"])
    task = template()
    assert registry.hooks_for(task).child_context(task) == {"good": "yes"}
    assert [info.required for info in registry.plugins()] == [True, True]


def test_listing_imports_no_plugin(site, registry_of):
    site.many(20)
    site.plugin(HOOKS, "otel", "raise AssertionError")
    registry = registry_of()
    assert len(registry.task_types()) == 20
    assert {info.state for info in registry.plugins()} == {"ready"}
    assert registry.plugin("otel")[0].kind == "hooks"


def test_a_plugin_that_is_not_there_cannot_be_shown(site, registry_of):
    site.plugin(HOOKS, "otel", "")
    with pytest.raises(LookupError, match="did you mean 'otel'"):
        registry_of().plugin("otell")
    with pytest.raises(LookupError, match="pip install flyte-core-sql"):
        registry_of().plugin("sql", "task")


def test_after_a_refresh_a_mended_plugin_is_used(site, registry_of, template):
    module = site.plugin(TASKS, "sql", "1 / 0")
    registry = registry_of()
    with pytest.raises(PluginLoadError):
        registry.owner("sql")
    site.module(module, GOOD + "\n# mended")
    with pytest.raises(PluginLoadError):
        registry.owner("sql")
    registry.refresh()
    assert registry.owner("sql").entry_point.name == "sql"
