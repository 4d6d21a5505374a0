import copy
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core._version import __version__
from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Env, Image, PipPackages, Secret, WorkDir

APP = Image.from_debian_base(python_version=(3, 12), name="app")


@pytest.mark.parametrize("make", [lambda: Image(base_image="python:3.11"), Image, lambda: Image("python:3.11")])
def test_an_image_is_made_by_a_from_method(make):
    with pytest.raises(InvalidTypeError, match="from_debian_base"):
        make()


def test_a_base_is_its_own_uri():
    image = Image.from_base("python:3.11")
    assert (image.uri, image.base_image, image.name, image.platform) == (
        "python:3.11",
        "python:3.11",
        None,
        ("linux/amd64",),
    )


@pytest.mark.parametrize("make", [Image.from_base, Image.from_ref_name])
@pytest.mark.parametrize(
    ("given", "error"), [("", InvalidValueError), ("a b", InvalidValueError), (None, InvalidTypeError)]
)
def test_a_name_has_letters_and_no_blanks(make, given, error):
    with pytest.raises(error, match="Image"):
        make(given)


def test_a_reference_is_known_by_its_name():
    image = Image.from_ref_name("custom")
    assert (image.name, image.ref_name, image.base_image) == ("custom", "custom", None)
    assert image.with_pip_packages("x").ref_name == "custom"


def test_the_default_image_is_tagged_by_python_and_release():
    image = Image.from_debian_base(python_version=(3, 12))
    assert image.uri == f"ghcr.io/flyteorg/flyte-core:py3.12-v{__version__}"
    assert image.base_image == "python:3.12-slim-bookworm"
    assert image.platform == ("linux/amd64", "linux/arm64")
    assert Image.from_debian_base().python_version == sys.version_info[:2]


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ({"install_flyte": False}, "py3.12"),
        ({"flyte_version": "1.2.3"}, "py3.12-v1.2.3"),
        ({"flyte_version": "v1.2.3"}, "py3.12-v1.2.3"),
        ({"flyte_version": "2.0.0b1"}, "py3.12-v2.0.0b1"),
        ({"flyte_version": "1.0+local.1"}, "py3.12-v1.0-local.1"),
    ],
)
def test_another_release_is_another_tag(given, tag):
    assert Image.from_debian_base(python_version=(3, 12), **given).uri == f"ghcr.io/flyteorg/flyte-core:{tag}"


def test_a_preview_is_installed_as_one():
    layers = [Image.from_debian_base(flyte_version=version).layers[-1] for version in ("1.0", "2.0.0b1", "2.0.dev1")]
    assert layers == [
        PipPackages(packages=("flyte-core==1.0",)),
        PipPackages(packages=("flyte-core==2.0.0b1",), pre=True),
        PipPackages(packages=("flyte-core==2.0.dev1",), pre=True),
    ]


def test_one_tag_stands_for_one_definition():
    images = [
        Image.from_debian_base(python_version=(3, 12)),
        Image.from_debian_base(python_version=(3, 11)),
        Image.from_debian_base(python_version=(3, 12), install_flyte=False),
        Image.from_debian_base(python_version=(3, 12), flyte_version="0.1"),
        Image.from_debian_base(python_version=(3, 12), platform=("linux/arm64",)),
        Image.from_debian_base(python_version=(3, 12), platform="linux/amd64"),
        Image.from_debian_base(python_version=(3, 12)).with_pip_packages("x"),
        Image.from_debian_base(python_version=(3, 12)).clone(python_version=(3, 13)),
    ]
    assert len({image.uri for image in images}) == len(images)


@pytest.mark.parametrize(
    "given",
    [
        {"python_version": "3.12"},
        {"python_version": (3,)},
        {"python_version": (3, "12")},
        {"platform": ("windows",)},
        {"platform": ()},
        {"flyte_version": "latest"},
    ],
)
def test_a_wrong_part_of_the_default_image_is_named(given):
    with pytest.raises(InvalidValueError, match=next(iter(given))):
        Image.from_debian_base(**given)


def test_registry_and_name_of_ones_own():
    image = Image.from_debian_base(registry="reg.example.com/team", name="app", registry_secret="pull")
    repo, _, tag = image.uri.rpartition(":")
    assert (repo, len(tag), image.registry_secret) == ("reg.example.com/team/app", 32, Secret(key="pull"))
    assert Image.from_base("python:3.12").clone(name="app").uri.startswith("app:")


def test_a_clone_changes_what_is_given_and_keeps_the_rest():
    image = Image.from_base("python:3.11").clone(registry="reg", name="app", registry_secret=Secret(key="s"))
    clone = image.with_workdir("/a").clone(name="b", base_image="python:3.12")
    assert (clone.registry, clone.name, clone.base_image, clone.layers) == ("reg", "b", "python:3.12", (WorkDir("/a"),))
    assert clone.registry_secret == Secret(key="s")
    assert (image.name, image.layers) == ("app", ())


