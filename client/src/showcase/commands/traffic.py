"""The commands ``showcase workflows alias``, ``rollback`` and ``traffic``."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import options
from showcase.commands.output import output_console, print_json, printable

_SHARE = re.compile(r"(?P<version>[^=]+)=(?P<percent>\d{1,3})%?\Z")


def alias(
    name: options.Workflow,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="stable, or a name of your own.", show_default=False)],
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="A published version, like v1.0.0.", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias.")] = False,
    reason: options.Reason = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Point an alias to a version, or remove it. Submissions that name no version run stable.

    Moving stable ends a split of the traffic.
    """
    if remove == (version is not None):
        raise typer.BadParameter("Give either the VERSION or --remove.", param_hint="VERSION")
    with Client(url) as client:
        if version is None:
            client.remove_alias(name, alias, reason)
            answer = {"workflow": name, "alias": alias, "removed": True}
        else:
            answer = client.set_alias(name, alias, version, reason).raw
    if json:
        print_json(answer)
    else:
        output_console().print(f"{name}: {alias} {f'points to {version}' if version else 'is removed'}.")


def rollback(
    name: options.Workflow,
    reason: options.Reason = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Point stable to the version that it pointed to before, and end a split of the traffic."""
    with Client(url) as client:
        before, after = client.roll_back(name, reason)
    if json:
        print_json({"from": before, "to": after})
    else:
        output_console().print(f"{name}: stable points to {printable(after)} again, no longer to {printable(before)}.")


def traffic(
    name: options.Workflow,
    shares: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION=PERCENT]...", help="As v1.0.0=90 v1.1.0=10; they sum to 100.", show_default=False
        ),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the split: all run stable again.")] = False,
    reason: options.Reason = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Split the submissions that name no version between versions, or end the split.

    Each submission keeps the version that it was accepted with. Moving stable or rolling back ends the split, too.
    """
    if end == bool(shares):
        raise typer.BadParameter("Give either shares (v1.0.0=90 v1.1.0=10) or --end.", param_hint="VERSION=PERCENT")
    percents = parse_shares(shares or [])
    with Client(url) as client:
        if end:
            client.end_split(name, reason)
            answer = {"workflow": name, "traffic": {}}
        else:
            answer = client.split_traffic(name, percents, reason).raw
    if json:
        print_json(answer)
    else:
        split = ", ".join(f"{version} {percent} %" for version, percent in percents.items())
        output_console().print(f"{name}: {split or 'submissions without a version run stable'}.")


def parse_shares(given: list[str]) -> dict[str, int]:
    """Return VERSION=PERCENT arguments as a mapping. Raises BadParameter; the server checks the sum."""
    read: dict[str, int] = {}
    for each in given:
        match = _SHARE.match(each)
        if match is None or match["version"] in read:
            what = "is not VERSION=PERCENT, as v1.0.0=90" if match is None else "names its version twice"
            raise typer.BadParameter(f"{each!r} {what}.", param_hint="VERSION=PERCENT")
        read[match["version"]] = int(match["percent"])
    return read
