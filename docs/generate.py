"""Write the pages that repeat the source: hooks.md, errors.md, and the help texts in cli.md.

``python docs/generate.py`` writes them; with ``--check`` it writes nothing and fails when one is out of date.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "flyte_core"

_SECTION = re.compile(r"^(Args|Returns|Raises|Example|Yields):$", re.MULTILINE)
_CODE = re.compile(r"``(.+?)``")


# ---- docstrings ------------------------------------------------------------------------------------------


def sections(docstring: str) -> dict[str, str]:
    """Split a docstring into its sections; what stands before the first is ``""``."""
    parts = _SECTION.split(docstring)
    found = {"": parts[0].strip()}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        # What is indented less than the section again is none of it.
        found[name] = textwrap.dedent(text.strip("\n"))
    return found


def markdown(text: str) -> str:
    """Turn the docstring's markup into Markdown's: one backtick for code."""
    return _CODE.sub(r"`\1`", text)


def items(text: str) -> list[tuple[str, str]]:
    """Give the entries of an ``Args`` or ``Raises`` section."""
    found: list[list[str]] = []
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and not line.startswith(" "):
            found.append([name, rest.strip()])
        elif line.strip() and found:
            found[-1][1] += f" {line.strip()}"
    return [(name, markdown(rest)) for name, rest in found]


def bullets(text: str) -> str:
    """Write the entries of a section as a list."""
    return "\n".join(f"- `{name}`: {rest}" for name, rest in items(text))


def code(example: str) -> str:
    """Give the code of an example without its prompts, and with the blank lines that the formatter wants."""
    found: list[str] = []
    inner = False
    for line in (line[4:] for line in example.splitlines() if line.startswith((">>> ", "... "))):
        begins = re.match(r"    (async )?def ", line) is not None
        ends = inner and not line.startswith("     ")
        after_import = bool(found) and re.match(r"    (from|import) ", found[-1]) and "import" not in line
        if begins or ends or after_import:
            found.append("")
        inner = begins or (inner and not ends)
        found.append(line)
    return "\n".join(found)


# ---- hooks.md --------------------------------------------------------------------------------------------


_HOOKS_HEAD = """\
<!-- Written by docs/generate.py from flyte_core/hookspecs.py; change that file. -->
# Hooks

The contract between the core and its plugins, version {version}. How to write a plugin: [](plugins.md).
A function is an implementation when it is marked with `hookimpl` and has the hook's name and parameters:

```python
import time

from flyte_core.extend import hookimpl
```
"""


def _is_spec(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any("hookspec" in ast.unparse(d) for d in node.decorator_list)


def hook_page() -> str:
    """Write the page of all hooks."""
    from flyte_core import hookspecs

    tree = ast.parse((PACKAGE / "hookspecs.py").read_text(encoding="utf-8"))
    specs = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_spec(node)]
    version = ".".join(map(str, hookspecs.HOOK_API_VERSION))
    parts = [
        _HOOKS_HEAD.format(version=version).rstrip(),
        "\n".join(_overview(specs)),
        *(_hook(node) for node in specs),
    ]
    return "\n\n".join(parts) + "\n"


def _overview(specs: list[ast.FunctionDef]) -> Iterator[str]:
    yield "| hook | kind | in a word |"
    yield "|---|---|---|"
    for node in specs:
        summary = markdown((ast.get_docstring(node) or "").partition("\n")[0])
        yield f"| [`{node.name}`](#{node.name}) | {_kind(node.name)} | {summary} |"


def _kind(name: str) -> str:
    from flyte_core.hookspecs import ASYNC_HOOKS, COLLECTED_HOOKS, CORE_HOOKS

    who = "core answers, wrap it" if name in CORE_HOOKS else "every plugin" if name in COLLECTED_HOOKS else "one answer"
    return f"{'async' if name in ASYNC_HOOKS else 'sync'}, {who}"


def _hook(node: ast.FunctionDef) -> str:
    found = sections(ast.get_docstring(node) or "")
    parameters = ", ".join(f"{a.arg}: {ast.unparse(a.annotation)}" for a in node.args.args if a.annotation)
    returns = ast.unparse(node.returns) if node.returns else "None"
    parts = [
        f"## {node.name}",
        f'```python skip="a signature, not a program"\n{node.name}({parameters}) -> {returns}\n```',
        markdown(found[""]),
        bullets(found["Args"]),
    ]
    if "Returns" in found:
        parts.append("**Result:** " + markdown(found["Returns"].strip()))
    parts.append(f"```python\n{code(found['Example'])}\n```")
    return "\n\n".join(parts)


# ---- errors.md -------------------------------------------------------------------------------------------


_ERRORS_HEAD = """\
<!-- Written by docs/generate.py from flyte_core/errors; change the modules there. -->
# Errors

