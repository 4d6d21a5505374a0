from __future__ import annotations

import json
import subprocess
import sys

import pytest

from flyte_core._version import __version__

COMMANDS = "flyte_core.commands"
HELLO = """
import click

@click.command()
@click.argument("name")
def hello(name):
    \"\"\"Greet somebody.\"\"\"
    click.echo(f"hello {name}")
    return 7
"""


@pytest.fixture
def install(site):
    """Give a function that installs a command of a plugin."""

    def install(name: str, source: str, attribute: str = "hello", dist: str | None = None) -> None:
        module = site.plugin(COMMANDS, name, source, dist=dist)
        folder = next(site.folder.glob(f"{(dist or f'dist-{name}').replace('-', '_')}*.dist-info"))
        (folder / "entry_points.txt").write_text(f"[{COMMANDS}]\n{name} = {module}:{attribute}\n")

    return install


def test_the_version_is_told(cli):
    assert cli("--version").out == f"flyte-core {__version__}\n"


def test_without_words_help_is_shown(cli):
    result = cli()
    assert "Commands:" in result.out + result.err


def test_help_names_the_exit_status(cli):
    assert "Exit status" in cli("--help").out


def test_an_unknown_command_is_an_error_with_near_misses(cli):
    result = cli("serialise")
    assert result.status == 2
    assert "did you mean 'serialize'?" in result.err


def test_an_unknown_option_is_an_error(cli):
    assert cli("--nope").status == 2


def test_python_m_is_the_same_command(shell):
    assert shell("--version").out == f"flyte-core {__version__}\n"


def test_help_imports_neither_rich_nor_protobuf_nor_a_plugin(shell):
    spy = (
        "import sys; from flyte_core.cli import main; main(['--help']);"
        "print([m for m in ('rich', 'google.protobuf', 'flyteidl2', 'asyncio', 'flyte_core_python', 'pluggy',"
        " 'flyte_core.cli.run') if m in sys.modules], file=sys.stderr)"
    )
    assert shell(program=("-c", spy)).err == "[]\n"


# ---- commands of plugins ------------------------------------------------------------------------------------------


def test_a_plugins_command_is_listed_without_importing_it(shell, site, install):
    install("hello", "raise AssertionError('imported')")
    result = shell("--help", path=(site,))
    assert result.status == 0
    assert "hello from dist-hello 1.0" in " ".join(result.out.split())


def test_a_plugins_command_runs(shell, site, install):
    install("hello", HELLO)
    result = shell("hello", "you", path=(site,))
    assert (result.status, result.out) == (0, "hello you\n")
    assert "Greet somebody." in shell("hello", "--help", path=(site,)).out


def test_a_broken_command_is_an_error_only_when_it_is_invoked(shell, site, install):
    install("hello", "1 / 0")
    assert shell("--help", path=(site,)).status == 0
    assert shell("plugins", "list", path=(site,)).status == 0
    result = shell("hello", path=(site,))
    assert result.status == 1
    assert "ZeroDivisionError: division by zero" in result.err
    assert "dist-hello 1.0" in result.err


def test_something_that_is_no_command_is_an_error_that_names_it(shell, site, install):
    install("hello", "hello = 3")
    result = shell("hello", path=(site,))
    assert result.status == 1
    assert "'hello' of dist-hello 1.0 is a int; its entry point has to name a click command" in result.err


def test_a_built_in_command_wins_and_says_so(shell, site, install):
    install("doctor", HELLO, dist="usurper")
    listed = " ".join(shell("--help", path=(site,)).out.split())
    assert "doctor from usurper 1.0; hidden by the built-in command" in listed
    result = shell("doctor", path=(site,))
    assert "usurper 1.0 also has a command 'doctor'; the built-in one is used" in result.err
    assert result.out.startswith("installation")


def test_the_note_of_a_hidden_command_does_not_disturb_json(shell, site, install):
    install("doctor", HELLO, dist="usurper")
    result = shell("doctor", "--json", path=(site,))
    assert result.err == ""
    assert json.loads(result.out)


def test_a_contested_command_is_an_error_when_invoked(shell, site, install):
    install("hello", HELLO, dist="one")
    install("hello", HELLO, dist="two")
    assert "contested" in shell("--help", path=(site,)).out
    result = shell("hello", "you", path=(site,))
    assert result.status == 1
    assert "choose one with" in result.err
    assert shell("hello", "you", path=(site,), FLYTE_CORE_PLUGINS="hello=two").out == "hello you\n"


def test_a_blocked_command_is_not_there(shell, site, install):
    install("hello", HELLO)
    result = shell("hello", "you", path=(site,), FLYTE_CORE_PLUGINS="-command:hello")
    assert result.status == 2
    assert "no command 'hello'" in result.err


def test_help_is_shown_even_when_settings_cannot_be_read(shell):
    result = shell("--help", FLYTE_CORE_PLUGINS="what is this")
    assert result.status == 0
    assert "FLYTE_CORE_PLUGINS" in result.err


def test_a_closed_pipe_is_no_traceback(flows, project):
    line = [sys.executable, "-m", "flyte_core", "serialize", flows]
    process = subprocess.Popen(line, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
