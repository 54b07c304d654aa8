"""What an operator asks of a running system: ``aliases list|set|remove``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from contracts.errors import StoreUnavailable, UnknownWorkflow
from contracts.workflows.catalogue import ALIAS, STABLE, Catalogue
from runtime.settings import exit_with_error

COMMANDS = """commands (none runs the gateway; each has its own --help):
  aliases list                         what the workflows' aliases mean
  aliases set WORKFLOW ALIAS VERSION   let an alias mean a version
  aliases remove WORKFLOW ALIAS        take an alias away"""

SET = """Every gateway follows within seconds. `stable` is what is meant where no version is named, by both versions of
the API; as long as nobody has set it, it means the newest version. What was accepted before keeps its version."""

REMOVE = """Takes an alias away. Without its own `stable`, a workflow's newest version is meant again."""


class Store(Protocol):
    """The part of the store that an operator changes. Raises StoreUnavailable."""

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]: ...

    def set_alias(self, workflow: str, alias: str, version: str) -> None: ...

    def remove_alias(self, workflow: str, alias: str) -> bool: ...


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        exit_with_error(self.prog, f"{message[:1].upper()}{message[1:]}. {self.prog} --help says more.")


def parse(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line. Leaves with status 2 and a sentence when it is wrong, with 0 for ``--help``."""
    parser = _Parser(prog=program, description=COMMANDS, formatter_class=argparse.RawDescriptionHelpFormatter)
    topics = parser.add_subparsers(dest="topic", required=True, metavar="aliases")
    actions = topics.add_parser("aliases", help="what the workflows' aliases mean").add_subparsers(
        dest="action", required=True, metavar="list|set|remove"
    )
    listing = actions.add_parser("list", help="what they mean")
    listing.add_argument("--json", action="store_true", help="as JSON: by workflow, the version by alias")
    listing.set_defaults(run=_list)

    setting = actions.add_parser("set", description=SET, help="let one mean a version")
    setting.add_argument("workflow", metavar="WORKFLOW")
    setting.add_argument("alias", type=_alias, metavar="ALIAS", help="stable, or a name of your own")
    setting.add_argument("version", metavar="VERSION", help="a published version, like v1.0.0")
    setting.set_defaults(run=_set)

    removing = actions.add_parser("remove", description=REMOVE, help="take one away")
    removing.add_argument("workflow", metavar="WORKFLOW")
    removing.add_argument("alias", type=_alias, metavar="ALIAS")
    removing.set_defaults(run=_remove)
    return parser.parse_args(arguments)


def run(program: str, given: argparse.Namespace, store: Store, catalogue: Catalogue) -> int:
    """Do what was asked and return the exit status; errors are one sentence on standard error."""
    try:
        status: int = given.run(given, store, catalogue)
    except StoreUnavailable:
        return _complain(program, "The database does not answer. SHOWCASE_MONGO_URL says where it is looked for.")
    except UnknownWorkflow as error:
        return _complain(program, error.message)
    except _Nothing as nothing:
        return _complain(program, str(nothing))
    return status


class _Nothing(Exception):
    """There is nothing to do; says why."""


def _list(given: argparse.Namespace, store: Store, catalogue: Catalogue) -> int:
    stored = store.aliases(catalogue.names)
    missing = catalogue.follow(stored)
    meant = {name: catalogue.aliases(name) for name in catalogue.names}
    if given.json:
        _write(json.dumps(meant, indent=2))
        return 0
    rows = [("WORKFLOW", "ALIAS", "VERSION", "")]
    for name, aliases in meant.items():
        for alias, version in aliases.items():
            unset = alias == STABLE and STABLE not in stored.get(name, {})
            rows.append((name, alias, version, "the newest, as nobody has set it" if unset else ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        _write("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    for each in missing:
        name, _, alias = each.partition("/")
        _write(f"{name}: {alias} means {stored[name][alias]}, which is not in the folder of workflows here.")
    return 0


def _set(given: argparse.Namespace, store: Store, catalogue: Catalogue) -> int:
    catalogue.newest(given.workflow)  # its sentence names the workflows that there are
    known = [workflow.version for workflow in catalogue.versions(given.workflow)]
    if given.version not in known:
        raise _Nothing(f"There is no version {given.version!r} of {given.workflow}. There are: {', '.join(known)}.")
    store.set_alias(given.workflow, given.alias, given.version)
    _write(f"{given.workflow}: {given.alias} means {given.version}.")
    return 0


def _remove(given: argparse.Namespace, store: Store, catalogue: Catalogue) -> int:
    newest = catalogue.newest(given.workflow).version
    if not store.remove_alias(given.workflow, given.alias):
        raise _Nothing(f"{given.workflow} has no alias {given.alias!r} that was set. `aliases list` shows them.")
    means = f"means the newest version again, {newest}" if given.alias == STABLE else "is no alias any more"
    _write(f"{given.workflow}: {given.alias} {means}.")
    return 0


def _alias(text: str) -> str:
    if not ALIAS.match(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no alias: up to 32 lower-case letters, digits and -, a letter first"
        )
    return text


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(program: str, sentence: str) -> int:
    sys.stderr.write(f"{program}: {sentence}\n")
    return 1
