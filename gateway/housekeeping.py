"""What a gateway keeps up with beside its requests: the database's clock, the aliases, where models are served, and
the deletions that another one left."""

from __future__ import annotations

import structlog

from contracts.errors import StoreUnavailable
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.ports import Store

log = structlog.get_logger()

RUN_EVERY_SECONDS = 2.0
"""How soon an operator's change of an alias is followed."""

RETRY_SECONDS = 1.0
CLOCK_EVERY_RUNS = 15
"""The database's clock is asked for every so many turns."""

MODEL_STATUS_EVERY_RUNS = 5
"""Where the models are served is read every so many turns: point reads, one a pinned model. While nobody has told of
one yet, as when all has just been started, at each turn."""


class Housekeeping:
    """One turn after the other, by one thread."""

    def __init__(self, store: Store, catalogue: Catalogue, models: ModelDirectory, lifecycle: Lifecycle) -> None:
        self._store = store
        self._catalogue = catalogue
        self._models = models
        self._lifecycle = lifecycle
        self._runs = 0
        self._missing: list[str] = []

    def run_once(self) -> float:
        """Look at what is due and return the seconds until the next turn. Raises InvalidWorkflow; nothing else.

        The first turn that finds the database there publishes the workflows.
        """
        try:
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._store.ping()
            if self._runs == 0:
                log.info("preparing the database")  # indexes over what is stored may take minutes
                self._store.publish(self._catalogue.all())  # and the indexes that bound what is read below
            if self._runs % CLOCK_EVERY_RUNS == 0:
                self._lifecycle.finish_deletions()
            self._follow(self._store.aliases(self._catalogue.names))
            if self._runs % MODEL_STATUS_EVERY_RUNS == 0 or self._models.unreported:
                self._models.follow(self._store.served(self._models.pins))
        except StoreUnavailable as error:
            log.warning("store away", error=error.message)
            return RETRY_SECONDS
        except (KeyError, TypeError, ValueError, AttributeError):
            log.exception("what is stored beside the submissions cannot be read")  # by a newer release, or by hand
        self._runs += 1
        return RUN_EVERY_SECONDS

    def _follow(self, aliases: dict[str, dict[str, str]]) -> None:
        missing = self._catalogue.follow(aliases)
        if missing != self._missing:
            self._missing = missing
            if missing:
                log.warning("aliases of versions that are not here are left out", aliases=missing)
