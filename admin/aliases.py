"""``aliases list|set|remove``: which version of a workflow each of its aliases means."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from admin.command_line import EXIT_STATUS, Json, NothingToDo, command_group, show, show_json, system_of
from admin.formatting import columns
from contracts.workflows.catalogue import ALIAS, STABLE

app = command_group("Show and change which version of a workflow an alias means.")


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


@app.command("list", epilog=EXIT_STATUS)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show every workflow's aliases and the versions that they mean.

    A workflow's stable means its newest version until it is set. --json prints {workflow: {alias: version}}.
    """
    system = system_of(context)
    catalogue = system.catalogue()
    stored = system.aliases().aliases(catalogue.names)
    missing = catalogue.follow(stored)
    meanings = {name: catalogue.aliases(name) for name in catalogue.names}
    if as_json:
        show_json(meanings)
        return
    table = columns("WORKFLOW", "ALIAS", "VERSION", "")
    for name, aliases in meanings.items():
        for alias, version in aliases.items():
            unset = alias == STABLE and STABLE not in stored.get(name, {})
            table.add_row(name, alias, version, "the newest, as stable is not set" if unset else "")
    show(table)
    for each in missing:
        name, _, alias = each.partition("/")
        show(Text(f"{name}: {alias} means {stored[name][alias]}, which is not in the folder of workflows here."))


@app.command("set", epilog=EXIT_STATUS)
def set_(context: typer.Context, workflow: Workflow, alias: Alias, version: Version) -> None:
    """Let an alias mean a version.

    Every gateway follows within seconds. Both versions of the API take stable for a request that names no version.
    Submissions that were accepted before keep their version.
    """
    system = system_of(context)
    known = [each.version for each in system.catalogue().versions(workflow)]
    if version not in known:
        raise NothingToDo(f"There is no version {version!r} of {workflow}. There are: {', '.join(known)}.")
    system.aliases().set_alias(workflow, alias, version)
    show(Text(f"{workflow}: {alias} means {version}."))


@app.command(epilog=EXIT_STATUS)
def remove(context: typer.Context, workflow: Workflow, alias: Alias) -> None:
    """Remove an alias.

    Every gateway follows within seconds. Once stable is removed, it means the workflow's newest version again.
    """
    system = system_of(context)
    newest = system.catalogue().newest(workflow).version
    if not system.aliases().remove_alias(workflow, alias):
        raise NothingToDo(f"{workflow} has no alias {alias!r} that was set. `aliases list` shows them.")
    meaning = f"means the newest version again, {newest}" if alias == STABLE else "is no alias any more"
    show(Text(f"{workflow}: {alias} {meaning}."))
