"""``flyte-core doctor``: is everything as it has to be, and what to run where it is not."""

from __future__ import annotations

import contextlib
import sys

import click

from flyte_core.cli.checks import Finding, run_checks
from flyte_core.cli.console import out, out_json, printable, styled
from flyte_core.cli.failure import FAILED

__all__ = ["command"]

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "red")}


@click.command("doctor")
@click.option("--load", is_flag=True, help="Import every plugin, and report each that is broken.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(load: bool, as_json: bool) -> None:
    """Check the installation, settings, cache and plugins.

    Plugins that the settings require are imported and verified, since nothing runs without them; all others only with
    --load. The exit status is 1 when there is a problem; notes are none.
    """
    # What a plugin prints at import is not part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        findings = run_checks(load=load)
    problems = sum(finding.status == "problem" for finding in findings)
    if as_json:
        out_json({"problems": problems, "findings": [finding.to_dict() for finding in findings]})
    else:
        _show(findings, problems)
    if problems:
        raise click.exceptions.Exit(FAILED)


def _show(findings: list[Finding], problems: int) -> None:
    area = None
    for finding in findings:
        if finding.area != area:
            out(styled(finding.area, bold=True))
            area = finding.area
        mark, colour = _MARKS[finding.status]
        out(f"  {styled(f'{mark:<7}', fg=colour)}  {printable(finding.text)}")
        if finding.command:
            out(f"{'':11}run: {printable(finding.command)}")
    out("")
    out("no problems" if not problems else f"{problems} problem{'s' if problems > 1 else ''}")
