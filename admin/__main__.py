"""``python -m admin``: everything that an operator asks of a running system. The one place where the parts meet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path

import typer

from admin import aliases, dead_letters, submissions, workflows
from admin.adapters.rabbitmq import RabbitDeadLetters
from admin.command_line import EXIT_STATUS, PROGRAM, NothingToDo, command_group
from admin.formatting import plain
from admin.ports import DeadLetters, Decide, System
from contracts.errors import (
    BrokerUnavailable,
    InvalidDocument,
    InvalidSetting,
    InvalidWorkflow,
    StoreUnavailable,
    UnknownSchema,
    UnknownWorkflow,
)
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.registry import DEFAULT_TENANT, Actor, WorkflowRecord
from runtime.mongo import Database, connect
from runtime.registry import WorkflowRegistry
from runtime.registry_store import MongoRegistryStore
from runtime.settings import ConnectionSettings, describe, read_settings

PURPOSE = "Ask a running system of ML Showcase: its workflows, its dead letters, its submissions' records."
CHECKOUT = Path(__file__).resolve().parent.parent
ENV_FILES = (CHECKOUT / ".env", CHECKOUT / ".local" / "environment")
"""Read where they exist: what the checkout's ``.env`` says, and before it where its ``make up`` started the parts."""

SENTENCE_KEPT = 2000
"""Characters shown of an error."""


def _epilog() -> str:
    """Return the exit statuses and the settings, a paragraph each."""
    head = (
        "Settings are environment variables. A file may hold one: SHOWCASE_<NAME>_FILE names it. In a checkout, those "
        "that are not set are those of the cluster that make up started there, or those in its .env."
    )
    settings = [f"{name}: {meaning} Default: {default}" for name, default, meaning in describe(ConnectionSettings)]
    return "\n\n".join([EXIT_STATUS, head, *settings]).replace("<", r"\<")  # Markdown would take <name> for HTML


app = command_group(PURPOSE, _epilog())
app.add_typer(aliases.app, name="aliases")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(submissions.app, name="submissions")
app.add_typer(workflows.app, name="workflows")


class RunningSystem:
    """The system that the settings name. Settings are read, and connections made, when a command first needs them."""

    def __init__(self) -> None:
        self._opened = ExitStack()

    @cached_property
    def _settings(self) -> ConnectionSettings:
        return read_settings(ConnectionSettings, PROGRAM, PURPOSE, [], ENV_FILES)

    @cached_property
    def _database(self) -> Database:
        client = connect(self._settings.mongo_url, "admin", self._settings.store_timeout_seconds)
        return Database(self._opened.enter_context(client), self._settings.mongo_database)

    @cached_property
    def _registry_store(self) -> MongoRegistryStore:
        return MongoRegistryStore(self._database)

    def workflows_folder(self) -> Path:
        return self._settings.workflows

    def workflows(self) -> list[WorkflowRecord]:
        return self._registry_store.all(DEFAULT_TENANT)

    def change_workflow(self, name: str, source: str, reason: str | None, decide: Decide) -> WorkflowRecord:
        registry = WorkflowRegistry(self._registry_store, Catalogue([]))
        registry.refresh()  # its errors name the workflows that exist
        actor = Actor(source, self._database.now(), reason)
        return registry.change(name, lambda record: decide(record, actor))[0]

    def submissions(self) -> Database:
        return self._database

    def open_letters(self) -> AbstractContextManager[DeadLetters]:
        return RabbitDeadLetters(self._settings.amqp_url)

    def close(self) -> None:
        self._opened.close()


def run(arguments: Sequence[str], system: System) -> int:
    """Do what the arguments ask for and return the exit status; every error is one sentence on standard error."""
    try:
        ended = app(list(arguments), prog_name=PROGRAM, obj=system, standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        sentence, status = f"{message}{end} {command} --help says more.", error.exit_code
    except StoreUnavailable:
        # Not the library's words: they run over lines, and name topologies and timeouts.
        sentence, status = "The database does not answer. SHOWCASE_MONGO_URL says where it is looked for.", 1
    except BrokerUnavailable as error:
        sentence, status = f"{error.message} SHOWCASE_AMQP_URL says where it is looked for.", 1
    except (InvalidSetting, InvalidWorkflow) as error:
        sentence, status = error.message, 2
    except (NothingToDo, UnknownWorkflow, UnknownSchema, InvalidDocument) as error:
        sentence, status = str(error), 1
    else:
        return ended if isinstance(ended, int) else 0
    sys.stderr.write(f"{PROGRAM}: {plain(' '.join(sentence.split()), SENTENCE_KEPT)}\n")
    return status


def main() -> None:
    logging.disable()  # one sentence for a person, not the libraries' reports of the same
    system = RunningSystem()
    try:
        raise SystemExit(run(sys.argv[1:], system))
    finally:
        system.close()


if __name__ == "__main__":
    main()
