"""The command line: ``app`` has every command, and each module holds those of one topic."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.address import RULE
from showcase.commands import catalogue, download, inspect, lifecycle, submitting, webhooks, workflows
from showcase.commands.doctor import doctor
from showcase.commands.exit_codes import MEANINGS
from showcase.version import VERSION

_EXIT_CODES = "\n\n".join(f"{code:>3}  {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    help="Submit images to the workflows of ML Showcase, and get the results with the reasons for them.",
    epilog=f"{RULE}\n\nExit codes:\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"showcase {VERSION}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the client's version.")
    ] = False,
) -> None:
    pass


for command in (
    submitting.submit,
    inspect.list_,
    inspect.show,
    inspect.watch,
    lifecycle.cancel,
    lifecycle.retry,
    lifecycle.delete,
    download.download,
    download.export,
    webhooks.webhook,
    catalogue.models,
    doctor,
):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(workflows.app, name="workflows")
