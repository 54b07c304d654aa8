"""What is told of the models' servers, in MongoDB: one document a pinned model, written by whoever called it last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from pymongo import MongoClient

from contracts.models.status import ServedModel, to_document
from contracts.storage import layout
from contracts.submissions.states import ServedState
from orchestrator.mongo import Document, translated


class MongoServedModels:
    """The port of ``served.Teller``. ``now`` is the database's time."""

    def __init__(self, client: MongoClient[Document], database: str, now: Callable[[], datetime]) -> None:
        self._kept = client[database][layout.SERVED_MODELS]
        self.now = now

    def report(self, served: Iterable[ServedModel]) -> None:
        """Raises StoreUnavailable. Who has not called a model leaves standing how it went for others."""
        with translated():
            for each in served:
                document = to_document(each)
                change: Document = {"$set": document}
                if each.state is ServedState.UNTRIED:
                    change = {"$setOnInsert": {"state": document.pop("state")}, "$set": document}
                self._kept.update_one({"_id": str(each.model)}, change, upsert=True)
