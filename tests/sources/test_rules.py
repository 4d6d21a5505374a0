"""Ignore rules, against the tables of the documentation, against Git, and against the engine that builds."""

import os
import random
import subprocess

import pytest

from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources import (
    STANDARD_IGNORED,
    DockerIgnorePattern,
    IgnoreRules,
    list_tree,
    read_dockerignore,
    read_gitignore,
    standard_rules,
)
from tests.support.engines import skip_or_fail


def docker(*lines):
    return IgnoreRules(read_dockerignore(".dockerignore", lines=lines))


def git(*lines):
    return IgnoreRules(read_gitignore(".gitignore", lines=lines))


# The tables and sentences of https://docs.docker.com/build/concepts/context/#dockerignore-files, one by one.
DOCUMENTED = [
    (["# comment", "*/temp*"], ["somedir/temporary.txt", "somedir/temp"], ["temp", "a/b/temp", "# comment"]),
    (["*/*/temp*"], ["somedir/subdir/temporary.txt"], ["somedir/temporary.txt"]),
    (["temp?"], ["tempa", "tempb"], ["temp", "tempab", "a/tempa"]),
    (["**/*.go"], ["a.go", "a/b.go", "a/b/c.go"], ["a.gox"]),
    (["/foo/bar"], ["foo/bar", "foo/bar/baz"], ["a/foo/bar"]),
    (["foo/bar"], ["foo/bar"], ["a/foo/bar"]),
    (["foo/bar/"], ["foo/bar", "foo/bar/a"], ["foo/barr"]),
    (["./foo/../bar"], ["bar"], ["foo"]),
    (["*.md", "!README.md"], ["a.md"], ["README.md"]),
    (["*.md", "!README*.md", "README-secret.md"], ["a.md", "README-secret.md"], ["README.md", "README-b.md"]),
    (["*.md", "README-secret.md", "!README*.md"], ["a.md"], ["README-secret.md"]),
    (["*", "!src"], ["a", "lib/a"], ["src", "src/a", "src/a/b"]),
    (["docs", "!docs/a.md", "docs/a*"], ["docs/b", "docs/a.md"], []),
    (["[a-c]x", "[^a-c]y", "\\*z"], ["ax", "dy", "*z"], ["dx", "ay", "az"]),
    (["  spaces  ", "! a b ", ""], ["spaces"], ["a b"]),
    (["."], [], ["a"]),
]


@pytest.mark.parametrize(("lines", "ignored", "kept"), DOCUMENTED, ids=lambda value: " ".join(value) or "-")
def test_dockers_patterns_mean_what_its_documentation_says(lines, ignored, kept):
    rules = docker(*lines)
    assert [path for path in (*ignored, *kept) if rules.ignores(path)] == ignored


@pytest.mark.parametrize("sign", "+(){}^$|.-&~#")
def test_a_sign_that_means_nothing_to_docker_means_itself(sign):
    assert docker(f"a{sign}b").ignores(f"a{sign}b")
    assert not docker(f"a{sign}b").ignores("aab")


def test_the_rule_that_decides_is_named_with_its_file_and_line():
    rules = IgnoreRules((*standard_rules(), *read_dockerignore("x/rules.txt", lines=["# logs", "*.log", "!keep.log"])))
    assert rules.explain("a.log") == "ignored by rules.txt, line 2: *.log"
    assert rules.explain("keep.log") == "kept by rules.txt, line 3: !keep.log"
    assert rules.explain("a/.venv/lib/x.py") == "ignored by the standard set: **/.venv"
    assert rules.explain("main.py") is None


@pytest.mark.parametrize("name", [name.replace("*", "module") for name in STANDARD_IGNORED])
def test_the_standard_set_is_ignored_anywhere_unless_a_rule_keeps_it(name):
    rules = IgnoreRules((*standard_rules(), *read_dockerignore("r", lines=[f"!kept/{name}"])))
    assert [rules.ignores(path) for path in (name, f"a/b/{name}", f"a/{name}/x", f"kept/{name}/x")] == [
        True,
        True,
        True,
        False,
    ]


