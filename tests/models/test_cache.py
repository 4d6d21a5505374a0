import pickle

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import (
    Cache,
    CachePolicy,
    CodeBundle,
    FunctionBodyPolicy,
    Image,
    VersionParameters,
    cache_from_request,
)


class Fixed:
    def __init__(self, version):
        self.version = version

    def get_version(self, salt, params):
        return salt + self.version


class Failing:
    def get_version(self, salt, params):
        raise RuntimeError("no idea")


def work(x: int) -> int:
    return x


def other(x: int) -> int:
    return x + 1


@pytest.mark.parametrize(("behavior", "enabled"), [("auto", True), ("override", True), ("disable", False)])
def test_a_word_is_a_behavior(behavior, enabled):
    assert cache_from_request(behavior) == Cache(behavior)
    assert Cache(behavior).is_enabled() is enabled


def test_a_cache_stays_itself():
    cache = Cache("auto")
    assert cache_from_request(cache) is cache


@pytest.mark.parametrize("request_", [5, None, True, ["auto"]])
def test_a_request_of_another_type_is_refused(request_):
    with pytest.raises(InvalidTypeError, match="cache"):
        cache_from_request(request_)


@pytest.mark.parametrize("make", [cache_from_request, Cache])
def test_a_behavior_that_does_not_exist_is_refused(make):
    with pytest.raises(InvalidValueError, match=r"sometimes.*auto, override, disable"):
        make("sometimes")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"ignored_inputs": 5}, InvalidTypeError),
        ({"ignored_inputs": (1,)}, InvalidTypeError),
        ({"version_override": 1}, InvalidTypeError),
        ({"salt": None}, InvalidTypeError),
        ({"policies": ["body"]}, InvalidTypeError),
        ({"policies": []}, InvalidValueError),
    ],
)
def test_a_wrong_field_is_named(given, error):
    with pytest.raises(error, match=f"Cache: {next(iter(given))}"):
        Cache("auto", **given)


def test_policies_are_not_needed_where_nothing_is_computed():
    assert Cache("disable", policies=[]).get_version() == ""
    assert Cache("auto", version_override="v1", policies=[]).get_version() == "v1"


@pytest.mark.parametrize("ignored", ["a", ("a",), ["a"], {"a"}])
def test_ignored_inputs_are_one_name_or_several(ignored):
    assert Cache("auto", ignored_inputs=ignored).get_ignored_inputs() == ("a",)
    assert Cache("disable", ignored_inputs=ignored).get_ignored_inputs() == ("a",)


def test_an_ignored_input_must_be_an_input():
    cache = Cache("auto", ignored_inputs=("seed",))
    cache.check_inputs(["x", "seed"])
    with pytest.raises(InvalidValueError, match=r"env.task: ignored_inputs = 'seed'.*did you mean seeds"):
        cache.check_inputs(["x", "seeds"], "env.task")
    with pytest.raises(InvalidValueError, match="it has none"):
        cache.check_inputs([])


def test_the_own_version_wins_then_the_pickled_bundle_then_the_policies():
    pickled = VersionParameters(work, code_bundle=CodeBundle(computed_version="b", pkl="p"))
    archived = VersionParameters(work, code_bundle=CodeBundle(computed_version="b", tgz="t"))
    assert Cache("auto", version_override="v1").get_version(pickled) == "v1"
    assert Cache("auto", version_override="").get_version(pickled) == ""
    assert Cache("auto").get_version(pickled) == "b"
    assert Cache("auto").get_version(archived) == Cache("auto").get_version(VersionParameters(work))
    assert Cache("disable").get_version(pickled) == ""


def test_the_version_depends_on_function_salt_and_policies():
    versions = [
        Cache("auto").get_version(VersionParameters(work)),
        Cache("auto").get_version(VersionParameters(other)),
        Cache("auto", salt="s").get_version(VersionParameters(work)),
        Cache("auto", policies=Fixed("1")).get_version(VersionParameters(work)),
        Cache("auto", policies=[Fixed("1"), Fixed("2")]).get_version(VersionParameters(work)),
        Cache("auto", policies=[Fixed("12")]).get_version(VersionParameters(work)),
        Cache("auto", policies=[Fixed("1"), FunctionBodyPolicy()]).get_version(VersionParameters(work)),
    ]
    assert len(set(versions)) == len(versions)
    assert all(len(version) == 64 for version in versions)
    assert Cache("override").get_version(VersionParameters(work)) == versions[0]


def test_a_task_without_a_function_is_versioned_by_image_and_definition():
    versions = {
        Cache("auto").get_version(VersionParameters(None, image, definition=definition))
        for image in ("app:1", Image.from_base("app:2"), None)
        for definition in ("", "echo one", b"echo two")
    }
    assert len(versions) == 9
    assert Cache("auto").get_version(VersionParameters(None, "a:1")) == Cache("auto").get_version(
        VersionParameters(None, Image.from_base("a:1"))
    )


def test_a_policy_that_fails_is_named_and_chained():
    with pytest.raises(InvalidValueError, match="no idea") as caught:
        Cache("auto", policies=Failing()).get_version(VersionParameters(work))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_version_that_must_be_computed_needs_parameters():
    with pytest.raises(InvalidValueError, match="version_override"):
        Cache("auto").get_version()


def test_caches_are_values():
    assert len({Cache("auto"), Cache("auto"), Cache("auto", serialize=True)}) == 2
    assert pickle.loads(pickle.dumps(Cache("auto", salt="s"))) == Cache("auto", salt="s")
    assert isinstance(FunctionBodyPolicy(), CachePolicy)
