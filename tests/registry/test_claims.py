from __future__ import annotations

import re

import pytest

from flyte_core.errors import (
    InvalidValueError,
    PluginBlockedError,
    PluginConflictError,
    PluginLoadError,
    PluginNotFoundError,
    PluginVersionError,
)
from flyte_core.registry.versions import allows, requirement_allows

EXECUTORS = "flyte_core.executors"
TASKS = "flyte_core.task_types"


@pytest.fixture
def two_docker(site):
    for dist in ("one-docker", "two-docker"):
        module = dist.replace("-", "_") + "_claims"
        site.install(dist, {EXECUTORS: {"docker": f"{module}:make"}}, modules={module: f"def make(): return {dist!r}"})


def test_an_executor_is_loaded_by_kind_or_group(site, registry_of):
    site.plugin(EXECUTORS, "here", "class Local: ...\nmake = Local")
    assert registry_of().load("executor", "here").__name__ == registry_of().load(EXECUTORS, "here").__name__


def test_the_attribute_that_the_entry_point_names_is_loaded(two_docker, registry_of):
    assert registry_of(choose={"docker": "two-docker"}).load("executor", "docker")() == "two-docker"


def test_an_unknown_kind_is_refused_with_all_kinds(registry_of):
    with pytest.raises(InvalidValueError, match="image_builder"):
        registry_of().load("exekutor", "docker")


def test_a_contested_name_is_an_error_that_names_both_and_how_to_choose(two_docker, registry_of):
    registry = registry_of()
    with pytest.raises(PluginConflictError) as caught:
        registry.load("executor", "docker")
    for part in ("one-docker 1.0", "two-docker 1.0", 'FLYTE_CORE_PLUGINS="docker=one-docker"', '"docker=two-docker"'):
        assert part in str(caught.value)
    assert {info.state for info in registry.plugin("docker")} == {"conflict"}


def test_a_conflict_stops_no_other_plugin(two_docker, site, registry_of):
    site.plugin(EXECUTORS, "zzz", "")
    assert registry_of().load("executor", "zzz")


@pytest.mark.parametrize("key", ["docker", "executor:docker"])
def test_a_choice_decides_a_conflict_and_shows_in_the_listing(two_docker, registry_of, key):
    registry = registry_of(choose={key: "One_Docker"})
    assert registry.load("executor", "docker")() == "one-docker"
    assert [(info.distribution, info.state) for info in registry.plugin("docker", "executor")] == [
        ("one-docker", "ready"),
        ("two-docker", "not chosen"),
    ]


def test_a_choice_of_what_is_not_installed_does_not_fall_back(two_docker, registry_of):
    with pytest.raises(PluginNotFoundError, match=r"three-docker.*one-docker 1.0.*correct the settings") as caught:
        registry_of(choose={"docker": "three-docker"}).load("executor", "docker")
    assert "pip install" not in str(caught.value)  # anybody may own that name at a package index


def test_a_choice_of_what_this_project_publishes_says_what_to_install(two_docker, registry_of):
    with pytest.raises(PluginNotFoundError, match="pip install flyte-core-container"):
        registry_of(choose={"docker": "flyte-core-container"}).load("executor", "docker")


def test_a_conflict_offers_one_line_for_all_names_that_the_same_two_contest(site, registry_of):
    for dist in ("one-docker", "two-docker"):
        site.install(
            dist, {EXECUTORS: {"docker": "m"}, "flyte_core.image_builders": {"docker": "m"}, TASKS: {"box": "m"}}
        )
    with pytest.raises(PluginConflictError) as caught:
        registry_of().load("executor", "docker")
    assert 'FLYTE_CORE_PLUGINS="box=two-docker,docker=two-docker"' in str(caught.value)
    assert "they also contest box" in str(caught.value)
    registry = registry_of(choose={"box": "two-docker", "docker": "two-docker"})
    assert {info.state for info in registry.plugins() if info.distribution == "two-docker"} == {"ready"}


