"""The gateway's periodic work.

It measures the database's clock, reads aliases and the models' status, counts what is stored, and finishes deletions
that a stopped gateway left incomplete.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.ports import CatalogueStore
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.quota import StorageCount

log = structlog.get_logger()

RUN_EVERY_SECONDS = 2.0
"""How soon a changed alias takes effect."""

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


class Housekeeping:
    """Used by one thread."""

    def __init__(
        self,
        clock: Clock,
        store: CatalogueStore,
        catalogue: Catalogue,
        models: ModelDirectory,
        lifecycle: Lifecycle,
        storage: StorageCount,
    ) -> None:
        self._clock = clock
        self._store = store
        self._catalogue = catalogue
        self._models = models
        self._lifecycle = lifecycle
        self._storage = storage
        self._runs = 0
        self._missing: list[str] = []

    def run_once(self) -> float:
        """Do the work that is due and return the seconds until the next run.

        The first run that reaches the database creates the indexes and publishes the workflows. Raises InvalidWorkflow
        and IncompatibleData.
        """
        try:
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._clock.ping()
            if self._runs == 0:
                log.info("preparing the database")  # creating indexes over stored data may take minutes
                self._store.prepare()
                self._store.publish(self._catalogue.all())
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._lifecycle.finish_deletions()
            self._follow(self._store.aliases(self._catalogue.names))
            if self._runs % MODEL_STATUS_EVERY_RUNS == 0 or self._models.unreported:
                self._models.follow(self._store.served(self._models.pins))
            if self._runs % COUNT_EVERY_RUNS == 0:
                self._storage.run_once(self._clock.now())
        except StoreUnavailable as error:
            log.warning("database unavailable", error=error.message)
            return RETRY_SECONDS
        except (KeyError, TypeError, ValueError, AttributeError):
            # A newer release wrote the data, or somebody changed it by hand.
            log.exception("aliases, model status or statistics cannot be read")
        self._runs += 1
        return RUN_EVERY_SECONDS

    def _follow(self, aliases: dict[str, dict[str, str]]) -> None:
        missing = self._catalogue.follow(aliases)
        if missing != self._missing:
            self._missing = missing
            if missing:
                log.warning("ignoring aliases of versions that are not published here", aliases=missing)
