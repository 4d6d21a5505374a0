"""The Dockerfile of every kind of layer, word by word, and what settings change in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from flyte_core.errors import ImageBuildError, InvalidValueError, MissingSourceError
from flyte_core.images.dockerfile import Plan, describe, render, render_uv
from flyte_core.images.settings import ImageSettings
from flyte_core.models import Image, Secret
from flyte_core.models.layers import Layer, PythonWheels

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = ImageSettings()


@pytest.fixture
def base() -> Image:
    return Image.from_base("python:3.12-slim").clone(name="app", python_version=(3, 12))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one file of each kind that layers take."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "own"\nversion = "1"\n')
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "poetry.lock").write_text("# locked\n")
    (tmp_path / "own.py").write_text("VALUE = 1\n")
    (tmp_path / "requirements.txt").write_text("-r more/base.txt\nsix\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("idna\n")
    (tmp_path / "script.py").write_text('# /// script\n# dependencies = ["six", "idna<4"]\n# ///\nprint(1)\n')
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "own-1-py3-none-any.whl").write_bytes(b"wheel")
    return tmp_path


def _pip(base: Image, project: Path) -> Image:
    return base.with_pip_packages("numpy<2", 'httpx[http2]; python_version < "3.13"')


def _pip_options(base: Image, project: Path) -> Image:
    return base.with_pip_packages(
        "git+https://$GITHUB_PAT@example.com/a/b",
        index_url="https://user:$INDEX@pypi.example.com/simple",
        extra_index_urls=["https://other.example.com/simple"],
        pre=True,
        extra_args="--no-deps --config-setting 'a=b c'",
        secret_mounts=["GITHUB_PAT", Secret(key="index", group="ours", as_env_var="INDEX")],
    )


def _requirements(base: Image, project: Path) -> Image:
    return base.with_requirements(project / "requirements.txt")


def _wheels(base: Image, project: Path) -> Image:
    return base.clone(addl_layer=PythonWheels(wheel_dir=project / "wheels", package_name="own"))


def _uv_project(base: Image, project: Path) -> Image:
    return base.with_uv_project(project / "pyproject.toml", extra_args="--no-dev")


def _uv_project_whole(base: Image, project: Path) -> Image:
    return base.with_uv_project(project / "pyproject.toml", project_install_mode="install_project")


def _poetry_project(base: Image, project: Path) -> Image:
    return base.with_poetry_project(project / "pyproject.toml", extra_args="--only main")


def _poetry_project_whole(base: Image, project: Path) -> Image:
    return base.with_poetry_project(project / "pyproject.toml", project_install_mode="install_project")


def _uv_script(base: Image, project: Path) -> Image:
    script = project / "script.py"
    image = Image.from_uv_script(script, name="report", python_version=(3, 12))
    return base.clone(addl_layer=image.layers[-1])


def _apt(base: Image, project: Path) -> Image:
    return base.with_apt_packages("git", "curl=7.*", secret_mounts=Secret(key="apt", mount="/etc/apt/auth.conf"))


def _commands(base: Image, project: Path) -> Image:
    return base.with_commands(
        ["make && make install", "cd /src\nmake", "apk add \\\n  git", "curl -H $TOKEN example.com"],
        secret_mounts="TOKEN",
    )


def _env(base: Image, project: Path) -> Image:
    return base.with_env_vars({"PATH": "/own:$PATH", "A": 'it\'s "x"', "B": "$A costs $5", "TEXT": "one\ntwo"})


def _files(base: Image, project: Path) -> Image:
    (project / ".dockerignore").write_text("*.lock\n")
    image = base.with_workdir("/my app").with_source_file(project / "own.py")
    return image.with_source_folder(project / "more", "/data/more of it").with_dockerignore(project / ".dockerignore")


def _mixed(base: Image, project: Path) -> Image:
    return base.with_pip_packages("six").with_commands(["uv pip list", "echo uv.lock"])


def _debian(base: Image, project: Path) -> Image:
    image = Image.from_debian_base(python_version=(3, 12), flyte_version="1.0.0", registry="ghcr.io/me", name="app")
    return image.with_source_folder(project / "more")


CASES: dict[str, Callable[[Image, Path], Image]] = {
    name.removeprefix("_"): made
    for name, made in list(globals().items())
    if name.startswith("_") and callable(made) and getattr(made, "__code__", None) and made.__code__.co_argcount == 2
}


def _without_digests(text: str) -> str:
    """Leave out the digests of files in names of folders: one file of the project may change."""
    return re.sub(r"(source=[\w-]+)-[0-9a-f]{12}\b", r"\1-DIGEST", text)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_dockerfile_is_word_by_word_what_its_golden_file_says(name: str, base: Image, project: Path) -> None:
    text = _without_digests(render(CASES[name](base, project), SETTINGS).text)
    golden = GOLDEN / f"{name}.Dockerfile"
    if os.environ.get("FLYTE_CORE_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_kind_of_layer_has_a_golden_file(base: Image, project: Path) -> None:
    from flyte_core.images.dockerfile.layers import _RENDERERS

    kinds = {layer.kind for make in CASES.values() for layer in make(base, project).layers}
    assert kinds == set(_RENDERERS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_dockerfile_can_be_read_by_a_person(name: str, base: Image, project: Path) -> None:
    text = render(CASES[name](base, project), SETTINGS).text
    assert not text.startswith("# syntax=")
    assert max(map(len, text.splitlines())) <= 200
    assert "\n\n\n" not in text


def test_the_same_image_is_the_same_plan_in_every_process(project: Path) -> None:
    program = (
        "import sys; from flyte_core.models import Image, Secret; from flyte_core.images.dockerfile import render;"
        "from flyte_core.images.settings import ImageSettings;"
        "image = Image.from_base('python:3.12').clone(name='a', python_version=(3, 12));"
        "image = image.with_requirements(sys.argv[1]).with_commands(['true'], secret_mounts=['B', Secret(key='c')]);"
        "print(render(image, ImageSettings()))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(project / "requirements.txt")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_changed_file_changes_the_instruction_that_mounts_it(base: Image, project: Path) -> None:
    image = base.with_requirements(project / "requirements.txt")
    before = render(image, SETTINGS).text
    (project / "more" / "base.txt").write_text("idna<4\n")
    assert render(image, SETTINGS).text != before


def test_an_image_without_python_packages_has_no_uv_and_no_environment(base: Image, project: Path) -> None:
    text = render(base.with_apt_packages("git").with_workdir("/x").with_commands(["uv --version"]), SETTINGS).text
    assert text.count("FROM") == 1
    assert "venv" not in text
    assert "/opt/uv" not in text


def test_an_image_of_variables_and_files_alone_keeps_the_user_of_its_base(base: Image, project: Path) -> None:
    assert "USER" not in render(base.with_env_vars({"A": "1"}).with_source_file(project / "own.py"), SETTINGS).text


@frozen(kw_only=True, slots=False)
class _Unknown(Layer):
    kind = "nix"


def test_a_layer_of_an_unknown_kind_is_named_with_its_class(base: Image) -> None:
    with pytest.raises(ImageBuildError, match=r"layer 2 is of kind 'nix' \(.*_Unknown\).*known are apt, commands"):
        render(base.with_workdir("/x").clone(addl_layer=_Unknown()), SETTINGS)


def test_an_image_without_a_base_is_refused() -> None:
    with pytest.raises(ImageBuildError, match="has no base image"):
        render(Image.from_ref_name("known"), SETTINGS)


@pytest.mark.parametrize(
    ("name", "mirrors", "expected"),
    [
        ("python:3.12", {}, "python:3.12"),
        ("python:3.12", {"docker.io": "mirror.example.com/hub"}, "mirror.example.com/hub/library/python:3.12"),
        ("python:3.12", {"index.docker.io": "mirror.example.com"}, "mirror.example.com/library/python:3.12"),
        ("ghcr.io/a/b@sha256:" + "0" * 64, {"ghcr.io": "m.example.com/x/"}, "m.example.com/x/a/b@sha256:" + "0" * 64),
        ("ghcr.io/a/b:1", {"docker.io": "m.example.com"}, "ghcr.io/a/b:1"),
    ],
)
def test_a_base_is_pulled_from_its_registrys_mirror(name: str, mirrors: dict[str, str], expected: str) -> None:
    image = Image.from_base(name).clone(name="app").with_env_vars({"A": "1"})
    assert f"\nFROM {expected}\n" in f"\n{render(image, ImageSettings(mirrors=mirrors)).text}"


def test_a_qualified_base_has_its_registry(base: Image) -> None:
    text = render(base.with_env_vars({"A": "1"}), SETTINGS, qualified=True).text
    assert text.startswith("FROM docker.io/library/python:3.12-slim\n")


def test_an_index_of_the_settings_counts_where_the_layer_names_none(base: Image) -> None:
    settings = ImageSettings(
        index_url="https://a.example.com/simple", extra_index_urls=["https://b.example.com/simple"]
    )
    steps = [step.text for step in render(base.with_pip_packages("six"), settings).steps]
    for step in (next(one for one in steps if "--target /opt/uv" in one), next(one for one in steps if "six" in one)):
        assert "--index-url https://a.example.com/simple" in step
        assert "--extra-index-url https://b.example.com/simple" in step
    own = base.with_pip_packages(
        "six", index_url="https://own.example.com", extra_index_urls="https://more.example.com"
    )
    step = next(one.text for one in render(own, settings).steps if "six" in one.text)
    assert re.findall(r"index-url (\S+)", step) == ["https://own.example.com", "https://more.example.com"]


def test_wheels_of_the_settings_are_found_and_offline_asks_no_index(base: Image, project: Path) -> None:
    (project / "wheels" / "notes.txt").write_text("no wheel")
    settings = ImageSettings(wheels=str(project / "wheels"), offline=True, index_url="https://a.example.com")
    plan = render(base.with_pip_packages("own", index_url="https://own.example.com"), settings)
    mounts = re.findall(r"source=(wheels-[0-9a-f]{12}),target=/mnt/wheels", plan.text)
    assert len(mounts) == 2
    assert [file.path for file in plan.files] == [f"{mounts[0]}/own-1-py3-none-any.whl"]
    assert "example.com" not in plan.text
    assert plan.text.count("--no-index") == 2
    assert "venv --cache-dir /var/cache/uv --offline" in plan.text


def test_a_folder_of_wheels_that_is_not_there_is_named(base: Image, tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match=r"images\.wheels: .*absent: there is no such folder"):
        render(base.with_pip_packages("six"), ImageSettings(wheels=str(tmp_path / "absent")))


def test_apt_sources_of_the_settings_stand_in_for_the_images_own(base: Image, project: Path) -> None:
    (project / "apt").write_text("deb https://deb.example.com stable main\n")
    plan = render(base.with_apt_packages("git"), ImageSettings(apt_sources=str(project / "apt")))
    options = "-o Dir::Etc::sourcelist=/mnt/apt/sources.list -o Dir::Etc::sourceparts=-"
    assert plan.text.count(options) == 2
    assert [Path(str(file.source)) for file in plan.files] == [project / "apt"]


def test_a_locked_project_comes_from_the_settings_own_index(base: Image, project: Path) -> None:
    image = base.with_uv_project(project / "pyproject.toml", extra_args="--no-dev")
    text = render(image, ImageSettings(index_url="https://a.example.com/simple")).text
    assert "uv export" in text
    assert "--frozen --no-emit-project \\\n    --no-dev \\\n" in text
    assert "uv sync" not in text


def test_uv_may_come_from_an_image_by_way_of_a_mirror(base: Image) -> None:
    settings = ImageSettings(uv="image:ghcr.io/astral-sh/uv:0.8", mirrors={"ghcr.io": "m.example.com"})
    text = render(base.with_pip_packages("six"), settings).text
    assert "COPY --from=m.example.com/astral-sh/uv:0.8 /uv /opt/uv/bin/uv" in text
    assert "pip3" not in text
    assert "python3 -m pip" not in text


def test_uv_may_be_an_image_of_its_own(base: Image) -> None:
    image = base.with_pip_packages("six")
    stage = render_uv(image, SETTINGS)
    assert stage is not None
    assert stage.text in render(image, SETTINGS).text + "\n"
    text = render(image, SETTINGS, uv_from="localhost/uv:1").text
    assert text.count("FROM") == 1
    assert "from=localhost/uv:1,source=/opt/uv" in text
    assert render_uv(base.with_apt_packages("git"), SETTINGS) is None


def test_a_project_without_a_package_is_not_installed_by_itself(base: Image, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.poetry]\npackage-mode = false\n")
    text = render(_poetry_project_whole(base, project), SETTINGS).text
    assert "uv pip install" not in text
    assert "--no-root" in text


def test_words_with_an_open_quote_are_refused(base: Image) -> None:
    with pytest.raises(InvalidValueError, match="extra_args"):
        render(base.with_pip_packages("six", extra_args="--config 'x"), SETTINGS)


def test_a_secrets_path_that_would_end_its_option_is_refused(base: Image) -> None:
    image = base.with_commands(["true"], secret_mounts=Secret(key="x", mount="/a,required=false"))
    with pytest.raises(InvalidValueError, match="without blanks, commas"):
        render(image, SETTINGS)


def test_a_dockerfile_is_built_as_it_is_with_what_its_ignore_file_leaves(tmp_path: Path) -> None:
    text = "# own\nFROM busybox\nCOPY . /app\nRUN true && \\\n  false\n"
    (tmp_path / "Own.Dockerfile").write_text(text)
    (tmp_path / ".dockerignore").write_text("*.log\n")
    (tmp_path / "a.log").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("x")
    (tmp_path / "empty").mkdir()
    plan = render(Image.from_dockerfile(tmp_path / "Own.Dockerfile", registry="r.example.com", name="app"), SETTINGS)
    assert plan.text == text
    assert [file.path for file in plan.files] == [".dockerignore", "Own.Dockerfile", "sub/b"]
    assert plan.folders == ("empty",)
    assert [step.words for step in plan.steps] == ["FROM busybox", "COPY . /app", "RUN true && false"]


def test_a_dockerfile_that_copies_nothing_gets_no_files(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN true\n")
    (tmp_path / "huge").write_text("x")
    plan = render(Image.from_dockerfile(tmp_path / "Dockerfile", registry="r.example.com", name="app"), SETTINGS)
    assert plan.files == ()


def test_a_dry_run_tells_dockerfile_files_sizes_and_secrets_by_name(base: Image, project: Path) -> None:
    image = base.with_source_folder(project / "more").with_commands(["true"], secret_mounts=Secret(key="k", group="g"))
    plan: Plan = render(image, SETTINGS)
    told = describe(plan)
    assert told.startswith(plan.text)
    assert "Build context, 1 file, 5 bytes:\n           5  01-copy/base.txt" in told
    assert told.endswith(": k of g")