def test_a_bare_choice_that_means_another_kind_leaves_this_one_alone(two_docker, site, registry_of):
    site.plugin("flyte_core.image_builders", "docker", "", dist="builder")
    registry = registry_of(choose={"docker": "one-docker"})
    assert registry.load("image_builder", "docker")
    assert registry.load("executor", "docker")() == "one-docker"


@pytest.mark.parametrize("key", ["docker", "executor:docker"])
def test_a_blocked_plugin_is_never_loaded_and_the_error_says_where_it_was_blocked(site, registry_of, key):
    site.plugin(EXECUTORS, "docker", "raise AssertionError")
    registry = registry_of(block=[key])
    with pytest.raises(PluginBlockedError, match=key):
        registry.load("executor", "docker")
    assert [info.state for info in registry.plugins()] == ["blocked"]


def test_blocking_one_kind_leaves_the_others(site, registry_of):
    site.plugin("flyte_core.image_builders", "docker", "")
    assert registry_of(block=["executor:docker"]).load("image_builder", "docker")


def test_one_distribution_that_claims_a_name_twice_is_told_to_be_mended(site, registry_of):
    folder = site.install("twice", {})
    (folder / "entry_points.txt").write_text(f"[{EXECUTORS}]\nx = a\nx = b\n")
    with pytest.raises(PluginConflictError, match=r"twice 1.0 claims executor 'x' twice"):
        registry_of().load("executor", "x")


@pytest.mark.parametrize(
    ("kind", "name", "parts"),
    [
        ("executor", "docker", ["it comes with flyte-core-container: pip install flyte-core-container"]),
        ("executor", "dokcer", ["did you mean 'docker' (pip install flyte-core-container)", "installed are: local"]),
        ("executor", "locl", ["did you mean 'local'"]),
        ("task", "sql", ["pip install flyte-core-sql", "no task type is installed"]),
        ("task", "python", ["pip install flyte-core-python"]),
        ("task", "raw-container", ["pip install flyte-core-container"]),
        ("image_builder", "docker", ["pip install flyte-core-image-docker"]),
        ("image_builder", "buildah", ["pip install flyte-core-image-buildah"]),
        ("transformer", "pandas.DataFrame", ["pip install flyte-core-dataframe"]),
        ("hooks", "otel", ["pip install flyte-core-otel"]),
        ("command", "qqqq", ["no installed plugin provides command 'qqqq'"]),
    ],
)
def test_a_name_that_nobody_claims_says_what_is_near_installed_and_to_install(site, registry_of, kind, name, parts):
    site.plugin(EXECUTORS, "local", "")
    with pytest.raises(PluginNotFoundError) as caught:
        registry_of().load(kind, name)
    assert all(part in str(caught.value) for part in parts)
    assert isinstance(caught.value, ValueError)


def test_something_installed_meanwhile_is_found_at_the_second_look(site, registry_of):
    registry = registry_of()
    with pytest.raises(PluginNotFoundError):
        registry.load("executor", "new")
    site.plugin(EXECUTORS, "new", "")
    assert registry.load("executor", "new")


# ---- broken plugins --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import does_not_exist_xyz", ImportError),
        ("1 / 0", ZeroDivisionError),
        ("import sys; sys.exit(3)", SystemExit),
        ("def", SyntaxError),
    ],
)
def test_a_broken_plugin_is_an_error_of_its_own_with_its_cause_each_time(site, registry_of, source, cause):
    site.plugin(EXECUTORS, "bad", source, dist="bad-one", version="2.0")
    site.plugin(EXECUTORS, "good", "")
    registry = registry_of()
    assert [info.state for info in registry.plugins()] == ["ready", "ready"]
    for _ in range(2):
        with pytest.raises(PluginLoadError, match=r"bad-one 2.0") as caught:
            registry.load("executor", "bad")
        assert isinstance(caught.value.__cause__, cause)
        assert (caught.value.plugin, caught.value.distribution, caught.value.version) == ("bad", "bad-one", "2.0")
    assert registry.load("executor", "good")
    (info,) = registry.plugin("bad")
    assert info.state == "broken"
    assert cause.__name__ in info.traceback if cause is not ImportError else "does_not_exist_xyz" in info.traceback


