"""Run every code block of a documentation page, in the order of the page, as a reader would.

What the word after the language means, and the options after it:

==============================  =====================================================================================
```` ```python ````             run; all blocks of a page are one program
```` ```python file=a.py ````   written to a file of the page's folder (any language); ``pyproject.toml`` is installed
```` ```python raises=Name ```` run; it has to raise that exception
```` ```python skip="why" ````  neither run nor checked (any language); the reason is compulsory
```` ```text output ````        what the block before has printed, or the text of its exception
```` ```console ````            ``$ command`` lines and their output; ``status=1`` where a command has to fail
==============================  =====================================================================================

``...`` in expected output stands for any text. A page whose blocks need more than Python says so in a comment,
``<!-- needs: docker -->``. Run as a script: ``blocks.py PAGE FOLDER``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import linecache
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Block", "BlockError", "Page", "read_blocks", "read_needs"]

_NEEDS = re.compile(r"^<!-- needs: (?P<names>.+) -->$", re.MULTILINE)

_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<info>[^`]*)$")

#: Languages whose blocks have to be run, written, or skipped for a reason.
CHECKED = ("python", "console")

_OPTIONS = {"file", "raises", "skip", "status", "output"}


class BlockError(Exception):
    """A block does not do what the page says."""


@attrs.frozen(kw_only=True)
class Block:
    """One fenced block.

    Args:
        language: the first word after the fence.
        options: the other words; those without a value are ``"yes"``.
        text: the lines inside.
        line: the number of the first line inside.
    """

    language: str
    options: dict[str, str]
    text: str
    line: int


def read_needs(markdown: str) -> list[str]:
    """Name what the blocks of a page need of the machine."""
    found = _NEEDS.search(markdown)
    return found["names"].split(", ") if found else []


def read_blocks(markdown: str) -> Iterator[Block]:
    """Give the fenced blocks of a page; those of directives, such as ``{note}``, are left out."""
    lines = markdown.splitlines()
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        at += 1
        if opening is None:
            continue
        start = at
        while at < len(lines) and lines[at].rstrip() != opening["ticks"]:
            at += 1
        language, *words = shlex.split(opening["info"]) or [""]
        if not language.startswith("{"):
            options = dict(word.partition("=")[::2] for word in words)
            unknown = set(options) - _OPTIONS
            if unknown:
                raise BlockError(f"line {start}: unknown option {', '.join(sorted(unknown))}")
            text = "".join(line + "\n" for line in lines[start:at])
            yield Block(language=language, options=options, text=text, line=start + 1)
        at += 1


class Page:
    """Runs the blocks of one page.

    Args:
        path: the page.
        folder: the folder that its files are written to and its commands run in.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.printed = ""
        self._module = types.ModuleType(f"page_{re.sub(r'[^a-z]', '_', path.stem.lower())}")
        # A page is read as a script that lies in its folder.
        self._module.__file__ = str(folder / f"{self._module.__name__}.py")
        sys.modules[self._module.__name__] = self._module

    def run(self) -> int:
        """Run all blocks; how many were run or checked."""
        done = 0
        for block in read_blocks(self.path.read_text(encoding="utf-8")):
            try:
                done += self._one(block)
            except BlockError as error:
                raise BlockError(f"{self.path.name}:{block.line}: {error}") from error.__cause__
        return done

    def _one(self, block: Block) -> bool:
        if "skip" in block.options:
            if len(block.options["skip"]) < 10:
                raise BlockError("a block that is skipped says why")
            return False
        if "file" in block.options:
            self._write(block)
        elif block.language == "python":
            self._execute(block)
        elif block.language == "console":
            self._commands(block)
        elif "output" in block.options:
            _compare(block.text, self.printed)
        else:
            return False
        return True

    def _write(self, block: Block) -> None:
        path = self.folder / block.options["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        if path.name == "pyproject.toml":
            _install(path, self.folder)

    def _execute(self, block: Block) -> None:
        name = f"<{self.path.name}>"
        # Padded, so that tracebacks and inspect.getsource see the lines of the page.
        source = "\n" * (block.line - 1) + block.text
        kept = linecache.cache.get(name)
        whole = _merged(kept[2] if kept else [], source)
        linecache.cache[name] = (len(whole), None, whole, name)
        printed = io.StringIO()
        wanted = block.options.get("raises")
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, name, "exec", dont_inherit=True), vars(self._module))
        except Exception as error:
            if wanted is None or wanted not in [cls.__name__ for cls in type(error).__mro__]:
                raise BlockError(f"raised {type(error).__name__}: {error}") from error
            self.printed = f"{type(error).__name__}: {error}\n"
        else:
            if wanted is not None:
                raise BlockError(f"did not raise {wanted}")
            self.printed = printed.getvalue()

    def _commands(self, block: Block) -> None:
        expected_status = int(block.options.get("status", "0"))
        parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        for part in filter(None, parts):
            command, expected = _command_of(part)
            done = self._call(command)
            if done.returncode != expected_status:
                raise BlockError(f"$ {command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
            _compare(expected, done.stdout + done.stderr)

    def _call(self, command: str) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command)
        variables = {}
        while re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        if words[0] == "flyte-core":
            words[:1] = [sys.executable, "-m", "flyte_core"]
        elif words[0] == "fc0":
            words[:1] = [sys.executable, "-m", "flyte_core.runtime.entrypoint"]
        elif words[0] == "python":
            words[0] = sys.executable
        elif words[0] not in ("ls", "cat"):
            raise BlockError(
                f"$ {command}: only flyte-core, fc0, python, ls and cat can be checked; give a reason to skip"
            )
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100", "NO_COLOR": "1", **variables}
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder, env=env, timeout=120)


