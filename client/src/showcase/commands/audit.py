"""The command ``showcase workflows audit``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from showcase.catalogue import AuditEntry
from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.output import error_console, print_json, print_table
from showcase.registry import AUDIT_PAGE_SIZE

DIGEST_CHARACTERS = 19
"""How much of a digest the table shows; --json prints the whole."""


def audit(
    workflow: options.WorkflowName = None,
    action: Annotated[
        str | None,
        typer.Option("--action", metavar="ACTION", help="Only this kind of change: alias.set.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="Show at most N.")] = 20,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """List the changes of the published workflows, newest first: what, from what to what, by what way, and why."""
    with Client(url) as client:
        found = client.audit(workflow, action, page_size=min(limit + 1, AUDIT_PAGE_SIZE))
        if json:
            for each in islice(found, limit):
                print_json(each.raw)
            return
        shown = list(islice(found, limit))
        more = next(found, None) is not None
    if not shown:
        error_console().print("No change matches.")
        return
    print_table(("AT", "ACTION", "WORKFLOW", "OF", "FROM", "TO", "BY", "REASON"), [_row(each) for each in shown])
    if more:
        error_console().print("There are more: raise --limit.")


def _row(entry: AuditEntry) -> tuple[str, ...]:
    return (
        formatting.timestamp(entry.at),
        entry.action,
        entry.workflow,
        entry.alias or entry.version or "-",
        _short(entry.before),
        _short(entry.after),
        entry.source,
        entry.reason or "",
    )


def _short(text: str | None) -> str:
    if text is None:
        return "-"
    return f"{text[:DIGEST_CHARACTERS]}…" if text.startswith("sha256:") else text
