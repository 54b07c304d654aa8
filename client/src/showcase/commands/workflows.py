"""The group ``showcase workflows``: without a command it lists the workflows, and with a name it shows one."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from showcase.commands import audit, catalogue, publishing, traffic

SHOW = "show"


class ShowUnlessCommand(TyperGroup):
    """Takes a first word that is none of the commands as an argument of ``show``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.commands and first not in ctx.help_option_names:
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ShowUnlessCommand,
    help="List the workflows, show one (NAME), or change what is published while the server runs.",
    subcommand_metavar="[NAME | COMMAND [ARGS]...]",
)

app.command(SHOW)(catalogue.workflows)
for command in (
    publishing.validate,
    publishing.publish,
    publishing.retire,
    traffic.alias,
    traffic.rollback,
    traffic.traffic,
    audit.audit,
):
    app.command(command.__name__)(command)
