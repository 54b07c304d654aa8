"""The reports of the orchestrators in MongoDB: one document for each start of one."""

from __future__ import annotations

from datetime import datetime

from contracts.orchestrators.status import OrchestratorReport, to_document
from contracts.storage import layout
from runtime.mongo import Database, translated


class MongoOrchestrators:
    """The store of ``StatusReporter`` on the MongoDB protocol. A lost report is made up for by the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reports = database.unjournaled(layout.ORCHESTRATORS)

    def now(self) -> datetime:
        return self._database.now()

    def report(self, report: OrchestratorReport) -> None:
        with translated():
            self._reports.replace_one({"_id": report.id}, to_document(report), upsert=True)
