"""``workflows validate|list``: check workflow files before they are published, and see what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from admin.command_line import EXIT_STATUS, Json, NothingToDo, command_group, show, show_json, system_of
from admin.formatting import columns
from contracts.errors import InvalidWorkflow
from contracts.workflows.workflow_file import MAX_FILE_BYTES, parse_workflow

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
    if not files:
        folder = system_of(context).workflows_folder()
        files = sorted(path for path in folder.glob("*/*") if path.suffix in {".yaml", ".yml"})
        if not files:
            raise NothingToDo(f"{folder}: there is no workflow here. Expected {folder}/<name>/<version>.yaml.")
    faults: list[dict[str, object]] = []
    for file in files:
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
            parse_workflow(content, str(file))
        except OSError as error:
            faults.append({"file": str(file), "line": 1, "column": 1, "message": f"cannot be read ({error.strerror})."})
        except InvalidWorkflow as error:
            faults += [
                {"file": str(file), "line": fault.line, "column": fault.column, "message": fault.message}
                for fault in error.faults
            ]
    if as_json:
        show_json(faults)
    else:
        for fault in faults:
            show(Text(f"{fault['file']}:{fault['line']}:{fault['column']}: {fault['message']}"))
    if faults:
        wrong = len({fault["file"] for fault in faults})
        raise NothingToDo(f"{len(faults)} error{'s' * (len(faults) > 1)} in {wrong} of {len(files)} files.")
    if not as_json:
        show(Text(f"{len(files)} file{'s' * (len(files) > 1)} checked, no error."))


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