def test_a_missing_attribute_is_an_error_that_names_it(site, registry_of):
    site.install("p", {EXECUTORS: {"x": "throwaway_attr:Make.it"}}, modules={"throwaway_attr": "class Make: ..."})
    with pytest.raises(PluginLoadError, match=r"throwaway_attr has no Make.it"):
        registry_of().load("executor", "x")


# ---- versions ------------------------------------------------------------------------------------------------------


def test_a_plugin_for_another_flyte_core_is_refused_before_it_is_imported(site, registry_of):
    site.install("flyte-core", None, version="1.5")
    site.plugin(EXECUTORS, "new", "raise AssertionError", dist="too-new", requires=("flyte-core<100,>=99",))
    registry = registry_of()
    assert [info.state for info in registry.plugins()] == ["version mismatch"]
    with pytest.raises(PluginVersionError, match=r"too-new 1.0.*flyte-core<100,>=99.*flyte-core 1\.5"):
        registry.load("executor", "new")


def test_the_version_of_flyte_core_on_the_path_counts(site, registry_of):
    site.install("flyte-core", None, version="99.5")
    site.plugin(EXECUTORS, "new", "", requires=("flyte-core<100,>=99",))
    assert registry_of().load("executor", "new")


@pytest.mark.parametrize(
    "requirement",
    ["flyte-core>=1.0,<2", "flyte-core; extra == 'x'", "flyte-core>=99; extra == 'x'", "flyte-core", "flyte-cores>=99"],
)
def test_requirements_that_fit_or_do_not_apply_let_a_plugin_in(site, registry_of, requirement):
    site.plugin(EXECUTORS, "x", "", requires=(requirement,))
    assert registry_of().load("executor", "x")


def test_a_requirement_that_cannot_be_read_is_an_error(site, registry_of):
    site.install("flyte-core", None, version="1.5")
    site.plugin(EXECUTORS, "x", "", requires=("flyte-core >>> 1",))
    with pytest.raises(PluginVersionError, match="cannot be compared with '>>> 1'"):
        registry_of().load("executor", "x")


@pytest.mark.parametrize(
    ("api", "part"), [("'>=2,<3'", "'>=2,<3'.*has 1.0"), ("7", "7"), ("'new'", "cannot be compared")]
)
def test_a_plugin_for_another_hook_api_is_refused(site, registry_of, api, part):
    site.plugin(EXECUTORS, "x", f"flyte_core_api = {api}")
    with pytest.raises(PluginVersionError, match=part) as caught:
        registry_of().load("executor", "x")
    assert re.search("; (install a version|it has to be a specifier)", str(caught.value))


def test_a_plugin_for_this_hook_api_is_let_in(site, registry_of):
    site.plugin(EXECUTORS, "x", "flyte_core_api = '>=1.0,<2'")
    assert registry_of().load("executor", "x")


@pytest.mark.parametrize(
    "specifier",
    [
        "",
        ">=1",
        ">=1.0,<2",
        "==1.2",
        "==1.2.0",
        "!=1.2",
        ">1.2",
        "<=1.2",
        ">=1.10",
        " >= 1 , < 2 ",
        "~=1.1",
        "==1.*",
        ">=1.2rc1",
    ],
)
@pytest.mark.parametrize("version", ["1", "1.2", "1.2.0", "1.10", "2.0", "1.2rc1", "2.0.dev1", "1.2+local"])
def test_plain_versions_are_compared_as_packaging_compares_them(specifier, version):
    from packaging.specifiers import SpecifierSet

    assert allows(specifier, version) == SpecifierSet(specifier).contains(version, prereleases=True)


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("flyte-core", True),
        ("flyte-core (>=1)", True),
        ("flyte-core[python]>=2", False),
        ("flyte_core<1", False),
        ("flyte-core ~= 1.1", True),
    ],
)
def test_requirements_are_compared(requirement, fits):
    assert requirement_allows(requirement, "1.2") is fits
