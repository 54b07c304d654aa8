"""What a gateway does beside its requests.

It measures the database's clock, follows aliases and the models' status, and finishes deletions that another gateway
left.
"""

from __future__ import annotations

from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.ports import CatalogueStore
from gateway.submissions.lifecycle import Lifecycle

log = structlog.get_logger()

RUN_EVERY_SECONDS = 2.0
"""How soon a change of an alias is followed."""

RETRY_SECONDS = 1.0
CLOCK_EVERY_RUNS = 15
"""The database's clock is measured in one run of so many."""

MODEL_STATUS_EVERY_RUNS = 5
"""The models' status is read in one run of so many: point reads, one a pinned model. While a model has no status yet,
as right after a first start, it is read in each run."""


class Clock(Protocol):
    def ping(self) -> None:
        """Measure the database's time. Raises StoreUnavailable."""


class Housekeeping:
    """Used by one thread."""

    def __init__(
        self,
        clock: Clock,
        store: CatalogueStore,
        catalogue: Catalogue,
        models: ModelDirectory,
        lifecycle: Lifecycle,
    ) -> None:
        self._clock = clock
        self._store = store
        self._catalogue = catalogue
        self._models = models
        self._lifecycle = lifecycle
        self._runs = 0
        self._missing: list[str] = []

    def run_once(self) -> float:
        """Do what is due and return the seconds until the next run. Raises InvalidWorkflow and IncompatibleData.

        The first run that finds the database makes the indexes and publishes the workflows.
        """
        try:
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._clock.ping()
            if self._runs == 0:
                log.info("preparing the database")  # indexes over what is stored may take minutes
                self._store.prepare()
                self._store.publish(self._catalogue.all())
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._lifecycle.finish_deletions()
            self._follow(self._store.aliases(self._catalogue.names))
            if self._runs % MODEL_STATUS_EVERY_RUNS == 0 or self._models.unreported:
                self._models.follow(self._store.served(self._models.pins))
        except StoreUnavailable as error:
            log.warning("store away", error=error.message)
            return RETRY_SECONDS
        except (KeyError, TypeError, ValueError, AttributeError):
            # A newer release wrote it, or a person changed it by hand.
            log.exception("aliases or model status cannot be read")
        self._runs += 1
        return RUN_EVERY_SECONDS

    def _follow(self, aliases: dict[str, dict[str, str]]) -> None:
        missing = self._catalogue.follow(aliases)
        if missing != self._missing:
            self._missing = missing
            if missing:
                log.warning("aliases of versions that are not here are left out", aliases=missing)