def _command_of(part: str) -> tuple[str, str]:
    """Split a command, which backslashes may continue, from its output."""
    lines = part.splitlines(keepends=True)
    command = lines.pop(0)
    while command.rstrip("\n").endswith("\\"):
        command = command.rstrip("\n")[:-1] + lines.pop(0).removeprefix("> ")
    return command.strip(), "".join(lines)


def _merged(old: list[str], source: str) -> list[str]:
    new = source.splitlines(keepends=True)
    length = max(len(old), len(new))
    old = old + ["\n"] * (length - len(old))
    new = new + ["\n"] * (length - len(new))
    return [fresh if fresh.strip() else kept for kept, fresh in zip(old, new, strict=True)]


def _compare(expected: str, actual: str) -> None:
    pattern = ".*?".join(re.escape(piece) for piece in _trimmed(expected).split("..."))
    if not re.fullmatch(pattern, _trimmed(actual), flags=re.DOTALL):
        raise BlockError(f"printed\n{actual}\nbut the page says\n{expected}")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _install(pyproject: Path, site: Path) -> None:
    """Put into the page's folder what installing the project would: what its wheel includes, and its metadata.

    Raises:
        BlockError: if the project does not say what its wheel includes, or includes what the page has not written.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = content["project"]
    _copy_wheel(content, pyproject.parent, site)
    stem = f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    (site / stem).mkdir(exist_ok=True)
    requires = "".join(f"Requires-Dist: {requirement}\n" for requirement in project.get("dependencies", ()))
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (site / stem / "METADATA").write_text(head + requires, encoding="utf-8")
    groups = project.get("entry-points", {})
    text = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items())
        for group, names in groups.items()
    )
    (site / stem / "entry_points.txt").write_text(text, encoding="utf-8")
    # A reader starts a new process after installing; this one has to look again.
    from flyte_core.extend import TaskPluginRegistry

    importlib.invalidate_caches()
    TaskPluginRegistry.refresh()


def _copy_wheel(content: dict[str, Any], source: Path, site: Path) -> None:
    try:
        included = content["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    except KeyError:
        raise BlockError(
            "a pyproject.toml says what its wheel includes; without it an empty one is installed"
        ) from None
    if content.get("build-system", {}).get("build-backend") != "hatchling.build":
        raise BlockError("a pyproject.toml with settings for hatchling names it as its build backend")
    for name in included:
        if not (source / name).exists():
            raise BlockError(f"the wheel includes {name}, which the page has not written")
        if (source / name).is_dir():
            shutil.copytree(source / name, site / name, dirs_exist_ok=True)
        elif source != site:
            shutil.copy(source / name, site / name)


def main(page: str, folder: str) -> int:
    """Run a page and say what is wrong with it."""
    import traceback

    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        print(Page(Path(page), Path(folder)).run(), "blocks")
    except BlockError as error:
        print(error, file=sys.stderr)
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