def test_a_layer_needs_a_name_to_go_upon():
    with pytest.raises(InvalidValueError, match="clone"):
        Image.from_base("python:3.11").with_pip_packages("x")
    with pytest.raises(InvalidTypeError, match="layer"):
        APP.clone(addl_layer="pip install x")


def test_every_layer_gives_a_new_image():
    images = [
        APP,
        APP.with_pip_packages("git"),
        APP.with_pip_packages("git", "x"),
        APP.with_pip_packages("x", "git"),
        APP.with_pip_packages("gi", "tx"),
        APP.with_pip_packages(),
        APP.with_pip_packages("git", index_url="https://a"),
        APP.with_pip_packages("git", extra_index_urls="https://a"),
        APP.with_pip_packages("git", extra_index_urls=["https://a", "https://b"]),
        APP.with_pip_packages("git", pre=True),
        APP.with_pip_packages("git", extra_args="--no-deps"),
        APP.with_pip_packages("git", secret_mounts="a"),
        APP.with_pip_packages("git", secret_mounts=[Secret(key="a", group="b")]),
        APP.with_apt_packages("git"),
        APP.with_apt_packages("git", secret_mounts="a"),
        APP.with_commands(["git"]),
        APP.with_commands(["git"], secret_mounts=["a"]),
        APP.with_commands(["g", "it"]),
        APP.with_workdir("git"),
        APP.with_env_vars({"git": ""}),
        APP.with_env_vars({"A": "1 B=2"}),
        APP.with_env_vars({"A": "1", "B": "2"}),
        APP.with_env_vars({"B": "2", "A": "1"}),
        APP.with_env_vars({"A": "1"}).with_env_vars({"B": "2"}),
        APP.with_apt_packages("git").with_pip_packages("git"),
        APP.with_pip_packages("git").with_apt_packages("git"),
    ]
    assert len({image.uri for image in images}) == len(images)
    assert len(set(images)) == len(images)
    assert APP.layers == Image.from_debian_base(python_version=(3, 12)).layers


def test_one_value_and_a_list_of_one_are_the_same_layer():
    assert APP.with_pip_packages("x", extra_index_urls="u") == APP.with_pip_packages("x", extra_index_urls=["u"])
    assert APP.with_commands("ls") == APP.with_commands(["ls"])
    assert APP.with_pip_packages("x", secret_mounts="a").uri == APP.with_pip_packages("x", secret_mounts=["a"]).uri


@pytest.mark.parametrize(
    ("add", "error"),
    [
        (lambda: APP.with_pip_packages(""), InvalidValueError),
        (lambda: APP.with_pip_packages(["x"]), InvalidTypeError),
        (lambda: APP.with_pip_packages("x", extra_index_urls=5), InvalidTypeError),
        (lambda: APP.with_pip_packages("x", secret_mounts=5), InvalidTypeError),
        (lambda: APP.with_apt_packages(1), InvalidTypeError),
        (lambda: APP.with_apt_packages("x", secret_mounts=[1]), InvalidTypeError),
        (lambda: APP.with_commands([None]), InvalidTypeError),
        (lambda: APP.with_commands("x", secret_mounts=1), InvalidTypeError),
        (lambda: APP.with_workdir(""), InvalidValueError),
        (lambda: APP.with_env_vars({"A": 1}), InvalidTypeError),
    ],
)
def test_what_is_no_layer_is_refused(add, error):
    with pytest.raises(error):
        add()


def test_the_options_of_pip_are_words_of_its_command_line():
    layer = PipPackages(index_url="a", extra_index_urls=["b", "c"], pre=True, extra_args="--no-deps")
    assert layer.get_pip_install_args() == [
        "--index-url a",
        "--extra-index-url b",
        "--extra-index-url c",
        "--pre",
        "--no-deps",
    ]
    assert PipPackages().get_pip_install_args() == []


VARIABLES = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]*", fullmatch=True), st.text(st.characters(exclude_characters="\0:"))
    )
)


@given(VARIABLES, VARIABLES)
def test_variables_that_differ_make_images_that_differ(one, two):
    images = [APP.clone(addl_layer=Env(tuple(pairs))) for pairs in (one, two)]
    assert (images[0].uri == images[1].uri) == (one == two)


def test_an_image_without_name_and_base_has_no_uri():
    with pytest.raises(InvalidValueError, match="name"):
        Image._new().uri  # noqa: B018 - it raises


def test_images_are_values():
    one, two = (APP.with_pip_packages("x") for _ in range(2))
    assert one.uri == two.uri
    assert one == two
    assert len({one, two, APP}) == 2
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    one.validate()
    with pytest.raises(AttributeError):
        one.name = "other"
