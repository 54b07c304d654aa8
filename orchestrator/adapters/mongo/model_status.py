"""The model status in MongoDB: one document for each pinned model, written by the orchestrator that called it last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.models.status import ServedModel, to_document
from contracts.storage import layout
from contracts.submissions.states import ServedState
from runtime.mongo import Database, Document, translated


class MongoServedModels:
    """The store of ``ModelStatusReporter`` on the MongoDB protocol."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._served = database.journaled(layout.SERVED_MODELS)

    def now(self) -> datetime:
        return self._database.now()

    def report(self, served: Iterable[ServedModel]) -> None:
        """Store the reports; one that is untried leaves the state as it is if another orchestrator has reported one.

        Raises StoreUnavailable.
        """
        with translated():
            for each in served:
                document = to_document(each)
                change: Document = {"$set": document}
                if each.state is ServedState.UNTRIED:
                    change = {"$setOnInsert": {"state": document.pop("state")}, "$set": document}
                self._served.update_one({"_id": str(each.model)}, change, upsert=True)
