"""``aliases list|set|rollback|remove``: which version of a workflow each of its aliases points to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from admin.command_line import EXIT_STATUS, Json, NothingToDo, command_group, show, show_json, system_of
from admin.formatting import columns
from contracts.errors import InvalidRequest, LimitReached, WorkflowConflict, WorkflowRetired
from contracts.workflows import changes
from contracts.workflows.changes import ALIAS
from contracts.workflows.registry import Actor, WorkflowRecord

ADMIN = "admin"

app = command_group("Show and change which version of a workflow an alias points to.")


def _alias(text: str) -> str:
    if not ALIAS.match(text):
        raise typer.BadParameter(
            f"{text!r} is no alias: it has up to 32 lower-case letters, digits and -, and begins with a letter."
        )
    return text


Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's name.", show_default=False)]
Alias = Annotated[
    str,
    typer.Argument(
        metavar="ALIAS",
        callback=_alias,
        help="stable, or a name of your own: up to 32 lower-case letters, digits and -.",
        show_default=False,
    ),
]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A published version, like v1.0.0.", show_default=False)
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, for the audit log.", show_default=False)]


@app.command("list", epilog=EXIT_STATUS)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show every workflow's aliases and the versions that they point to.

    --json prints {workflow: {alias: version}}.
    """
    records = sorted(system_of(context).workflows(), key=lambda record: record.name)
    if as_json:
        show_json({r.name: {name: alias.version for name, alias in sorted(r.aliases.items())} for r in records})
        return
    if not records:
        raise NothingToDo("No workflow is published yet. A gateway publishes the folder of workflows when it starts.")
    table = columns("WORKFLOW", "ALIAS", "VERSION", "")
    for record in records:
        accepting = {each.version for each in record.accepting()}
        for name, alias in sorted(record.aliases.items()):
            table.add_row(record.name, name, alias.version, "" if alias.version in accepting else "retired")
    show(table)


@app.command("set", epilog=EXIT_STATUS)
def set_(context: typer.Context, workflow: Workflow, alias: Alias, version: Version, reason: Reason = None) -> None:
    """Point an alias to a version.

    Every gateway follows within seconds. Both versions of the API take stable for a request that names no version.
    Submissions that were accepted before keep their version. Setting stable ends a split of the traffic.
    """
    _change(context, workflow, reason, lambda record, actor: changes.set_alias(record, alias, version, actor))
    show(Text(f"{workflow}: {alias} points to {version}."))


@app.command(epilog=EXIT_STATUS)
def rollback(context: typer.Context, workflow: Workflow, reason: Reason = None) -> None:
    """Point stable to the version that it pointed to before, and end a split of the traffic."""
    record = _change(context, workflow, reason, changes.roll_back)
    show(Text(f"{workflow}: stable points to {record.aliases['stable'].version}."))


@app.command(epilog=EXIT_STATUS)
def remove(context: typer.Context, workflow: Workflow, alias: Alias, reason: Reason = None) -> None:
    """Remove an alias of your own. Every workflow has stable.

    Every gateway follows within seconds.
    """
    _change(context, workflow, reason, lambda record, actor: changes.remove_alias(record, alias, actor))
    show(Text(f"{workflow}: {alias} is removed."))


def _change(
    context: typer.Context,
    workflow: str,
    reason: str | None,
    decide: Callable[[WorkflowRecord, Actor], WorkflowRecord | None],
) -> WorkflowRecord:
    try:
        return system_of(context).change_workflow(workflow, ADMIN, reason, decide)
    except (InvalidRequest, WorkflowConflict, WorkflowRetired, LimitReached) as error:
        raise NothingToDo(error.message) from error
