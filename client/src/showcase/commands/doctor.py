"""The command ``showcase doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.text import Text

from showcase.client import Client
from showcase.commands import options
from showcase.commands.exit_codes import DONE, FAILED, UNREACHABLE
from showcase.commands.output import output_console, print_json, printable
from showcase.diagnosis import Finding, Verdict, diagnose
from showcase.retries import RetryPolicy

STYLES = {Verdict.GOOD: "green", Verdict.MISSING: "bold red", Verdict.UNKNOWN: "yellow"}


def doctor(json: options.Json = False, url: options.Url = options.URL) -> None:
    """Say which parts of the server run, which are missing, and what to do about it.

    Exits with 1 when a part is missing, and with 4 when no server answers.
    """
    worst = DONE
    with Client(url, retry_policy=RetryPolicy(max_tries=1)) as client:
        for finding in diagnose(client):
            if json:
                print_json(asdict(finding))
            else:
                _print(finding)
            if finding.verdict is Verdict.MISSING:
                worst = max(worst, UNREACHABLE if finding.subject == "server" else FAILED)
    raise typer.Exit(worst)


def _print(finding: Finding) -> None:
    line = Text(f"{finding.verdict.value:<8}", style=STYLES[finding.verdict])
    line.append(f" {finding.subject:<13} {printable(finding.message)}", style="not bold default")
    output_console().print(line)
    if finding.remedy:
        output_console().print(f"{'':<22} {finding.remedy}")
