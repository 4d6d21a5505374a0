"""What goes into an image beside what its author put there."""

from __future__ import annotations

import asyncio
import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from flyte_core import Image, TaskEnvironment, __version__
from flyte_core.discovery import PluginIndex
from flyte_core.errors import ImageBuildError
from flyte_core.images import needed_distributions, with_installed
from flyte_core.registry import Registry

BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("{module}.py"), open("{module}.py").read())
        info = "{module}-1.0.dist-info/"
        wheel.writestr(zipfile.ZipInfo(info + "METADATA"), "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        wheel.writestr(zipfile.ZipInfo(info + "WHEEL"), "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(zipfile.ZipInfo(info + "RECORD"), "")
    return name
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path that distributions are found in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, name: str, *, source: Path | None = None, requires: tuple[str, ...] = ()) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    if source is not None:
        (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))


def project(folder: Path, name: str, content: str = "x = 1") -> Path:
    module = name.replace("-", "_")
    folder.mkdir()
    (folder / f"{module}.py").write_text(content)
    (folder / "backend.py").write_text(BACKEND.format(module=module, name=name))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    return folder


IMAGE = Image.from_base("python:3.12").clone(name="app").with_pip_packages("numpy", f"flyte-core=={__version__}")


def installed(*names: str) -> Image:
    return asyncio.run(with_installed(IMAGE, names))


def test_what_comes_from_an_index_is_installed_from_there_at_the_version_that_is_here(site):
    install(site, "from-an-index")
    assert installed("from-an-index").layers[-1].packages == ("numpy", "from-an-index==1.0")


def test_what_is_installed_from_a_folder_goes_in_as_a_wheel_and_its_dependencies_below(site, tmp_path):
    source = project(tmp_path / "own", "own-thing")
    install(
        site, "own-thing", source=source, requires=("attrs>=20", "never; python_version < '3'", "more; extra == 'x'")
    )
    pip, wheel = installed("own-thing").layers
    assert pip.packages == ("numpy", "attrs>=20")
    assert wheel.package_name == "own-thing"
    assert [path.name for path in wheel.wheel_dir.iterdir()] == ["own_thing-1.0-py3-none-any.whl"]


def test_what_another_one_requires_is_installed_before_it(site, tmp_path):
    install(site, "lower-thing", source=project(tmp_path / "lower", "lower-thing"))
    install(site, "upper-thing", source=project(tmp_path / "upper", "upper-thing"), requires=("lower-thing>=1",))
    assert [layer.package_name for layer in installed("upper-thing").layers[1:]] == ["lower-thing", "upper-thing"]


def test_the_tag_changes_with_the_code_and_only_with_it(site, tmp_path):
    source = project(tmp_path / "own", "own-thing")
    install(site, "own-thing", source=source)
    before = installed("own-thing").uri
    (source / "notes.txt").write_text("no code")
    assert installed("own-thing").uri == before
    (source / "own_thing.py").write_text("x = 2")
    assert installed("own-thing").uri != before


def test_a_wheel_is_built_once_for_the_same_files(site, tmp_path):
    source = project(tmp_path / "own", "own-thing")
    install(site, "own-thing", source=source)
    wheel = next(installed("own-thing").layers[-1].wheel_dir.iterdir())
    before = wheel.stat()
    assert next(installed("own-thing").layers[-1].wheel_dir.iterdir()).stat() == before
    assert zipfile.ZipFile(wheel).read("own_thing.py") == b"x = 1"


def test_a_project_that_cannot_be_built_is_told_with_its_last_words(site, tmp_path):
    source = project(tmp_path / "own", "own-thing")
    (source / "backend.py").write_text("raise SystemExit('no backend today')")
    install(site, "own-thing", source=source)
    with pytest.raises(ImageBuildError, match="(?s)own-thing is installed from.*no backend today"):
        installed("own-thing")


@pytest.mark.parametrize(
    "image",
    [
        Image.from_base("python:3.12"),
        Image.from_base("python:3.12").clone(name="app").with_pip_packages("flyte-core==0.1"),
        Image.from_debian_base(install_flyte=False),
    ],
    ids=["by its name", "another version", "without flyte_core"],
)
def test_an_image_that_does_not_install_this_version_stays_as_it_is(image):
    assert asyncio.run(with_installed(image, ["flyte-core"])) is image


def test_the_default_image_with_more_inside_is_no_longer_the_published_one(site):
    install(site, "from-an-index")
    image = asyncio.run(with_installed(Image.from_debian_base(), ["from-an-index"]))
    assert image.registry is None
    assert image.uri.startswith("flyte-core:")


@dataclass
class Fields:
    frames: dict[str, list[Frame]]


class Frame:
    """Stands in for a table of a library that a plugin knows."""


Frame.__module__ = "pandas.core"
env = TaskEnvironment("needed")


@env.task
async def of_numbers(x: int) -> int:
    return x


@env.task
async def of_frames(x: Fields) -> None: ...


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Plugins of two distributions beside those that are installed: a cross-cutting one, and one of a type."""
    folder = tmp_path / "plugins"
    for name, group, claim in (
        ("acme-watch", "flyte_core.hooks", "watch"),
        ("acme-frames", "flyte_core.type_transformers", "pandas.Frame"),
    ):
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{claim} = nowhere\n")
    monkeypatch.syspath_prepend(str(folder))
    return Registry(index=PluginIndex(tmp_path / "index", sys.path))


def test_an_image_needs_the_owners_of_its_tasks_and_every_cross_cutting_plugin(registry):
    found = needed_distributions([of_numbers], registry)
    assert found[0] == "flyte-core"
    assert {"flyte-core-python", "acme-watch"} < set(found)
    assert "acme-frames" not in found


def test_an_image_needs_the_plugins_of_the_types_that_its_tasks_name(registry):
    assert "acme-frames" in needed_distributions([of_frames], registry)
