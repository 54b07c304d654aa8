"""The commands ``showcase workflows [NAME]`` and ``showcase models [NAME]``."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.catalogue import Model, ModelVersion, Workflow
from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.output import output_console, print_json, print_pairs, print_table, printable

LICENCE_CHARACTERS = 60
NOT_REPORTED = "not reported"
STABLE = "stable"


def workflows(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show this workflow with its graph.", show_default=False)
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="vX.Y.Z",
            help="With NAME: the workflow's version or an alias (stable).",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """List the workflows, or show one: its steps, gates, models, output and limits."""
    if name is None and version is not None:
        raise typer.BadParameter("It needs the NAME of a workflow.", param_hint="--version")
    with Client(url) as client:
        if name is not None:
            workflow = client.workflow(name, version or STABLE)
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


def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Show this model's versions with their cards.", show_default=False),
    ] = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """List the models that workflows call, or show one: its licence, key figures, weights, and where it is served."""
    with Client(url) as client:
        if name is not None:
            model = client.model(name)
            if json:
                print_json(model.raw)
            else:
                _print_model(model)
            return
        used = client.models()
    if json:
        for each in used:
            print_json(each.raw)
        return
    rows = [
        (
            f"{model.name}@{each.version}",
            each.served.state if each.served else NOT_REPORTED,
            each.served.address if each.served else "-",
            _uses(each),
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
            ("state", _state(workflow)),
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


def _state(workflow: Workflow) -> str | None:
    """Return what is unusual about the version: nothing for a release that accepts submissions."""
    if workflow.state == "retired":
        return f"retired {formatting.timestamp(workflow.retired_at)}: it accepts no submissions"
    return "draft: it may be overwritten, and runs only when it is named" if workflow.draft else None


def _print_model(model: Model) -> None:
    for place, each in enumerate(model.versions):
        heading = f"{model.name}@{each.version}"
        if place:
            output_console().print()
        output_console().print(f"model {printable(heading)}", style="bold")
        card, weights, served = each.card, each.weights, each.served
        print_pairs(
            [
                ("title", card.title if card else None),
                ("summary", card.summary if card else None),
                ("licence", card.licence if card else None),
                ("weights", f"{weights.digest} ({formatting.size(weights.bytes)})" if weights else None),
                ("served at", f"{served.address}, {served.state}" if served else NOT_REPORTED),
                ("used by", _uses(each)),
                *_figures(each),
            ],
            indent=2,
        )


def _uses(version: ModelVersion) -> str:
    return ", ".join(sorted({f"{use.workflow}.{use.step}" for use in version.used_by}))


def _figures(version: ModelVersion) -> list[tuple[str, str]]:
    found = version.card.figures if version.card else ()
    lines = [f"{each.name}: {each.value}" + (f" ({each.interval})" if each.interval else "") for each in found]
    return [("figures" if place == 0 else "", line) for place, line in enumerate(lines)]
