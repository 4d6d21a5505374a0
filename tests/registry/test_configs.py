from __future__ import annotations

import importlib
import sys
import types

import pytest

from flyte_core.errors import InvalidTypeError, PluginBlockedError, PluginConflictError, PluginLoadError
from flyte_core.registry import Registry, TaskPluginRegistry
from flyte_core.template import TaskTemplate

CONFIGS = "flyte_core.config_types"
TASKS = "flyte_core.task_types"


class Config: ...


class Derived(Config): ...


class Template(TaskTemplate): ...


def class_of(module, name="Template"):
    return type(name, (TaskTemplate,), {"__module__": module})


@pytest.fixture
def module_at(monkeypatch):
    def make(name, file):
        module = types.ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)

    return make


def test_what_is_registered_is_found_for_the_class_and_its_subclasses(registry_of):
    registry = registry_of()
    registry.register(Config, Template)
    assert registry.find(Config) is registry.find(Derived) is Template
    assert registry.list_plugins() == [Config]
    assert repr(registry) == f"TaskPluginRegistry(plugins=[{Config!r}])"


def test_the_nearest_class_of_the_bases_wins(registry_of):
    registry = registry_of()
    registry.register(Config, Template)
    registry.register(Derived, TaskTemplate)
    assert registry.find(type("More", (Derived,), {})) is TaskTemplate


def test_a_class_that_nobody_serves_is_none(registry_of):
    assert registry_of().find(Config) is None


@pytest.mark.parametrize(("config", "plugin"), [("x", Template), (Config, Template(name="t", interface=None))])
def test_only_classes_can_be_registered(registry_of, config, plugin):
    with pytest.raises(InvalidTypeError):
        registry_of().register(config, plugin)


def test_another_owner_cannot_take_a_registration_and_the_error_names_both(registry_of):
    registry = registry_of()
    registry.register(Config, class_of("first_package.a"))
    with pytest.raises(PluginConflictError, match=r"first_package\.a\.Template.*second_package\.Template"):
        registry.register(Config, class_of("second_package"))
    assert registry.find(Config).__module__ == "first_package.a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pkg.a", "pkg.b"),
        ("pkg", "pkg.sub.c"),
        ("__main__", "__main__"),
        ("spaced.one.x", "spaced.one.y"),
        ("run", "__main_of_run__"),
    ],
)
def test_the_same_owner_replaces_its_registration(registry_of, module_at, one, other):
    module_at("spaced", None)
    module_at("spaced.one", "/spaced/one/__init__.py")
    module_at("run", "/work/run.py")
    module_at("__main_of_run__", "/work/run.py")
    registry = registry_of()
    registry.register(Config, class_of(one))
    second = class_of(other)
    registry.register(Config, second)
    assert registry.find(Config) is second


def test_two_packages_of_one_namespace_are_two_owners(registry_of, module_at):
    module_at("spaced", None)
    for name in ("spaced.one", "spaced.two"):
        module_at(name, f"/{name}/__init__.py")
    registry = registry_of()
    registry.register(Config, class_of("spaced.one.x"))
    with pytest.raises(PluginConflictError):
        registry.register(Config, class_of("spaced.two.x"))


def test_a_module_that_is_loaded_again_registers_again(site, registry_of):
    site.module("throwaway_reload", "class Config: ...\nclass Template: ...\ndef go(r): r.register(Fixed, Template)\n")
    module = importlib.import_module("throwaway_reload")
    registry = registry_of()
    module.Fixed = Config
    module.go(registry)
    before = registry.find(Config)
    importlib.reload(module)
    module.go(registry)
    assert registry.find(Config) is module.Template is not before


# ---- claims by entry points -----------------------------------------------------------------------------------------


HOOKS_MODULE = """
    from flyte_core.hookspecs import hookimpl
    from flyte_core.template import TaskTemplate
    from {pkg}.api import Config
    class Ray(TaskTemplate): ...
    class Other(TaskTemplate): ...
    @hookimpl
    def task_template_class(task_type): return {{"ray": Ray, "other": Other}}[task_type]
    {more}
"""


@pytest.fixture
def ray(site):
    def install(more="", pkg="throwaway_ray", task_types=("ray",)):
        site.install(
            "flyte-ray",
            {CONFIGS: {f"{pkg}.Config": f"{pkg}.hooks"}, TASKS: dict.fromkeys(task_types, f"{pkg}.hooks")},
            modules={
                f"{pkg}.api": "class Config: ...\nclass Derived(Config): ...\n",
                f"{pkg}.hooks": HOOKS_MODULE.format(pkg=pkg, more=more),
            },
        )
        return importlib.import_module(f"{pkg}.api")

    return install


def test_a_claim_by_name_loads_the_owners_module_and_uses_its_config_types(ray, registry_of):
    api = ray("config_types = {Config: Other}", "throwaway_ray_a")
    registry = registry_of()
    assert "throwaway_ray_a.hooks" not in sys.modules
    assert registry.find(api.Derived).__name__ == "Other"
    assert registry.list_plugins() == [api.Config]


def test_the_owner_of_one_task_type_serves_its_claim_without_more_words(ray, registry_of):
    api = ray(pkg="throwaway_ray_b")
    assert registry_of().find(api.Config).__name__ == "Ray"


def test_a_claim_that_the_module_does_not_hold_is_an_error(ray, registry_of):
    api = ray(pkg="throwaway_ray_c", task_types=("ray", "other"))
    with pytest.raises(PluginLoadError, match=r"config_types = \{Config: <template class>\}"):
        registry_of().find(api.Config)


def test_a_class_that_only_has_the_same_name_is_not_served(ray, registry_of):
    ray("config_types = {Config: Ray}", "throwaway_ray_d")
    impostor = type("Config", (), {"__module__": "throwaway_ray_d.elsewhere"})
    with pytest.raises(PluginLoadError, match=r"throwaway_ray_d\.elsewhere\.Config"):
        registry_of().find(impostor)


def test_an_impostor_with_a_base_that_is_served_is_served_by_that(ray, registry_of):
    api = ray("config_types = {Config: Ray}", "throwaway_ray_e")
    impostor = type("Config", (api.Config,), {"__module__": "throwaway_ray_e.elsewhere"})
    assert registry_of().find(impostor).__name__ == "Ray"


def test_a_module_that_registers_while_it_is_loaded_holds_its_claim(ray, monkeypatch, site):
    api = ray(
        "from flyte_core.registry import TaskPluginRegistry; TaskPluginRegistry.register(Config, Other)",
        "throwaway_ray_f",
        ("ray", "other"),
    )
    registry = Registry()
    monkeypatch.setattr("flyte_core.registry.TaskPluginRegistry", registry)
    assert registry.find(api.Config).__name__ == "Other"


def test_a_blocked_claim_is_an_error(ray, registry_of):
    api = ray(pkg="throwaway_ray_g")
    with pytest.raises(PluginBlockedError):
        registry_of(block=["config:throwaway_ray_g.Config"]).find(api.Config)


def test_the_process_has_one_registry_that_reads_nothing_until_it_is_asked():
    assert isinstance(TaskPluginRegistry, Registry)
    assert Registry()._state_now is None
