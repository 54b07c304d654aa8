"""Published workflows, their aliases and the models' status in MongoDB. The gateway writes only the workflows."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from contracts.errors import InvalidWorkflow
from contracts.models.status import ServedModel, read_served
from contracts.storage import layout
from contracts.submissions.documents import ModelRef
from contracts.workflows.workflow_file import Workflow
from runtime.mongo import Database, translated


class MongoCatalogue:
    """The catalogue's store on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions = database.journaled(layout.WORKFLOW_VERSIONS)
        self._served = database.journaled(layout.SERVED_MODELS)

    def prepare(self) -> None:
        self._database.prepare()

    def publish(self, workflows: list[Workflow]) -> None:
        with translated():
            for workflow in workflows:
                key = f"{workflow.name}/{workflow.version}"
                document = {"_id": key, "digest": workflow.digest, "published_at": self._database.now()}
                try:
                    self._versions.insert_one(document)
                except DuplicateKeyError:
                    found = self._versions.find_one({"_id": key})
                    if found and found["digest"] != workflow.digest:
                        raise InvalidWorkflow(
                            f"{key}: this published version has changed (digest {workflow.digest}, published was "
                            f"{found['digest']}). Put the old file back and publish the change as a new version."
                        ) from None

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        return self._database.aliases(workflows)

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        with translated():
            found = [(model, self._served.find_one({"_id": str(model)})) for model in models]
        return [read_served(model, document) for model, document in found if document]
