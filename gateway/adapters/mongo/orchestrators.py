"""The reports of the orchestrators in MongoDB, as the gateway reads them."""

from __future__ import annotations

import structlog
from pydantic import ValidationError

from contracts.orchestrators.status import OrchestratorReport, from_document
from contracts.storage import layout
from runtime.mongo import Database, translated

log = structlog.get_logger()

MOST_READ = 1000
"""More starts than this within ten minutes are a crash loop in any case."""


class MongoOrchestrators:
    """The port of ``Readiness`` on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._reports = database.unjournaled(layout.ORCHESTRATORS)

    def reports(self) -> list[OrchestratorReport]:
        found = []
        with translated():
            for document in self._reports.find({}).limit(MOST_READ):
                try:
                    found.append(from_document(document))
                except ValidationError:  # a newer release wrote it, or somebody changed it by hand
                    log.warning("orchestrator's report cannot be read", id=str(document.get("_id")))
        return found
