"""flyte_core.serialize.task: targets, metadata, hooks, determinism."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flyteidl2.core import tasks_pb2
from flyteidl2.task import task_definition_pb2
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from flyte_core import Cache, Image, PodTemplate, Resources, ReusePolicy, Secret, TaskEnvironment, Timeout
from flyte_core.errors import HookError, RuntimeSystemError, RuntimeUserError, SerializationError
from flyte_core.extend import TaskTemplate
from flyte_core.models import CodeBundle, ImageCache, NativeInterface, SerializationContext
from flyte_core.serialize import task_spec

EMPTY = NativeInterface({}, {})
HERE = Path(__file__).parent


def sctx(**given) -> SerializationContext:
    return SerializationContext(**{"version": "v1", "project": "p", "domain": "d", "root_dir": HERE, **given})


def template(task, **given) -> tasks_pb2.TaskTemplate:
    return task_spec(task, sctx(**given)).task_template


def function_task(env: TaskEnvironment | None = None, **options):
    env = env if env is not None else TaskEnvironment("env", image="python:3.12")

    @env.task(**options)
    async def work(x: int, y: str = "a") -> float:
        """Work.

        Args:
            x: how often
        """
        return x

    # The template holds its environment weakly.
    work.kept = env
    return work


def own_task(image="python:3.12", pod_template=None, reusable=None, **methods):
    cls = type("Own", (TaskTemplate,), methods)
    task = cls(name="own", interface=EMPTY, image=image, pod_template=pod_template, reusable=reusable)
    task.kept = TaskEnvironment.from_task("env", task)
    return task


def test_identity_comes_from_the_context():
    spec = task_spec(function_task(), sctx(org="o"))
    found = spec.task_template.id
    assert (found.project, found.domain, found.org, found.name, found.version) == ("p", "d", "o", "env.work", "v1")
    assert (spec.short_name, spec.environment.name) == ("work", "env")


def test_long_names_are_cut_to_what_the_cluster_takes():
    env = TaskEnvironment("e" * 80, image="a:v1")
    spec = task_spec(function_task(env, short_name="s" * 80), sctx())
    assert (len(spec.short_name), len(spec.environment.name)) == (63, 63)


def test_default_inputs_are_part_of_the_specification():
    spec = task_spec(function_task(), sctx())
    assert [p.name for p in spec.default_inputs] == ["y"]


@pytest.mark.parametrize(
    ("timeout", "seconds", "nanos"),
    [
        (90, 90, 0),
        (timedelta(days=3, seconds=1), 259201, 0),
        (Timeout(max_runtime=timedelta(milliseconds=1500)), 1, 500_000_000),
        (0, 0, 0),
    ],
)
def test_a_timeout_is_whole_on_the_wire(timeout, seconds, nanos):
    found = template(function_task(timeout=timeout)).metadata
    assert found.HasField("timeout")
    assert (found.timeout.seconds, found.timeout.nanos) == (seconds, nanos)


def test_cache_settings_are_written():
    cache = Cache("auto", version_override="v7", serialize=True, ignored_inputs=("y",))
    found = template(function_task(cache=cache)).metadata
    assert (found.discoverable, found.discovery_version, found.cache_serializable) == (True, "v7", True)
    assert list(found.cache_ignore_input_vars) == ["y"]


@pytest.mark.parametrize(("override", "expected"), [(None, "of the bundle"), ("own", "own")])
def test_a_pickled_bundle_gives_the_cache_version_unless_the_task_has_one(override, expected):
    task = function_task(cache=Cache("auto", version_override=override))
    bundle = CodeBundle(computed_version="of the bundle", pkl="s3://b/c.pkl")
    assert template(task, code_bundle=bundle).metadata.discovery_version == expected


def test_tasks_without_a_function_are_versioned_by_what_they_do_and_not_by_what_they_run_on():
    def version(args, **options):
        task = own_task(container_args=lambda self, sctx: args)
        return template(task.override(cache="auto", **options)).metadata.discovery_version

    assert version(["echo", "a"]) != version(["echo", "b"])
    assert version(["echo", "a"]) == version(["echo", "a"], resources=Resources(cpu=2), env_vars={"A": "1"})


def test_ignoring_an_input_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'z'"):
        function_task(cache=Cache("auto", ignored_inputs=("z",)))


def test_two_tasks_of_one_environment_do_not_share_what_is_their_own():
    env = TaskEnvironment("env", image="a:v1", env_vars={"A": "1"}, secrets=[Secret(key="k")])

    @env.task(retries=3)
    def one(x: int) -> int:
        return x

    @env.task
    def two() -> None: ...

    first, second = template(one), template(two)
    assert (first.metadata.retries.retries, second.metadata.retries.retries) == (3, 0)
    assert len(first.interface.inputs.variables) == 1
    assert len(second.interface.inputs.variables) == 0
    assert first.container.env == second.container.env


def test_a_change_of_the_environment_variables_is_seen():
    env = TaskEnvironment("env", image="a:v1", env_vars={"A": "1"})
    task = function_task(env)
    before = template(task).container.env[0].value
    task.env_vars["A"] = "2"
    assert (before, template(task).container.env[0].value) == ("1", "2")


# ---- targets ---------------------------------------------------------------------------------------------


def test_sql_is_the_target_and_no_container_hook_is_asked():
    asked = []
    task = own_task(
        sql=lambda self, sctx: "select 1",
        container_args=lambda self, sctx: asked.append("args"),
        data_loading_config=lambda self, sctx: asked.append("data"),
    )
    found = template(task)
    assert found.WhichOneof("target") == "sql"
    assert (found.sql.statement, asked) == ("select 1", [])


def test_a_task_without_an_image_has_no_container():
    found = template(own_task(image=None, custom_config=lambda self, sctx: {"a": [1, None, {"b": True}]}))
    assert found.WhichOneof("target") is None
    assert MessageToDict(found.custom) == {"a": [1.0, None, {"b": True}]}


def test_a_pod_template_without_kubernetes_is_a_plain_manifest():
    pod = PodTemplate(
        pod_spec={"containers": [{"name": "primary", "resources": {"requests": {"memory": "9Gi", "cpu": "9"}}}]}
    )
    env = TaskEnvironment("env", image="a:v1", pod_template=pod, resources=Resources(cpu=(1, 2)))
    found = template(function_task(env))
    primary = MessageToDict(found.k8s_pod.pod_spec)["containers"][0]
    assert found.config["primary_container_name"] == "primary"
    assert primary["image"] == "a:v1"
    assert primary["resources"] == {"requests": {"memory": "9Gi", "cpu": "1"}, "limits": {"cpu": "2"}}
    assert pod.pod_spec["containers"][0].keys() == {"name", "resources"}


def test_a_default_pod_template_holds_the_primary_container():
    env = TaskEnvironment("env", image="a:v1", pod_template=PodTemplate(labels={"a": "b"}))
    found = template(function_task(env))
    assert MessageToDict(found.k8s_pod.pod_spec)["containers"][0]["name"] == "primary"
    assert dict(found.k8s_pod.metadata.labels) == {"a": "b"}


def test_a_pod_template_without_the_primary_container_is_refused():
    env = TaskEnvironment("env", pod_template=PodTemplate(pod_spec={"containers": [{"name": "other"}]}))
    with pytest.raises(SerializationError, match=r"no primary container named 'primary' \(containers: 'other'\)"):
        template(function_task(env))


def test_data_loading_reaches_containers_and_pods():
    config = tasks_pb2.DataLoadingConfig(enabled=True, input_path="/in")
    hook = {"data_loading_config": lambda self, sctx: config}
    assert template(own_task(**hook)).container.data_config == config
    assert template(own_task(pod_template=PodTemplate(), **hook)).k8s_pod.data_config == config


def test_config_is_merged_with_the_primary_container_s_name():
    found = template(own_task(pod_template=PodTemplate(), config=lambda self, sctx: {"a": "b"}))
    assert dict(found.config) == {"a": "b", "primary_container_name": "primary"}


def test_a_message_as_custom_config_is_written_in_camel_case():
    message = tasks_pb2.DataLoadingConfig(input_path="/in")
    found = template(own_task(custom_config=lambda self, sctx: message))
    assert MessageToDict(found.custom) == {"inputPath": "/in"}


WRONG_ANSWERS = {
    "custom_config": ["text", {"a": object()}, {1: {2: object()}}],
    "config": [{"a": 1}, "text"],
    "container_args": [[1], [None]],
    "sql": [3],
    "data_loading_config": [{"enabled": True}],
}


@pytest.mark.parametrize(("hook", "answer"), [(h, a) for h, answers in WRONG_ANSWERS.items() for a in answers])
def test_a_wrong_answer_of_a_hook_is_an_error_that_names_task_and_hook(hook, answer):
    with pytest.raises((SerializationError, HookError), match=f"own.*{hook}|{hook}.*own"):
        template(own_task(**{hook: lambda self, sctx: answer}))


# ---- what cannot be serialized ---------------------------------------------------------------------------


def test_a_container_task_without_an_environment_is_refused():
    with pytest.raises(RuntimeSystemError, match="environment"):
        template(TaskTemplate(name="alone", interface=EMPTY))


def test_an_environment_that_is_not_in_the_image_cache_is_named():
    with pytest.raises(RuntimeUserError, match=r"'env' is not in the image cache \(it has: other\)"):
        template(function_task(), image_cache=ImageCache({"other": "x:1"}))


def test_a_root_folder_is_needed_to_name_the_module():
    with pytest.raises(RuntimeSystemError, match="root_dir"):
        template(function_task(), root_dir=None)


def test_something_that_is_no_task_is_refused():
    with pytest.raises(TypeError, match="a task template"):
        task_spec(print, sctx())
    with pytest.raises(TypeError, match="a SerializationContext"):
        task_spec(function_task(), "v1")


def test_a_task_with_a_custom_part_cannot_be_reusable():
    task = own_task(reusable=ReusePolicy(), custom_config=lambda self, sctx: {"a": "b"})
    with pytest.raises(RuntimeUserError, match="cannot be reusable"):
        template(task)


# ---- bytes -----------------------------------------------------------------------------------------------

PROGRAM = """
from pathlib import Path
from flyte_core import *
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec
env = TaskEnvironment("env", image=Image.from_debian_base(name="a"), env_vars={"B": "1", "A": "2"}, secrets=["x", "y"],
    resources=Resources(cpu=1, gpu="T4:1"), cache="auto",
    pod_template=PodTemplate(labels={"b": "1", "a": "2"}, annotations={"d": "1", "c": "2"}))
def work(x: int, y: dict[str, int]) -> str: ...
task = env.task(work)
spec = task_spec(task, SerializationContext("v1", root_dir=Path.cwd()))
print(spec.SerializeToString(deterministic=True).hex())
"""


def test_bytes_are_the_same_in_every_process(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    seen = set()
    for seed in ("0", "1", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_json_survives_as_custom_config(value):
    spec = task_spec(own_task(custom_config=lambda self, sctx: {"v": value}), sctx())
    back = task_definition_pb2.TaskSpec.FromString(spec.SerializeToString(deterministic=True))
    assert MessageToDict(back.task_template.custom) == json.loads(json.dumps({"v": value}))


def test_an_image_object_and_its_uri_give_the_same_container():
    by_uri = function_task(TaskEnvironment("env", image="a:v1"))
    by_object = function_task(TaskEnvironment("env", image=Image.from_base("a:v1")))
    assert template(by_uri).container == template(by_object).container
