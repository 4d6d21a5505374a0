"""``flyte-core config show``: every setting, and where its value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

from flyte_core.cli.console import out, out_json, table
from flyte_core.cli.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flyte_core.config import Settings

__all__ = ["ShownSetting", "command", "shown_image_settings", "shown_settings"]

_HELP = """Show every setting with its value and where that came from.

Flags win over the environment, the environment over the file: flyte_core.toml, or [tool.flyte_core] of pyproject.toml,
in the nearest folder upwards that has one. Tables of plugins are not shown: only the plugin knows what is in them.
"""


@click.group("config", help="Show the settings, and where they came from.")
def command() -> None:
    """Hold the commands about settings."""


@command.command("show", help=_HELP)
@click.option("--project", metavar="P", help="As another command would be given it.")
@click.option("--domain", metavar="D", help="As another command would be given it.")
@click.option("--org", metavar="O", help="As another command would be given it.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as one JSON list.")
def show(as_json: bool, **flags: str | None) -> None:
    """Show every setting."""
    found = [*shown_settings(read_settings(**flags)), *shown_image_settings()]
    if as_json:
        out_json([attrs.asdict(one) for one in found])
        return
    out(table(["setting", "value", "source"], [(one.name, _text(one.value), one.source) for one in found]))


@attrs.frozen(kw_only=True)
class ShownSetting:
    """A setting as people are told of it.

    Args:
        name: its name.
        value: its value, as JSON has it.
        source: the flag, variable or file that gave it, or ``default``.
    """

    name: str
    value: Any
    source: str


def shown_settings(settings: Settings) -> Iterator[ShownSetting]:
    """Give the core's settings one by one, each choice, block and requirement of a plugin by itself.

    Args:
        settings: the settings.
    """
    for field in attrs.fields(type(settings)):
        setting = getattr(settings, field.name)
        if field.name != "plugins":
            yield ShownSetting(name=field.name, value=setting.value, source=setting.source)
    plugins = settings.plugins.value
    for key, distribution in sorted(plugins.choose.items()):
        yield ShownSetting(name=f"plugins: {key}", value=distribution, source=plugins.source(key))
    for verb, keys in (("block", plugins.block), ("require", plugins.require)):
        for key in sorted(keys):
            yield ShownSetting(name=f"plugins: {verb}", value=key, source=plugins.source(key))


def shown_image_settings() -> Iterator[ShownSetting]:
    """Give what is said of images; what is not said is left out."""
    import os

    from flyte_core.config import plugin_table
    from flyte_core.images.settings import BUILDER_VARIABLE, load_image_settings

    settings, said = load_image_settings(), plugin_table("images")
    for field in attrs.fields(type(settings)):
        source = said.source if field.name in said.values else ""
        if field.name == "builder" and os.environ.get(BUILDER_VARIABLE):
            source = f"environment {BUILDER_VARIABLE}"
        if source:
            value = getattr(settings, field.name)
            plain = dict(value) if hasattr(value, "items") else list(value) if isinstance(value, tuple) else value
            yield ShownSetting(name=f"images.{field.name}", value=plain, source=source)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
