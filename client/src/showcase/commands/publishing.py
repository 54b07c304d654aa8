"""The commands ``showcase workflows validate``, ``publish`` and ``retire``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from showcase.catalogue import PublishedWorkflow
from showcase.client import Client
from showcase.commands import options
from showcase.commands.exit_codes import DONE, FAILED, exit_code_of
from showcase.commands.output import error_console, output_console, print_error, print_json, printable
from showcase.errors import BadRequest, FileUnreadable, Invalid, Refused

DRAFT = "-draft"


def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Workflow files, YAML or JSON.", show_default=False)
    ],
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Check workflow files on the server, which publishes nothing: every error with its file, line and column.

    Also names the models that no model server is known to serve. Exits with 1 when a file has an error.
    """
    code, wrong = DONE, 0
    with Client(url) as client:
        for file in files:
            try:
                answer = client.validate_workflow(file).raw
            except FileUnreadable as error:
                print_error(error)
                code = code or exit_code_of(error)
                continue
            except (BadRequest, Invalid) as error:
                answer = {"valid": False, "errors": _errors(error), "unserved_models": []}
            if json:
                print_json({"file": str(file), **answer})
            else:
                _print_lines(output_console(), file, answer["errors"])
                for model in answer.get("unserved_models", ()):
                    pin = printable(f"{model.get('name')}@{model.get('version')}")
                    error_console().print(f"{file}: no model server is known to serve {pin}.")
            if not answer["valid"]:
                code, wrong = code or FAILED, wrong + 1
    if not json and code == DONE:
        output_console().print(f"{len(files)} file{'s' * (len(files) > 1)} checked, no error.")
    raise typer.Exit(code)


def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workflow file, YAML or JSON.", show_default=False)],
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Refuse a version that exists, even with the same content.")
    ] = False,
    reason: options.Reason = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Publish a version of a workflow; its name and its number are those in the file.

    A published version never changes, except for its title and description. A draft (v1.1.0-draft) may be overwritten.
    """
    with Client(url) as client:
        try:
            published = client.publish_workflow(file, only_new=only_new, reason=reason)
        except Refused as error:
            if not json:
                _print_lines(error_console(), file, error.extensions.get("errors"))
                for line in str(error.extensions.get("diff") or "").splitlines():
                    error_console().print(printable(line))
            raise
    if json:
        print_json(published.raw)
        return
    name, version = printable(published.name), printable(published.version)
    output_console().print(f"{name} {version}: {_outcome(published)}.")
    if not published.aliases:
        error_console().print(f"It runs when it is named: showcase submit IMAGE --workflow {name} --version {version}")


def retire(
    name: options.Workflow,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="The version to retire, like v1.0.0.", show_default=False)
    ],
    reason: options.Reason = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Refuse new submissions of a version and hide it from lists; a draft is deleted.

    What it accepted runs to its end, and its results stay. Publishing the same file again takes it back.
    """
    with Client(url) as client:
        client.retire_workflow(name, version, reason)
    draft = version.endswith(DRAFT)
    if json:
        print_json({"workflow": name, "version": version, "deleted" if draft else "retired": True})
    else:
        output_console().print(f"{name} {version}: {'deleted' if draft else 'retired'}.")


def _outcome(published: PublishedWorkflow) -> str:
    if published.created:
        return "published"
    return "the draft is as the file says" if published.draft else "was published before, with the same content"


def _errors(error: Refused) -> list[dict[str, Any]]:
    found = error.extensions.get("errors")
    return found if isinstance(found, list) else [{"line": 1, "column": 1, "message": error.detail}]


def _print_lines(console: Any, file: Path, errors: Any) -> None:
    for each in errors if isinstance(errors, list) else ():
        console.print(f"{file}:{each.get('line')}:{each.get('column')}: {printable(str(each.get('message')))}")
