"""The gateway's periodic work.

It measures the database's clock, follows the registry of workflows and the models' status, counts what is stored, and
finishes deletions that a stopped gateway left incomplete.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable
from contracts.workflows.catalogue import WorkflowText
from contracts.workflows.changes import FILE
from contracts.workflows.registry import Actor
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.ports import ModelStatusStore
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.quota import StorageCount

log = structlog.get_logger()

RUN_EVERY_SECONDS = 2.0
"""How soon a change of the workflows takes effect if its notification was lost."""

RETRY_SECONDS = 1.0
CLOCK_EVERY_RUNS = 15
"""Every how many runs to measure the database's clock."""

MODEL_STATUS_EVERY_RUNS = 5
"""Every how many runs to read the models' status, with one point read for each pinned model. While a model has no
status yet, or is untried, as right after a first start, every run reads it."""


COUNT_EVERY_RUNS = 3
"""Every how many runs to count on what is stored."""


class Clock(Protocol):
    """The database's clock. Both methods raise StoreUnavailable."""

    def ping(self) -> None:
        """Measure the database's time."""

    def now(self) -> datetime:
        """Return the database's time as last measured."""


class Registry(Protocol):
    """The registry of workflows, and the catalogue that follows it. Every method raises StoreUnavailable."""

    def publish_folder(self, texts: Sequence[WorkflowText], actor: Actor) -> list[str]: ...

    def refresh(self) -> bool: ...


class Housekeeping:
    """Used by one thread."""

    def __init__(
        self,
        clock: Clock,
        store: ModelStatusStore,
        registry: Registry,
        texts: Sequence[WorkflowText],
        models: ModelDirectory,
        lifecycle: Lifecycle,
        storage: StorageCount,
    ) -> None:
        self._clock = clock
        self._store = store
        self._registry = registry
        self._texts = texts
        self._models = models
        self._lifecycle = lifecycle
        self._storage = storage
        self._runs = 0

    def run_once(self) -> float:
        """Do the work that is due and return the seconds until the next run.

        The first run that reaches the database creates the indexes and publishes the folder of workflows. A file that
        contradicts its published version is reported, and that version goes on. Raises IncompatibleData.
        """
        try:
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._clock.ping()
            if self._runs == 0:
                log.info("preparing the database")  # creating indexes over stored data may take minutes
                self._store.prepare()
                for sentence in self._registry.publish_folder(self._texts, Actor(FILE, self._clock.now())):
                    log.error("workflow file not published", error=sentence)
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._lifecycle.finish_deletions()
            self._registry.refresh()
            if self._runs % MODEL_STATUS_EVERY_RUNS == 0 or self._models.unreported:
                self._models.follow(self._store.served(self._models.pins))
            if self._runs % COUNT_EVERY_RUNS == 0:
                self._storage.run_once(self._clock.now())
        except StoreUnavailable as error:
            log.warning("database unavailable", error=error.message)
            return RETRY_SECONDS
        except (KeyError, TypeError, ValueError, AttributeError):
            # A newer release wrote the data, or somebody changed it by hand.
            log.exception("workflows, model status or statistics cannot be read")
        self._runs += 1
        return RUN_EVERY_SECONDS