def test_a_file_in_a_folder_above_is_anchored_in_both_folders():
    lines = ["secret.txt", "src/key.pem", "*", "!src", "!*.md", "src/lib/*.md"]
    rules = IgnoreRules(read_dockerignore("r", above="src", lines=lines[:2]))
    assert [rules.ignores(path) for path in ("secret.txt", "key.pem", "a", "lib/secret.txt")] == [
        True,
        True,
        False,
        False,
    ]
    rules = IgnoreRules(read_dockerignore("r", above="src", lines=lines[2:]))
    assert [rules.ignores(path) for path in ("a.py", "lib/a.md", "lib/a.py")] == [False, True, False]


def test_a_missing_ignore_file_and_one_that_is_a_folder_are_named(tmp_path):
    with pytest.raises(MissingSourceError, match="nowhere"):
        read_dockerignore(tmp_path / "nowhere")
    (tmp_path / "rules").mkdir()
    with pytest.raises(SourceError, match="rules"):
        read_gitignore(tmp_path / "rules")


def test_a_mark_of_byte_order_is_no_part_of_the_first_rule(tmp_path):
    (tmp_path / "r").write_bytes(b"\xef\xbb\xbf*.log\r\n*.tmp\r\n")
    rules = IgnoreRules(read_dockerignore(tmp_path / "r"))
    assert rules.ignores("a.log")
    assert rules.ignores("a.tmp")


def test_git_keeps_no_file_of_an_ignored_folder_and_docker_does():
    assert git("docs/", "!docs/a.md").ignores("docs/a.md")
    assert not git("docs/*", "!docs/a.md").ignores("docs/a.md")
    assert not docker("docs/", "!docs/a.md").ignores("docs/a.md")


def test_rules_of_both_dialects_work_in_one_pipeline():
    rules = IgnoreRules(
        (
            *standard_rules(),
            *read_gitignore(".gitignore", lines=["dist/", "*.log", "!keep.log"]),
            *read_dockerignore(".dockerignore", lines=["!dist", "keep.log"]),
        )
    )
    seen = [rules.ignores(path) for path in ("dist/a", "dist/a.log", "a/b.log", "keep.log", "a/keep.log")]
    assert seen == [False, False, True, True, False]


# What Git and the engine are asked about.
FILES = """a|b|a.log|ab|a.b|A|a c|x[1]|#a|!a|a+b|(a)|{a}|a^b|docs/a|docs/a.log|docs/keep.md|docs/sub/a|docs/sub/b.log
docs/sub/deep/a|src/a|src/docs/a|src/docs/b.md|src/build/out|build/x|build/keep/x|docs.d/a""".replace("\n", "|").split(
    "|"
)
NAMES = ["a", "b", "docs", "sub", "src", "keep", "build", "deep", "a c", "ab"]
GLOBS = ["*", "**", "?", "*.log", "*.md", "[ab]", "[a-c]*", "[^a]", "d*", "a*", "*b", "a?b", "**a", "d**", "*.*"]
DOCKER_GLOBS = [*GLOBS, "**.log", "\\*", "x[[]1]", "..", ".", " a c ", "[!a]", "x*"]
GIT_GLOBS = [*GLOBS, "\\#a", "\\!a", "(a)", "a+b", "{a}", "a^b", "[!a]"]


@pytest.fixture
def project(tmp_path):
    for name in FILES:
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "project"


