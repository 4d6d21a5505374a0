from __future__ import annotations

import json

import pytest

TASKS = "flyte_core.task_types"
OWNER = """
from flyte_core.extend import hookimpl

@hookimpl
def container_args(task, sctx):
    return []
"""
# Runs a command and then says on standard error which modules of plugins it imported.
SPY = """
import sys
from flyte_core.cli import main
status = main(sys.argv[1:])
print(sorted(m for m in sys.modules if m.startswith(("throwaway", "crowd", "flyte_core_python"))), file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def spy(shell, site):
    """Give a function that runs a command line with the site folder, and tells which plugins it imported."""

    def run(*words: str, **env: str):
        return shell(*words, path=(site,), program=("-c", SPY), **env)

    return run


def test_all_plugins_are_listed_and_none_imported(spy, site):
    site.plugin(TASKS, "graph", OWNER, dist="one-graph")
    site.plugin(TASKS, "broken", "1 / 0")
    site.many(5)
    result = spy("plugins", "list")
    assert result.status == 0
    assert result.err == "[]\n"
    lines = result.out.splitlines()
    assert lines[0].split() == ["name", "kind", "distribution", "version", "state", "reason"]
    assert ["graph", "task", "one-graph", "1.0", "ready"] in [line.split() for line in lines]
    assert sum("crowd" in line for line in lines) == 5


def test_the_list_is_json_on_demand(spy, site):
    module = site.plugin(TASKS, "graph", OWNER, dist="one-graph")
    listed = spy("plugins", "list", "--json", "--kind", "task").json()["plugins"]
    (found,) = [plugin for plugin in listed if plugin["name"] == "graph"]
    assert (found["value"], found["distribution"], found["state"]) == (module, "one-graph", "ready")
    assert found["paths"][0].endswith("one_graph-1.0.dist-info")


def test_only_one_kind_is_listed_on_demand(spy, site):
    site.plugin("flyte_core.executors", "slurm", "")
    site.plugin(TASKS, "graph", OWNER)
    listed = spy("plugins", "list", "--json", "--kind", "executor").json()["plugins"]
    assert {plugin["name"] for plugin in listed} - {"docker"} == {"slurm"}


def test_no_plugins_are_said_in_words(spy):
    assert spy("plugins", "list", "--kind", "hooks").out == "no plugins of kind hooks are installed\n"


def test_contested_and_blocked_plugins_are_listed_with_the_reason(spy, site):
    site.plugin(TASKS, "graph", "", dist="one-graph")
    site.plugin(TASKS, "graph", "", dist="two-graph")
    site.plugin("flyte_core.hooks", "otel", "")
    result = spy("plugins", "list", "--json", FLYTE_CORE_PLUGINS="-otel")
    states = {(plugin["name"], plugin["distribution"]): plugin for plugin in result.json()["plugins"]}
    assert states["graph", "one-graph"]["state"] == "conflict"
    assert "two-graph" in states["graph", "one-graph"]["reason"]
    assert states["otel", "dist-otel"]["state"] == "blocked"
    assert "FLYTE_CORE_PLUGINS" in states["otel", "dist-otel"]["reason"]


def test_the_reason_in_the_list_is_short_and_whole_where_one_plugin_is_shown(spy, site):
    site.plugin(TASKS, "graph", "", dist="one-graph")
    site.plugin(TASKS, "graph", "", dist="two-graph")
    site.plugin(TASKS, "late", "", requires=("flyte-core>=99",))
    listed = spy("plugins", "list").out
    assert "also claimed by two-graph" in listed
    assert max(map(len, listed.splitlines())) < 150
    assert 'FLYTE_CORE_PLUGINS="graph=one-graph"' in spy("plugins", "show", "graph").out
    assert "install versions of both that fit" in spy("plugins", "show", "late").out


def test_show_describes_a_plugin_without_importing_it(spy, site):
    module = site.plugin(TASKS, "graph", OWNER, dist="one-graph")
    (folder,) = site.folder.glob("one_graph*.dist-info")
    (folder / "entry_points.txt").write_text(
        f"[{TASKS}]\ngraph = {module}\ngraph-v2 = {module}\n[flyte_core.config_types]\nthing.Config = {module}\n"
    )
    result = spy("plugins", "show", "graph")
    assert result.status == 0
    assert result.err == "[]\n"
    for text in ("task graph", "one-graph 1.0", module, "ready", str(folder), "task:graph-v2", "config:thing.Config"):
        assert text in result.out
    assert "hooks" not in result.out


def test_show_load_tells_the_hooks(spy, site):
    module = site.plugin(TASKS, "graph", OWNER)
    result = spy("plugins", "show", "graph", "--load", "--json")
    (found,) = result.json()["plugins"]
    assert (result.status, found["hooks"], found["traceback"]) == (0, ["container_args"], None)
    assert module in result.err


def test_show_load_tells_the_hooks_of_a_cross_cutting_plugin(spy, site):
    site.plugin(
        "flyte_core.hooks",
        "audit",
        "from flyte_core.extend import hookimpl\n@hookimpl\ndef child_context(task):\n    return {}\n",
    )
    (found,) = spy("plugins", "show", "audit", "--load", "--json").json()["plugins"]
    assert found["hooks"] == ["child_context"]


@pytest.mark.parametrize(
    ("source", "text"),
    [("1 / 0", "ZeroDivisionError"), (OWNER.replace("(task, sctx)", "(task)"), "parameter 'sctx' is missing")],
)
def test_show_load_tells_what_is_broken_and_gives_1(spy, site, source, text):
    site.plugin(TASKS, "graph", source)
    result = spy("plugins", "show", "graph", "--load")
    assert result.status == 1
    assert text in result.out
    assert "broken" in result.out


def test_an_unknown_plugin_is_an_error_with_near_misses(spy, site):
    site.plugin(TASKS, "graph", OWNER)
    result = spy("plugins", "show", "graphl")
    assert result.status == 2
    assert "did you mean 'graph'" in result.err


def test_control_characters_of_metadata_do_not_reach_the_terminal(spy, site):
    site.plugin(TASKS, "a\x1b[31mb", OWNER)
    assert "\x1b" not in spy("plugins", "list").out


def test_the_json_documents_are_the_only_output(spy, site):
    site.plugin(TASKS, "graph", OWNER)
    for words in (["list"], ["show", "graph"]):
        assert isinstance(json.loads(spy("plugins", *words, "--json").out), dict)
