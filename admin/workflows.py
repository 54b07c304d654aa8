"""``workflows validate|list``: check workflow files before they are published, and see what is published."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from admin.command_line import EXIT_STATUS, Json, NothingToDo, command_group, show, show_json, system_of
from admin.formatting import columns
from contracts.errors import InvalidWorkflow
from contracts.workflows.catalogue import read_folder, read_texts

app = command_group("Check workflow files, and show the published workflows.")

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="Workflow files. Default: all in SHOWCASE_WORKFLOWS.", show_default=False),
]


@app.command(epilog=EXIT_STATUS)
def validate(context: typer.Context, files: Files = None, as_json: Json = False) -> None:
    """Check workflow files completely, without a running system. Every error is shown with file, line and column.

    The exit status is 1 when a file has an error. --json prints [{file, line, column, message}], one for each error.
    """
    try:
        found, faults = read_texts(files) if files else read_folder(system_of(context).workflows_folder())
    except InvalidWorkflow as error:
        raise NothingToDo(error.message) from error
    checked = len({*(each.path for each in found), *(fault.file for fault in faults)})
    if as_json:
        show_json([asdict(fault) | {"file": str(fault.file)} for fault in faults])
    else:
        for fault in faults:
            show(Text(str(fault)))
    if faults:
        wrong = len({fault.file for fault in faults})
        raise NothingToDo(f"{len(faults)} error{'s' * (len(faults) > 1)} in {wrong} of {checked} files.")
    if not as_json:
        show(Text(f"{checked} file{'s' * (checked > 1)} checked, no error."))


@app.command("list", epilog=EXIT_STATUS)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show the published workflows with all their versions, the retired ones included."""
    records = sorted(system_of(context).workflows(), key=lambda record: record.name)
    if as_json:
        show_json([record.model_dump(mode="json", exclude={"id", "unlogged"}) for record in records])
        return
    if not records:
        raise NothingToDo("No workflow is published yet. A gateway publishes the folder of workflows when it starts.")
    table = columns("WORKFLOW", "VERSION", "STATE", "TRAFFIC", "ALIASES", "TITLE")
    for record in records:
        percents = {share.version: f"{share.percent} %" for share in record.traffic}
        for version in record.versions:
            aliases = sorted(name for name, alias in record.aliases.items() if alias.version == version.version)
            table.add_row(
                record.name,
                version.version,
                version.state.value,
                percents.get(version.version, ""),
                " ".join(aliases),
                version.title,
            )
    show(table)
