"""``showcase workflows`` and ``models``."""

from __future__ import annotations

from showcase.client import Client
from showcase.commands import options
from showcase.commands.output import print_json, print_table


def workflows(json: options.Json = False, url: options.Url = options.URL) -> None:
    """List the workflows, their versions, and what their steps call and ask."""
    with Client(url) as client:
        published = client.workflows()
    if json:
        for each in published:
            print_json(each.raw)
        return
    print_table(("WORKFLOW", "VERSION", "TITLE"), [(each.name, each.version, each.title) for each in published])


def models(json: options.Json = False, url: options.Url = options.URL) -> None:
    """List the models that workflows call: version, licence, and where they are served."""
    with Client(url) as client:
        served = client.models()
    if json:
        for each in served:
            print_json(each.raw)
        return
    print_table(("MODEL", "VERSION", "LICENCE"), [(each.name, each.version, each.licence or "-") for each in served])
