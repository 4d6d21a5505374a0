"""What counts of each kind of layer, and what does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError, MissingSourceError, SourceError
from flyte_core.models import (
    AptPackages,
    Commands,
    CopyConfig,
    DockerIgnore,
    Env,
    Image,
    PipPackages,
    PoetryProject,
    PythonWheels,
    Requirements,
    Secret,
    UVProject,
    UVScript,
    WorkDir,
    layer_files,
)

APP = Image.from_debian_base(python_version=(3, 12), name="app")
HEADER = "# /// script\n# dependencies = [{}]\n# ///\n"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def tag(layer):
    return APP.clone(addl_layer=layer).uri.rpartition(":")[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("home"),
        {
            "r.txt": "httpx\n-r more.txt\n",
            "more.txt": "",
            "other.txt": "requests\n",
            "wheels/a-1-py3-none-any.whl": "a",
            "wheels2/a-2-py3-none-any.whl": "a",
            "project/pyproject.toml": "[project]",
            "project/uv.lock": "1",
            "project/poetry.lock": "1",
            "project/src/a.py": "",
            "second/pyproject.toml": "[project]\n",
            "second/uv.lock": "2",
            "second/poetry.lock": "2",
            "main.py": HEADER.format('"httpx"'),
            "other.py": HEADER.format('"requests"'),
            "folder/a": "1",
            "folder2/a": "2",
            "ignored": "*.log\n",
            "ignored2": "*.txt\n",
        },
    )


PIP = {
    "index_url": ["https://a.example", "https://b.example"],
    "extra_index_urls": [("https://a.example",), ("https://a.example", "https://b.example"), ("https://b.example",)],
    "pre": [True],
    "extra_args": ["--no-deps", "--no-cache"],
    "secret_mounts": [
        ("a",),
        ("a", "b"),
        (Secret(key="a"),),
        (Secret(key="a", group="b"),),
        (Secret(key="a", mount="/a"),),
    ],
}
# For each kind: fields of one layer, and for each field other values. Texts that begin with @ are paths below home.
KINDS = {
    PipPackages: ({}, {**PIP, "packages": [("a",), ("a", "b"), ("b", "a"), ("ab",)]}),
    Requirements: ({"file": "@r.txt"}, {**PIP, "file": ["@other.txt", "@more.txt"], "packages": [("a",)]}),
    PythonWheels: (
        {"wheel_dir": "@wheels", "package_name": "a"},
        {**PIP, "wheel_dir": ["@wheels2"], "package_name": ["b"]},
    ),
    UVProject: (
        {"pyproject": "@project/pyproject.toml", "uvlock": "@project/uv.lock"},
        {
            **PIP,
            "pyproject": ["@second/pyproject.toml"],
            "uvlock": ["@second/uv.lock"],
            "project_install_mode": ["install_project"],
        },
    ),
    PoetryProject: (
        {"pyproject": "@project/pyproject.toml", "poetry_lock": "@project/poetry.lock"},
        {
            "pyproject": ["@second/pyproject.toml"],
            "poetry_lock": ["@second/poetry.lock"],
            "extra_args": PIP["extra_args"],
            "secret_mounts": PIP["secret_mounts"],
            "project_install_mode": ["install_project"],
        },
    ),
    UVScript: ({"script": "@main.py"}, {**PIP, "script": ["@other.py"]}),
    AptPackages: (
        {"packages": ("a",)},
        {"packages": [("b",), ("a", "b"), ("b", "a"), ("ab",)], "secret_mounts": PIP["secret_mounts"]},
    ),
    Commands: (
        {"commands": ("a",)},
        {"commands": [("b",), ("a", "b"), ("b", "a"), ("ab",), ("a\nb",)], "secret_mounts": PIP["secret_mounts"]},
    ),
    WorkDir: ({"workdir": "/a"}, {"workdir": ["/b", "/a/"]}),
    Env: ({"env_vars": (("a", "b"),)}, {"env_vars": [(), (("a", "c"),), (("b", "b"),), (("a", "b"), ("a", "b"))]}),
    DockerIgnore: ({"path": "@ignored"}, {"path": ["@ignored2"]}),
    CopyConfig: (
        {"path_type": 1, "src": "@folder", "dst": "."},
        {"src": ["@folder2"], "dst": ["./a", "/a"]},
    ),
}


def make(kind, fields, home):
    return kind(**{name: str(home / value[1:]) if str(value)[:1] == "@" else value for name, value in fields.items()})


def variants(home):
    for kind, (fields, others) in KINDS.items():
        yield make(kind, fields, home)
        for name, values in others.items():
            for value in values:
                yield make(kind, {**fields, name: value}, home)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_has_other_values_here(kind):
    fields = {one.name for one in kind.__attrs_attrs__}
    assert fields - set(KINDS[kind][1]) == ({"path_type"} if kind is CopyConfig else set())


def test_every_field_of_every_kind_counts_and_no_two_kinds_are_alike(home):
    layers = list(variants(home))
    tags = {}
    for layer in layers:
        tags.setdefault(tag(layer), []).append(layer)
    assert [alike for alike in tags.values() if len(alike) > 1] == []


def test_every_layer_here_is_valid(home):
    for layer in variants(home):
        layer.validate()
        APP.clone(addl_layer=layer).validate()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kinds_are_told_apart_by_their_names(kind):
    assert [other for other in KINDS if other.kind == kind.kind] == [kind]


def test_a_kind_of_ones_own_is_not_taken_for_another_with_the_same_fields():
    class Conda(AptPackages):
        kind = "conda"

    assert tag(Conda("a")) != tag(AptPackages("a"))


# A plain sign, and those that an encoding or a command line separates by.
TEXTS = st.text("ab ,:=;/$-é", min_size=1, max_size=3).filter(str.strip)
LISTS = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
NAMES = st.text("ab_", min_size=1, max_size=2)
SECRETS = st.none() | st.lists(
    st.builds(Secret, st.text("ab", min_size=1)) | st.text("ab", min_size=1), min_size=1
).map(tuple)
OPTIONS = {
    "index_url": st.none() | TEXTS,
    "extra_index_urls": st.none() | LISTS,
    "pre": st.booleans(),
    "extra_args": st.none() | TEXTS,
    "secret_mounts": SECRETS,
}
GENERATED = st.one_of(
    st.builds(PipPackages, packages=st.none() | LISTS, **OPTIONS),
    st.builds(AptPackages, LISTS, SECRETS),
    st.builds(Commands, LISTS, SECRETS),
    st.builds(WorkDir, TEXTS),
    st.builds(Env, st.lists(st.tuples(NAMES, TEXTS), max_size=3).map(tuple)),
)


@given(st.lists(GENERATED, max_size=3), st.lists(GENERATED, max_size=3))
def test_images_have_one_tag_only_when_all_layers_are_the_same(one, two):
    tags = [APP._with(layers=tuple(layers)).content_hash() for layers in (one, two)]
    assert (tags[0] == tags[1]) == (one == two)


PATHS = {
    "r.txt": TEXTS,
    "more.txt": TEXTS,
    "folder/a": TEXTS,
    "folder/ab": TEXTS,
    "project/uv.lock": TEXTS,
    "project/b": TEXTS,
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.fixed_dictionaries({}, optional=PATHS), two=st.fixed_dictionaries({}, optional=PATHS))
def test_contents_that_differ_make_tags_that_differ(tmp_path_factory, one, two):
    tags = []
    for files in (one, two):
        root = write(
            tmp_path_factory.mktemp("root"),
            {"r.txt": "", "more.txt": "", "folder/x": "", "project/pyproject.toml": "", "project/uv.lock": "", **files},
        )
        (root / "r.txt").write_text("-c more.txt\n" + files.get("r.txt", ""))
        image = APP.with_requirements(root / "r.txt").with_source_folder(root / "folder")
        tags.append(image.with_uv_project(root / "project/pyproject.toml", project_install_mode="install_project").uri)
    contents = [{name: text for name, text in files.items() if text or "/" in name} for files in (one, two)]
    assert (tags[0] == tags[1]) == (contents[0] == contents[1])


def images(root):
    return [
        APP.with_requirements(root / "r.txt"),
        APP.clone(addl_layer=PythonWheels(wheel_dir=root / "wheels", package_name="a")),
        APP.with_uv_project(root / "project/pyproject.toml"),
        APP.with_uv_project(root / "project/pyproject.toml", project_install_mode="install_project"),
        APP.with_poetry_project(root / "project/pyproject.toml"),
        APP.with_poetry_project(root / "project/pyproject.toml", project_install_mode="install_project"),
        Image.from_uv_script(root / "main.py", name="app", python_version=(3, 12)),
        APP.with_source_file(root / "r.txt"),
        APP.with_source_folder(root / "folder"),
        APP.with_dockerignore(root / "ignored").with_source_folder(root / "folder"),
        APP.with_pip_packages("a", "b", secret_mounts=[Secret(key="k", group="g")]).with_env_vars({"B": "1", "A": "2"}),
    ]


PROGRAM = """
import pathlib, runpy, sys
images = runpy.run_path(sys.argv[1])["images"](pathlib.Path(sys.argv[2]))
print([image.uri for image in images])
"""


def test_a_tag_is_the_same_in_every_process_place_and_time(home, tmp_path):
    there = tmp_path / "deeper" / "place"
    shutil.copytree(home, there)
    for base, _, names in os.walk(there):
        for name in names:
            os.utime(os.path.join(base, name), (1, 1))
    told = {str([one.uri for one in images(home)]), str([one.uri for one in images(there)])}
    for seed, root in (("1", home), ("2", there)):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROGRAM, __file__, root]
        told.add(subprocess.run(command, env=env, check=True, capture_output=True, text=True, cwd="/").stdout.strip())
    assert len(told) == 1


def test_a_path_may_be_relative_and_a_text(home, monkeypatch):
    monkeypatch.chdir(home)
    assert [one.uri for one in images(Path())] == [one.uri for one in images(home)]
    assert (
        APP.with_uv_project("project/pyproject.toml", "project/uv.lock").uri
        == APP.with_uv_project(home / "project/pyproject.toml").uri
    )
    assert APP.with_source_folder("folder") == APP.with_source_folder(Path("folder"))
    assert APP.with_source_folder("folder").layers[-1] == CopyConfig(1, Path("folder"), "./folder")
    assert APP.with_source_folder("folder", copy_contents_only=True).layers[-1].dst == "."
    assert APP.with_source_folder("folder", "/app").layers[-1].dst == "/app"


def test_declaring_reads_no_file():
    nowhere = Path("/nowhere")
    APP.with_requirements(nowhere / "r.txt").with_uv_project(nowhere / "p").with_poetry_project(nowhere / "p")
    APP.with_source_file(nowhere).with_source_folder(nowhere).with_dockerignore(nowhere)
    Image.from_dockerfile(nowhere, registry="r", name="n")
    Image.from_uv_script(nowhere, name="n")


MISSING = {
    "Requirements": APP.with_requirements("/nowhere/r.txt"),
    "PythonWheels": APP.clone(addl_layer=PythonWheels(wheel_dir="/nowhere", package_name="a")),
    "UVProject": APP.with_uv_project("/nowhere/pyproject.toml"),
    "PoetryProject": APP.with_poetry_project("/nowhere/pyproject.toml"),
    "UVScript": Image.from_uv_script("/nowhere/main.py", name="app"),
    "DockerIgnore": APP.with_dockerignore("/nowhere/ignored"),
    "CopyConfig file": APP.with_source_file("/nowhere/a"),
    "CopyConfig folder": APP.with_source_folder("/nowhere"),
    "Dockerfile": Image.from_dockerfile("/nowhere/Dockerfile", registry="r", name="n"),
}


@pytest.mark.parametrize("image", MISSING.values(), ids=MISSING)
@pytest.mark.parametrize("ask", [lambda image: image.uri, lambda image: image.validate()], ids=["uri", "validate"])
def test_what_is_missing_is_found_out_when_it_is_needed(image, ask):
    with pytest.raises(MissingSourceError, match="nowhere") as caught:
        ask(image)
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("field", ["uvlock", "poetry_lock"])
def test_a_missing_lock_file_is_named(tmp_path, field):
    write(tmp_path, {"pyproject.toml": ""})
    image = (APP.with_uv_project if field == "uvlock" else APP.with_poetry_project)(tmp_path / "pyproject.toml")
    with pytest.raises(MissingSourceError, match=r"(uv|poetry)\.lock"):
        image.validate()


WRONG = {
    "a folder as requirements": lambda home: Requirements(file=home / "folder.txt"),
    "a file as wheels": lambda home: PythonWheels(wheel_dir=home / "file", package_name="a"),
    "no wheel": lambda home: PythonWheels(wheel_dir=home / "folder.txt", package_name="a"),
    "a folder as pyproject": lambda home: UVProject(home, home / "file"),
    "a folder as lock": lambda home: PoetryProject(home / "file", home),
    "a folder as script": lambda home: UVScript(home),
    "a suffix of a script": lambda home: UVScript(home / "file"),
    "a script without header": lambda home: UVScript(home / "main.py"),
    "a folder as rules": lambda home: DockerIgnore(home),
    "a folder as file": lambda home: CopyConfig(0, home, "."),
    "a file as folder": lambda home: CopyConfig(1, home / "file", "."),
}


@pytest.mark.parametrize("layer", WRONG.values(), ids=WRONG)
def test_what_is_of_another_kind_is_refused_by_validate(tmp_path, layer):
    write(tmp_path, {"file": "", "folder.txt/a": "", "main.py": ""})
    with pytest.raises(ValueError, match=tmp_path.name) as caught:
        layer(tmp_path).validate()
    assert isinstance(caught.value, (SourceError, InvalidValueError))


@pytest.mark.parametrize(
    ("make", "error", "named"),
    [
        (lambda: Requirements(file="r.in"), InvalidValueError, r"\.txt"),
        (lambda: Requirements(file=5), InvalidTypeError, "file"),
        (lambda: Requirements(file=""), InvalidValueError, "file"),
        (lambda: PythonWheels(wheel_dir="a", package_name=""), InvalidValueError, "package_name"),
        (lambda: UVProject("p", "l", "all"), InvalidValueError, "project_install_mode"),
        (lambda: PoetryProject("p", "l", extra_args=5), InvalidTypeError, "extra_args"),
        (lambda: PoetryProject("p", "l", project_install_mode="x"), InvalidValueError, "project_install_mode"),
        (lambda: CopyConfig(2, "a", "."), InvalidValueError, "path_type"),
        (lambda: CopyConfig(True, "a", "."), InvalidValueError, "path_type"),
        (lambda: CopyConfig(0, None, "."), InvalidTypeError, "src"),
        (lambda: CopyConfig(0, "a", ""), InvalidValueError, "dst"),
        (lambda: DockerIgnore(None), InvalidTypeError, "path"),
        (lambda: PipPackages(packages=("a\nb",)), InvalidValueError, "one line"),
        (lambda: PipPackages(index_url=5), InvalidTypeError, "index_url"),
        (lambda: PipPackages(extra_args="a\nb"), InvalidValueError, "extra_args"),
        (lambda: AptPackages("a\rb"), InvalidValueError, "one line"),
        (lambda: Commands("a\0b"), InvalidValueError, "commands"),
        (lambda: WorkDir("/a\nRUN b"), InvalidValueError, "workdir"),
        (lambda: Env((("1a", ""),)), InvalidValueError, "1a"),
        (lambda: Env((("a b", ""),)), InvalidValueError, "a b"),
        (lambda: Env((("A\n", ""),)), InvalidValueError, "A"),
        (lambda: Env((("A", "\0"),)), InvalidValueError, "NUL"),
        (lambda: Env((("A", 1),)), InvalidTypeError, "texts"),
        (lambda: APP.with_source_folder(5), InvalidTypeError, "src"),
        (lambda: Image.from_dockerfile(5, registry="r", name="n"), InvalidTypeError, "file"),
        (lambda: Image.from_dockerfile("D", registry="r", name="n", platform="x"), InvalidValueError, "platform"),
    ],
)
def test_a_wrong_field_is_refused_when_it_is_declared(make, error, named):
    with pytest.raises(error, match=named):
        make()


HOLDERS = {
    "index_url": lambda text: PipPackages(index_url=text),
    "extra_index_urls": lambda text: PipPackages(extra_index_urls=["https://a", text]),
    "extra_args": lambda text: PipPackages(extra_args=f"--find-links {text}"),
    "extra_args of Poetry": lambda text: PoetryProject("p", "l", f"--source {text}"),
    "packages": lambda text: PipPackages(packages=(f"a @ git+{text}",)),
    "commands": lambda text: Commands(f"curl {text}"),
    "env_vars": lambda text: Env((("A", text),)),
}


@pytest.mark.parametrize("make", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("userinfo", ["user:hunter2", "hunter2", ":hunter2", "$USER:hunter2", "hunter2:$A-b"])
def test_credentials_in_a_url_are_refused_and_not_repeated(make, userinfo):
    with pytest.raises(InvalidValueError, match="secret_mounts") as caught:
        make(f"https://{userinfo}@pypi.example.com/simple")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("make", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("userinfo", ["$TOKEN", "user:$TOKEN", "${TOKEN}", "user:${TOKEN}", "user:$(cat)"])
def test_a_url_may_name_the_variable_of_a_secret(make, userinfo):
    make(f"https://{userinfo}@pypi.example.com/simple")


@pytest.mark.parametrize("text", ["git+ssh://git@host/a", "https://host/@scope/a", "https://host?a=b@c", "a@b", "://@"])
def test_what_only_looks_like_credentials_is_allowed(text):
    PipPackages(index_url=text)


def test_a_secret_in_an_error_is_masked_even_where_the_other_fault_comes_first():
    with pytest.raises(InvalidValueError) as caught:
        PipPackages(packages=("a @ https://u:hunter2@host\n",))
    assert "hunter2" not in str(caught.value)


def test_the_body_of_a_script_and_the_order_of_its_keys_do_not_count(tmp_path):
    header = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["a"]\n# ///\n'
    swapped = '# /// script\n# dependencies = [\n#   "a"\n# ]\n# requires-python = ">=3.11"\n# ///\n'
    write(tmp_path, {"a.py": f"{header}print(1)", "b.py": f"x = 1\n{swapped}"})
    assert tag(UVScript(tmp_path / "a.py")) == tag(UVScript(tmp_path / "b.py"))


def test_dates_and_numbers_of_a_header_count(tmp_path):
    values = ["2024-01-01", "2024-01-02", '"2024-01-01"', "1", "1.0", "true", "[1]", "{ a = 1 }"]
    write(tmp_path, {f"{at}.py": f"# /// script\n# tool.x = {value}\n# ///\n" for at, value in enumerate(values)})
    assert len({tag(UVScript(tmp_path / f"{at}.py")) for at in range(len(values))}) == len(values)


def test_a_requirements_file_counts_with_what_it_includes(tmp_path):
    write(tmp_path, {"in/r.txt": "-r ../c.txt\n-r a.txt\n", "c.txt": "1", "in/a.txt": "2"})
    layer = Requirements(file=tmp_path / "in/r.txt")
    assert [one.name for one in layer_files(layer, APP)] == ["in/r.txt", "c.txt", "in/a.txt"]
    first = tag(layer)
    (tmp_path / "c.txt").write_text("2")
    (tmp_path / "in/a.txt").write_text("1")
    assert tag(layer) != first
    (tmp_path / "c.txt").unlink()
    with pytest.raises(MissingSourceError, match=r"c\.txt"):
        layer.validate()


def test_only_wheels_count_of_a_folder_of_wheels(tmp_path):
    write(tmp_path, {"a.whl": "1", "notes.txt": "1", "b.whl/x": ""})
    layer = PythonWheels(wheel_dir=tmp_path, package_name="a")
    first = tag(layer)
    write(tmp_path, {"notes.txt": "2"})
    assert (tag(layer), [one.name for one in layer.files()]) == (first, ["a.whl"])
    (tmp_path / "a.whl").rename(tmp_path / "c.whl")
    assert tag(layer) != first
    assert layer.wheel_dir_name == tmp_path.name


def test_an_installed_project_counts_as_a_whole_and_keeps_its_two_files(tmp_path):
    write(
        tmp_path,
        {
            "p/pyproject.toml": "1",
            "p/uv.lock": "2",
            "p/src/a.py": "3",
            "p/src/__pycache__/a.pyc": "4",
            "p/b.log": "5",
            "p/.dockerignore": "*.log\nuv.lock\npyproject.toml\n",
            "elsewhere.lock": "6",
        },
    )
    layer = UVProject(tmp_path / "p/pyproject.toml", tmp_path / "p/uv.lock", "install_project")
    assert [one.name for one in layer_files(layer, APP)] == ["pyproject.toml", "uv.lock", ".dockerignore", "src/a.py"]
    moved = UVProject(tmp_path / "p/pyproject.toml", tmp_path / "elsewhere.lock", "install_project")
    assert [Path(one.path).read_text() for one in layer_files(moved, APP)][:2] == ["1", "6"]
    tags = [tag(layer)]
    for name in ("p/src/a.py", "p/uv.lock", "p/pyproject.toml", "p/new"):
        write(tmp_path, {name: "x"})
        tags.append(tag(layer))
    assert len(set(tags)) == 5
    write(tmp_path, {"p/b.log": "y", "p/src/__pycache__/b.pyc": ""})
    assert tag(layer) == tags[-1]


def test_what_is_ignored_is_neither_hashed_nor_copied(tmp_path):
    write(tmp_path, {"src/a.py": "", "src/a.log": "", "src/.git/HEAD": "", "src/.venv/x": "", "rules": "*.py\n"})
    image = APP.with_source_folder(tmp_path / "src")

    def names(image):
        return [one.name for layer in image.layers for one in layer_files(layer, image)]

    assert names(image) == ["a.log", "a.py"]
    before = image.uri
    write(tmp_path, {"src/.git/HEAD": "changed", "src/.venv/y": ""})
    assert APP.with_source_folder(tmp_path / "src").uri == before
    write(tmp_path, {"src/.dockerignore": "*.log\n.dockerignore\n"})
    assert names(image) == ["a.py"]
    # The image's own file stands in for the one in the folder, before the layer or after it.
    assert names(image.with_dockerignore(tmp_path / "rules")) == [".dockerignore", "a.log"]
    other = APP.with_dockerignore(tmp_path / "rules").with_source_folder(tmp_path / "src")
    assert names(other) == [".dockerignore", "a.log"]
    first = other.uri
    write(tmp_path, {"src/a.py": "changed"})
    assert APP.with_dockerignore(tmp_path / "rules").with_source_folder(tmp_path / "src").uri == first


def test_the_ignore_file_of_a_folder_above_is_anchored_there_too(tmp_path):
    write(tmp_path, {"src/a": "", "src/b": "", "src/c": "", "rules": "src/a\nb\n", "beside/rules": "src/a\nb\n"})
    image = APP.with_source_folder(tmp_path / "src")

    def names(rules):
        return [one.name for one in layer_files(image.layers[-1], image.with_dockerignore(rules))]

    assert names(tmp_path / "rules") == ["c"]
    assert names(tmp_path / "beside" / "rules") == ["a", "c"]


def test_the_last_dockerignore_of_an_image_counts(tmp_path):
    write(tmp_path, {"src/a": "", "src/b": "", "one": "a", "two": "b"})
    image = (
        APP.with_dockerignore(tmp_path / "one").with_dockerignore(tmp_path / "two").with_source_folder(tmp_path / "src")
    )
    assert [one.name for one in layer_files(image.layers[-1], image)] == ["a"]
    assert image.dockerignore == str(tmp_path / "two")
    assert APP.dockerignore is None


def test_comments_of_ignore_rules_do_not_count(tmp_path):
    write(tmp_path, {"one": "# comment\n*.log\n", "two": "*.log"})
    assert tag(DockerIgnore(tmp_path / "one")) == tag(DockerIgnore(tmp_path / "two"))


def test_the_name_and_the_bit_of_a_copied_file_count(tmp_path):
    write(tmp_path, {"a": "1", "b": "1", "deep/a": "1"})
    copies = [CopyConfig(0, tmp_path / name, ".") for name in ("a", "b", "deep/a")]
    first, second, third = map(tag, copies)
    assert (first != second, first == third) == (True, True)
    (tmp_path / "a").chmod(0o755)
    assert tag(copies[0]) != first
    (tmp_path / "link").symlink_to("a")
    (file,) = CopyConfig(0, tmp_path / "link", ".").files()
    assert (file.name, file.path, file.executable, file.target) == (
        "link",
        os.path.realpath(tmp_path / "a"),
        True,
        None,
    )


def test_links_in_a_folder_are_copied_as_links(tmp_path):
    write(tmp_path, {"src/a": ""})
    (tmp_path / "src/out").symlink_to("../secret")
    files = CopyConfig(1, tmp_path / "src", ".").files()
    assert [(one.name, one.target) for one in files] == [("a", None), ("out", "../secret")]


def test_a_script_has_its_name():
    assert UVScript("a/main.py").script_name == "main.py"