def dockerignore(choose):
    lines = []
    for _ in range(choose.randint(1, 6)):
        if choose.random() < 0.3:
            # Exceptions begin with plain names: engines differ in what they do with others below an ignored folder.
            parts = [*choose.sample(NAMES, choose.randint(0, 2)), choose.choice([*NAMES, "*.md", "*.log", "a*", "?"])]
            lines.append(choose.choice(["!", "! ", "!/", "!./"]) + "/".join(parts) + choose.choice(["", "/"]))
        else:
            parts = [choose.choice(NAMES + DOCKER_GLOBS) for _ in range(choose.randint(1, 3))]
            lines.append(choose.choice(["", "", "/", "./"]) + "/".join(parts) + choose.choice(["", "", "/"]))
    return lines


def gitignore(choose):
    lines = []
    for _ in range(choose.randint(1, 6)):
        parts = [choose.choice(NAMES + GIT_GLOBS) for _ in range(choose.choice([1, 1, 2, 3]))]
        before = choose.choice(["", "", "!"]) + choose.choice(["", "", "/", "**/"])
        lines.append(before + "/".join(parts) + choose.choice(["", "", "/", "/**", "/*"]))
    return lines


@pytest.mark.parametrize("block", range(4))
def test_git_lists_the_same_files(project, block):
    subprocess.run(["git", "init", "-q", project], check=True)
    for seed in range(block * 40, block * 40 + 40):
        lines = gitignore(random.Random(seed))
        (project / ".gitignore").write_text("\n".join(lines) + "\n")
        command = ["git", "-C", project, "ls-files", "-o", "--exclude-per-directory=.gitignore", "-z"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rules = IgnoreRules(read_gitignore(project / ".gitignore"))
        found = [entry.path for entry in list_tree(project, rules) if not entry.path.startswith(".git/")]
        assert found == sorted(set(told.split("\0")) - {""}), lines


def build(folder, dockerfile, output):
    command = ["docker", "build", "-q", "-f", dockerfile, "-o", f"type=local,dest={output}", folder]
    env = {**os.environ, "DOCKER_BUILDKIT": "1", "PATH": f"/usr/bin:{os.environ['PATH']}"}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError:
        skip_or_fail("there is no docker command")
    if done.returncode:
        skip_or_fail(f"the engine does not build: {done.stderr[-300:]}")
    return sorted(
        os.path.relpath(os.path.join(base, name), output) for base, _, names in os.walk(output) for name in names
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_engine_copies_the_same_files(project, tmp_path, seed):
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    lines = dockerignore(random.Random(seed))
    (project / ".dockerignore").write_text("\n".join(lines) + "\n")
    rules = IgnoreRules(read_dockerignore(project / ".dockerignore"))
    found = [entry.path for entry in list_tree(project, rules)]
    assert found == build(project, tmp_path / "Dockerfile", tmp_path / "copied"), lines


def test_a_folder_is_closed_when_no_later_rule_can_keep_something_in_it(tmp_path):
    (tmp_path / "node_modules" / "sub").mkdir(parents=True)
    (tmp_path / "node_modules" / "sub").chmod(0)
    try:
        # Root can look into it anyway; what counts is that the rules do not ask for it.
        assert list_tree(tmp_path, docker("**/node_modules", "!src/*", "!*.md")) == []
    finally:
        (tmp_path / "node_modules" / "sub").chmod(0o700)


@pytest.mark.parametrize(
    ("exception", "is_closed"),
    [
        ("!a/b", True),
        ("!docs", True),
        ("!docs/keep", False),
        ("!docs/sub/keep", False),
        ("!*/keep", False),
        ("!*", True),
        ("!d?cs/a", False),
        ("!x*/a", True),
        ("!**/keep", False),
    ],
)
def test_whether_an_ignored_folder_is_looked_into(exception, is_closed):
    rules = docker("docs", exception, "docs")
    assert rules.is_closed("docs", 2)
    rules = docker("docs", exception)
    assert rules.is_closed("docs", 0) == is_closed


def test_a_pattern_in_bytes_is_one_too():
    assert DockerIgnorePattern.pattern_to_regex(b"a") == DockerIgnorePattern.pattern_to_regex("a")
