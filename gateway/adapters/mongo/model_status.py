"""The models' status in MongoDB, as the orchestrators report it."""

from __future__ import annotations

from contracts.models.status import ServedModel, read_served
from contracts.storage import layout
from contracts.submissions.documents import ModelRef
from runtime.mongo import Database, translated


class MongoModelStatus:
    """Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._served = database.journaled(layout.SERVED_MODELS)

    def prepare(self) -> None:
        self._database.prepare()

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        with translated():
            found = [(model, self._served.find_one({"_id": str(model)})) for model in models]
        return [read_served(model, document) for model, document in found if document]
