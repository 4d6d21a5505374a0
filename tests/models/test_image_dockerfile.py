"""Images that a Dockerfile defines, and what every tag is made of."""

import sys

import pytest

from flyte_core.errors import InvalidValueError, SourceError
from flyte_core.models import Image, Secret, WorkDir
from flyte_core.models import image as image_module

APP = Image.from_debian_base(python_version=(3, 12), name="app")


def image(root, name="Dockerfile", **options):
    return Image.from_dockerfile(root / name, registry="reg", name="app", **options)


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_dockerfile_counts_by_what_is_in_it(tmp_path):
    for name, text in {"a/Dockerfile": "FROM a", "b/Other": "FROM a", "c/Dockerfile": "FROM b"}.items():
        write(tmp_path, {name: text})
    one, two, three = (
        image(tmp_path / name, file) for name, file in [("a", "Dockerfile"), ("b", "Other"), ("c", "Dockerfile")]
    )
    assert (one.uri == two.uri, one.uri == three.uri) == (True, False)
    assert one.uri.startswith("reg/app:")


def test_platforms_count_and_registry_name_and_secret_do_not(tmp_path):
    root = write(tmp_path, {"Dockerfile": "FROM a"})
    one = image(root)
    assert one.platform == ("linux/amd64",)
    assert image(root, platform="linux/arm64").platform == ("linux/arm64",)
    assert len({image(root, platform=both).uri for both in (None, "linux/arm64", ("linux/amd64", "linux/arm64"))}) == 3
    renamed = one.clone(registry="elsewhere", name="tool", registry_secret="pull")
    assert renamed.uri == f"elsewhere/tool:{one._final_tag}"
    assert renamed.registry_secret == Secret(key="pull")


def test_the_python_that_declares_it_does_not_count_for_a_dockerfile(tmp_path):
    one = image(write(tmp_path, {"Dockerfile": "FROM a"}))
    assert one.clone(python_version=(3, 10)).uri == one.uri
    assert APP.clone(python_version=(3, 10)).uri != APP.uri


def test_no_layer_goes_upon_a_dockerfile(tmp_path):
    with pytest.raises(InvalidValueError, match="Dockerfile"):
        image(tmp_path).with_pip_packages("x")


def test_the_folder_counts_when_the_dockerfile_copies_from_it(tmp_path):
    root = write(tmp_path, {"Dockerfile": "FROM a\nRUN true", "a.py": "1"})
    before = image(root).uri
    write(root, {"a.py": "2"})
    assert image(root).uri == before
    write(root, {"Dockerfile": "FROM a\nCOPY . /app"})
    before = image(root).uri
    write(root, {"a.py": "3"})
    after = image(root).uri
    assert after != before
    (root / "empty").mkdir()
    assert image(root).uri != after


def test_the_engines_ignore_rules_hold_and_the_standard_set_does_not(tmp_path):
    root = write(tmp_path, {"Dockerfile": "FROM a\nCOPY . /app", ".dockerignore": "*.log", "venv/a": "", "a.log": ""})
    uris = [image(root).uri]
    write(root, {"a.log": "changed"})
    assert image(root).uri == uris[0]
    write(root, {"venv/a": "changed"})
    uris.append(image(root).uri)
    # A file of the Dockerfile's own name goes first.
    write(root, {"Dockerfile.dockerignore": "venv"})
    uris.append(image(root).uri)
    write(root, {"venv/a": "changed again"})
    assert image(root).uri == uris[-1]
    write(root, {"a.log": "changed again"})
    uris.append(image(root).uri)
    assert len(set(uris)) == 4


def test_a_folder_that_is_linked_to_is_the_same_context(tmp_path):
    root = write(tmp_path / "real", {"Dockerfile": "FROM a\nCOPY . /app", "a": "1"})
    (tmp_path / "link").symlink_to("real")
    assert image(root).uri == image(tmp_path / "link").uri


def test_a_folder_is_no_dockerfile(tmp_path):
    with pytest.raises(SourceError, match=tmp_path.name):
        image(tmp_path, ".").uri  # noqa: B018 - it raises
    with pytest.raises(SourceError, match=tmp_path.name):
        image(tmp_path, ".").validate()


def test_the_number_of_the_recipe_is_a_part_of_every_tag(monkeypatch):
    before = APP._final_tag
    monkeypatch.setattr(image_module, "RECIPE_VERSION", image_module.RECIPE_VERSION + 1)
    assert APP.clone()._final_tag != before


def test_an_image_known_by_a_name_counts_by_that_name():
    one, two = (Image.from_ref_name(name).clone(name="app").with_workdir("/a") for name in ("a", "b"))
    assert one.uri != two.uri


def test_a_base_counts_where_something_is_added():
    one, two = (Image.from_base(base).clone(name="app").with_workdir("/a") for base in ("a", "b"))
    assert one.uri != two.uri


def test_the_order_of_layers_counts():
    assert APP.with_workdir("/a").with_workdir("/b").uri != APP.with_workdir("/b").with_workdir("/a").uri


def test_a_uri_is_made_once_for_each_image(tmp_path):
    root = write(tmp_path, {"Dockerfile": "FROM a"})
    one = image(root)
    before = one.uri
    write(root, {"Dockerfile": "FROM b"})
    assert one.uri == before
    assert image(root).uri != before
    assert one.clone().uri != before


def test_plugins_for_the_sdk_find_layers_and_tag_under_their_old_names():
    one = APP.with_workdir("/a")
    assert one._layers == one.layers == (*APP.layers, WorkDir("/a"))
    assert one.uri.endswith(f":{one._final_tag}")
    with pytest.raises(AttributeError):
        one._layers = ()


def test_the_script_of_an_image_is_its_last_layer(tmp_path):
    made = Image.from_uv_script(
        "main.py",
        name="app",
        registry="reg",
        registry_secret="pull",
        python_version=(3, 11),
        index_url="https://a",
        extra_index_urls="https://b",
        pre=True,
        extra_args="-q",
        platform=("linux/arm64",),
        secret_mounts="key",
    )
    assert made.layers[:-1] == Image.from_debian_base(python_version=(3, 11)).layers
    layer = made.layers[-1]
    assert (layer.script_name, layer.index_url, layer.extra_index_urls, layer.pre) == (
        "main.py",
        "https://a",
        ("https://b",),
        True,
    )
    assert (layer.extra_args, layer.secret_mounts) == ("-q", ("key",))
    assert (made.registry, made.registry_secret, made.platform) == ("reg", Secret(key="pull"), ("linux/arm64",))
    assert Image.from_uv_script("main.py", name="app").python_version == sys.version_info[:2]
