"""flyte_core.runtime.entrypoint_args: the command line of a container, written and read."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InputError, RuntimeSystemError
from flyte_core.extend import TaskTemplate, runtime_args
from flyte_core.models import CodeBundle, ImageCache, NativeInterface, SerializationContext
from flyte_core.runtime.entrypoint_args import USAGE, EntrypointArgs

ROOT = Path(__file__).parent
NEEDED = ["--inputs", "in", "--outputs-path", "out", "--version", "1"]

#: A task of a type that is not a function's, as this module's variable.
query = TaskTemplate(name="entry.query", interface=NativeInterface({}, {}))


def args(**given) -> list[str]:
    return runtime_args(query, SerializationContext(**{"version": "v", "root_dir": ROOT, **given}))


def after(flag: str, found: list[str]) -> str:
    return found[found.index(flag) + 1]


# ---- written ---------------------------------------------------------------------------------------------


def test_the_command_line_leaves_places_for_the_cluster():
    found = args()
    assert found[0] == "fc0"
    assert after("--inputs", found) == "{{.input}}"
    assert after("--prev-checkpoint", found) == "{{.prevCheckpointPrefix}}"
    assert found[-4:] == ["mod", "test_entrypoint_args", "instance", "query"]


def test_a_pickled_bundle_needs_no_resolver_and_no_root_folder():
    found = args(root_dir=None, code_bundle=CodeBundle(computed_version="c", pkl="s3://b/c.pkl"))
    assert found[-4:] == ["--pkl", "s3://b/c.pkl", "--dest", "."]


def test_an_archive_needs_the_resolver_too():
    found = args(code_bundle=CodeBundle(computed_version="c", tgz="s3://b/c.tgz", destination="/app"))
    assert (after("--tgz", found), after("--dest", found)) == ("s3://b/c.tgz", "/app")
    assert "--resolver" in found


def test_an_image_cache_goes_along_as_it_came():
    assert after("--image-cache", args(image_cache=ImageCache({"a": "b"}, "as-it-came"))) == "as-it-came"


def test_without_a_root_folder_the_module_cannot_be_named():
    with pytest.raises(RuntimeSystemError, match="root_dir is not set"):
        args(root_dir=None)


def test_what_is_written_can_be_read():
    sctx = {
        "input_path": "s3://b/in.pb",
        "output_path": "s3://b/out",
        "code_bundle": CodeBundle(computed_version="c", tgz="s3://b/c.tgz", destination="/app"),
    }
    read = EntrypointArgs.parse(args(**sctx)[1:], {})
    assert (read.inputs, read.outputs_path, read.version) == ("s3://b/in.pb", "s3://b/out", "v")
    assert (read.tgz, read.dest) == ("s3://b/c.tgz", "/app")
    assert read.resolver == "flyte_core.runtime.resolver.DefaultTaskResolver"
    assert read.resolver_args == ("mod", "test_entrypoint_args", "instance", "query")


# ---- read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--name=n", "--name n"])
def test_a_value_follows_its_flag_or_an_equals_sign(flag):
    assert EntrypointArgs.parse([*NEEDED, *flag.split()], {}).name == "n"


def test_short_flags_mean_the_same():
    words = ["-i", "in", "-o", "out", "-v", "1", "-r", "raw", "-c", "check", "-p", "previous"]
    found = EntrypointArgs.parse(words, {})
    assert (found.inputs, found.outputs_path, found.version) == ("in", "out", "1")
    assert (found.raw_data_path, found.checkpoint_path, found.prev_checkpoint) == ("raw", "check", "previous")


@pytest.mark.parametrize("unfilled", ["", '""', "{{.actionName}}"])
def test_a_place_that_was_not_filled_in_is_left_to_the_environment(unfilled):
    found = EntrypointArgs.parse([*NEEDED, "--name", unfilled, "--prev-checkpoint", unfilled], {"ACTION_NAME": "a7"})
    assert (found.name, found.prev_checkpoint) == ("a7", None)


def test_the_environment_gives_what_no_flag_does():
    environ = {
        "_U_RUN_BASE": "base",
        "ACTION_NAME": "a1",
        "RUN_NAME": "r1",
        "FLYTE_INTERNAL_EXECUTION_PROJECT": "p",
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": "d",
        "_U_ORG_NAME": "o",
        "_F_E_VS": "true",
    }
    found = EntrypointArgs.parse(NEEDED, environ)
    assert (found.run_base_dir, found.name, found.run_name) == ("base", "a1", "r1")
    assert (found.project, found.domain, found.org, found.debug) == ("p", "d", "o", True)
    assert EntrypointArgs.parse([*NEEDED, "--project", "mine"], environ).project == "mine"


def test_words_behind_two_dashes_are_the_resolvers():
    assert EntrypointArgs.parse([*NEEDED, "a", "--name", "n", "--", "--tgz"], {}).resolver_args == ("a", "--tgz")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--inputs is missing; --outputs-path is missing; --version is missing"),
        ([*NEEDED, "--inptus", "x"], r"no flag --inptus \(did you mean --inputs"),
        ([*NEEDED, "--name"], "--name has no value"),
        ([*NEEDED, "--debug", "perhaps"], "--debug is 'perhaps'; allowed: true or false"),
        ([*NEEDED, "--inputs", ""], "--inputs is missing"),
    ],
)
def test_a_wrong_command_line_is_refused_with_all_its_faults(words, message):
    with pytest.raises(InputError, match=message):
        EntrypointArgs.parse(words, {})


@pytest.mark.parametrize(
    "field", [field.name for field in attrs.fields(EntrypointArgs) if field.name != "resolver_args"]
)
def test_the_help_text_has_every_flag(field):
    assert f"--{field.replace('_', '-')} " in USAGE


TEXTS = st.text(min_size=1).filter(lambda text: text != '""' and not text.startswith("{{"))


@given(inputs=st.text(min_size=1), name=TEXTS, rest=st.lists(st.text()))
def test_values_come_through_as_they_are(inputs, name, rest):
    words = ["-i", inputs, "-o", "out", "-v", "1", "--name", name, "--", *rest]
    found = EntrypointArgs.parse(words, {})
    assert (found.inputs, found.name, found.resolver_args) == (inputs, name, tuple(rest))