```python
from flyte_core import Resources
from flyte_core.errors import FlyteCoreError

try:
    Resources(cpu="1x")
except FlyteCoreError as error:
    print(error)
```

```text output
Resources: cpu = '1x' is not allowed; expected ...
```

Everything that flyte_core raises on purpose is a `FlyteCoreError`. Most are also the built-in exception that fits, so
`except ValueError` catches them too. Every message says what happened, where, and what to do.

## The base
"""


def error_page() -> str:
    """Write the page of all public exceptions."""
    from flyte_core import errors

    parts = [_ERRORS_HEAD.rstrip()]
    for module in ("base", "values", "sources", "storage", "images", "plugins", "runtime"):
        tree = ast.parse((PACKAGE / "errors" / f"{module}.py").read_text(encoding="utf-8"))
        if module != "base":
            parts.append(f"## {(ast.get_docstring(tree) or '').rstrip('.')}")
        found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in errors.__all__]
        parts.extend(map(_error, found))
    parts.append("## Functions that help to write messages")
    parts.extend(_function(name) for name in errors.__all__ if inspect.isfunction(getattr(errors, name)))
    return "\n\n".join(parts) + "\n"


def _function(name: str) -> str:
    from flyte_core import errors

    function = getattr(errors, name)
    found = sections(inspect.getdoc(function) or "")
    parts = [f"### {name}", f"`{name}{inspect.signature(function)}`", markdown(found[""])]
    if "Args" in found:
        parts.append(bullets(found["Args"]))
    return "\n\n".join(parts)


def _public_bases(error: type) -> Iterator[str]:
    """Name a class's bases, and for those that are nobody's business their own."""
    for base in error.__bases__:
        if base.__name__.startswith("_"):
            yield from _public_bases(base)
        else:
            yield base.__name__


def _error(node: ast.ClassDef) -> str:
    from flyte_core import errors

    found = sections(ast.get_docstring(node) or "")
    bases = ", ".join(f"`{name}`" for name in _public_bases(getattr(errors, node.name)))
    parts = [f"### {node.name}", f"Bases: {bases}", markdown(re.sub(r"`(\w+)`", r"``\1``", found[""]))]
    if "Args" in found:
        parts.append(bullets(found["Args"]))
    return "\n\n".join(parts)


# ---- cli.md ----------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Renew the help texts of the page of the command line."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    pattern = re.compile(r"(```console\n\$ flyte-core (?P<words>[a-z ]*--help)\n).*?(?=```)", re.DOTALL)
    return pattern.sub(lambda found: found[1] + _help(found["words"]), text)


def _help(words: str) -> str:
    command = [sys.executable, "-m", "flyte_core", *words.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


PAGES = {"hooks.md": hook_page, "errors.md": error_page, "cli.md": cli_page}


def stale() -> list[str]:
    """Name the pages that are not what they would be written as now."""
    return [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != make()
    ]


def main(argv: list[str]) -> int:
    """Write or check the pages."""
    if "--check" in argv:
        names = stale()
        if names:
            print(f"out of date: {', '.join(names)}; run python docs/generate.py", file=sys.stderr)
        return 1 if names else 0
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
