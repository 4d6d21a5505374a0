import ast
import functools
import importlib.util
import linecache
import os
import subprocess
import sys
import textwrap

import pytest

from flyte_core.errors import InvalidTypeError
from flyte_core.models.fingerprint import function_fingerprint

SOURCE = '''
def work(x: int, *, y=("a", 1.5, None, ...)) -> int:
    """Doc."""
    seen = {u"a", "b", "c"}
    def inner(z): return z in {"p", "q", "r"}
    return sorted(seen)[x] + f"{x!r:>4}" if x else 1j
'''


def load(tmp_path, source, name="work", module="mod"):
    path = tmp_path / f"{module}.py"
    path.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location(module, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


def test_comments_layout_and_place_do_not_count(tmp_path):
    (tmp_path / "a").mkdir()
    changed = "# a comment\n\n\n" + SOURCE.replace("seen = ", "seen =  (").replace('"c"}', '"c"})  # why').replace(
        'u"a"', "'a'"
    )
    assert function_fingerprint(load(tmp_path, SOURCE)) == function_fingerprint(
        load(tmp_path / "a", changed, module="other")
    )


def test_indentation_does_not_count(tmp_path):
    nested = "class A:\n" + textwrap.indent(SOURCE, "    ") + "work = A.work\n"
    assert function_fingerprint(load(tmp_path, SOURCE)) == function_fingerprint(load(tmp_path, nested, module="other"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"b"', '"B"'),
        ("1.5", "1.25"),
        ("x else", "not x else"),
        ("Doc.", "Docs."),
        ("x: int,", "x: str,"),
        ("!r", "!s"),
        ("def work", "async def work"),
        ("\ndef work", "\n@__import__('functools').lru_cache()\ndef work"),
        ("None", "..."),
    ],
)
def test_every_change_of_the_code_counts(tmp_path, old, new):
    assert old in SOURCE
    one = function_fingerprint(load(tmp_path, SOURCE))
    assert one != function_fingerprint(load(tmp_path, SOURCE.replace(old, new, 1), module="other"))


def test_the_encoding_does_not_depend_on_the_version_of_python(tmp_path):
    assert (
        function_fingerprint(load(tmp_path, "def work(a, b=1):\n    return [a, *(b,)]\n"))
        == "9be906f4b2c89b24a1c2a380f98b2b7038bcd3b088bd0c57bf6061a5418a0265"
    )


def test_new_empty_fields_of_the_syntax_tree_do_not_count(tmp_path, monkeypatch):
    before = function_fingerprint(load(tmp_path, SOURCE))
    monkeypatch.setattr(ast.FunctionDef, "_fields", (*ast.FunctionDef._fields, "future_field"))
    monkeypatch.setattr(ast.FunctionDef, "future_field", [], raising=False)
    assert function_fingerprint(load(tmp_path, SOURCE)) == before


def executed(source):
    scope = {}
    exec(compile(source, "<made up>", "exec"), scope)
    return scope["work"]


def test_a_function_without_source_has_a_fingerprint():
    assert function_fingerprint(executed(SOURCE)) == function_fingerprint(executed("\n\n" + SOURCE))
    assert function_fingerprint(executed(SOURCE)) != function_fingerprint(executed(SOURCE.replace('"b"', '"B"')))
    assert function_fingerprint(executed(SOURCE)) != function_fingerprint(executed(SOURCE.replace('"q"', '"Q"')))


def test_lambdas_of_one_statement_differ():
    one, two = (lambda x: x + 1), (lambda x: x + 2)
    assert function_fingerprint(one) != function_fingerprint(two)


def test_lines_of_a_file_that_has_changed_are_not_taken_for_the_function(tmp_path):
    work = load(tmp_path, SOURCE)
    other = load(tmp_path, SOURCE.replace("work", "other"), name="other", module="other")
    path = tmp_path / "mod.py"
    path.write_text(SOURCE.replace("work", "other"))
    linecache.checkcache(str(path))
    assert function_fingerprint(work) != function_fingerprint(other)


def test_lines_of_a_program_are_not_taken_for_code_that_it_executes():
    program = "x = 1\ndef work(): return 1\n"
    linecache.cache["<string>"] = (len(program), None, program.splitlines(True), "<string>")
    try:
        scopes = [{}, {}]
        exec("\ndef work(): return 2\n", scopes[0])
        exec("\ndef work(): return 3\n", scopes[1])
        one, two = (function_fingerprint(scope["work"]) for scope in scopes)
    finally:
        del linecache.cache["<string>"]
    assert one != two


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_it_is_the_same_in_every_process(seed, tmp_path):
    code = (
        "from flyte_core.models.fingerprint import function_fingerprint as f\n"
        f"scope = {{}}\nexec({SOURCE!r}, scope)\nprint(f(scope['work']))"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    got = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True, text=True)
    assert got.stdout.strip() == function_fingerprint(executed(SOURCE))


def test_a_wrapped_function_counts_by_its_inside():
    def work(x):
        return x

    @functools.wraps(work)
    def wrapper(*args):
        return work(*args)

    assert function_fingerprint(wrapper) == function_fingerprint(work)


@pytest.mark.parametrize("func", [len, functools.partial(executed, 1), object()])
def test_what_has_no_code_is_refused(func):
    with pytest.raises(InvalidTypeError, match="version_override"):
        function_fingerprint(func)


def test_empty_parts_of_an_f_string_do_not_count(tmp_path, monkeypatch):
    before = function_fingerprint(load(tmp_path, SOURCE))
    parse = ast.parse

    def parse_like_3_12(text, *args, **options):
        tree = parse(text, *args, **options)
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                node.values.append(ast.Constant(value=""))
        return tree

    work = load(tmp_path, SOURCE)
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", parse_like_3_12)
        after = function_fingerprint(work)
    assert after == before
