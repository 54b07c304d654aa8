"""The commands ``showcase workflows`` and ``showcase models``."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.catalogue import Workflow
from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.output import output_console, print_json, print_pairs, print_table, printable

LICENCE_CHARACTERS = 60


def workflows(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show this workflow with its graph.", show_default=False)
    ] = None,
    version: Annotated[
        str, typer.Option("--version", metavar="vX.Y.Z", help="The workflow's version or an alias.")
    ] = "stable",
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """List the workflows, or show one: its steps, gates, models, output and limits."""
    with Client(url) as client:
        if name is not None:
            workflow = client.workflow(name, version)
            if json:
                print_json(workflow.raw)
            else:
                _print_workflow(workflow)
            return
        published = client.workflows()
    if json:
        for each in published:
            print_json(each.raw)
        return
    rows = [
        (each.name, each.aliases.get("stable", "-"), ", ".join(v.version for v in each.versions), each.title)
        for each in published
    ]
    print_table(("WORKFLOW", "STABLE", "VERSIONS", "TITLE"), rows)


def models(json: options.Json = False, url: options.Url = options.URL) -> None:
    """List the models that workflows call: versions, licence, where they are served, and whether they answer."""
    with Client(url) as client:
        used = client.models()
    if json:
        for each in used:
            print_json(each.raw)
        return
    rows = [
        (
            f"{model.name}@{each.version}",
            each.served.state if each.served else "not reported",
            each.served.address if each.served else "-",
            ", ".join(sorted({f"{use.workflow}.{use.step}" for use in each.used_by})),
            printable(model.licence or "-", limit=LICENCE_CHARACTERS),
        )
        for model in used
        for each in model.versions
    ]
    print_table(("MODEL", "STATE", "SERVED AT", "USED BY", "LICENCE"), rows)


def _print_workflow(workflow: Workflow) -> None:
    limits = workflow.input
    accepted = [", ".join(limits.formats).upper()]
    if limits.max_bytes is not None:
        accepted.append(f"up to {formatting.size(limits.max_bytes)}")
    if limits.max_pixels is not None:
        accepted.append(f"up to {limits.max_pixels:,} pixels")
    print_pairs(
        [
            ("workflow", f"{workflow.name} {workflow.version}"),
            ("title", workflow.title),
            ("aliases", ", ".join(workflow.aliases) or None),
            ("digest", workflow.digest or None),
            ("input", ", ".join(accepted)),
            ("output", "; ".join(f"{name}: {each}" for name, each in workflow.graph.output.items())),
        ]
    )
    for step in workflow.graph.steps:
        output_console().print(f"\nstep {printable(step.name)}: model {printable(str(step.model))}", style="bold")
        seconds = None if step.timeout_seconds is None else f"{step.timeout_seconds:g} s"
        print_pairs([("when", step.when), ("waits for", ", ".join(step.needs) or None), ("timeout", seconds)], indent=2)
