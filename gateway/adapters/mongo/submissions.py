"""Submissions and pictures in MongoDB, as the gateway writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo import DESCENDING, MongoClient
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from contracts.errors import InvalidWorkflow
from contracts.models.status import ServedModel, read_served
from contracts.storage import layout
from contracts.submissions.documents import ModelRef, Submission, from_document, image_key, input_document, to_document
from contracts.submissions.states import SubmissionState
from contracts.workflows.workflow_file import Workflow
from gateway.adapters.mongo.group_commit import GroupCommit
from gateway.mongo import Document, making_indexes, translated
from gateway.submissions.ports import Picture
from runtime.clock import DatabaseTime

ACCEPTED_TOGETHER = 16
"""Submissions that are written together at most; with images of 10 MiB they pass in several messages."""

PUBLISHED_DUE_SECONDS = 30
"""A rung-for submission that is still queued after so many seconds is looked at by the sweep."""


class MongoStore:
    """The gateway's store port on MongoDB's protocol. Thread-safe, as its client is."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        journaled = WriteConcern(**layout.JOURNALED)
        self._database = client.get_database(database, write_concern=journaled)
        unjournaled = WriteConcern(**layout.UNJOURNALED)
        self._submissions = self._database[layout.SUBMISSIONS]
        self._marks = self._submissions.with_options(write_concern=unjournaled)
        self._images = self._database[layout.IMAGES].with_options(write_concern=unjournaled)
        self._accepted = GroupCommit(self._insert, ACCEPTED_TOGETHER)
        self._time = DatabaseTime()

    def accept(self, submission: Submission, image: bytes) -> None:
        picture = input_document(submission, image)
        # Encoded here, one by one: what cannot be stored is refused alone, not with those it would be written with.
        self._accepted.add((RawBSONDocument(encode(picture)), RawBSONDocument(encode(to_document(submission)))))

    def _insert(self, accepted: Sequence[tuple[RawBSONDocument, RawBSONDocument]]) -> None:
        # The submissions come last: one exists from the moment that its document is there, with all that it needs.
        pictures = [picture for picture, _ in accepted]
        submissions = [submission for _, submission in accepted]
        # Two calls, not a bulkWrite over both: SecantusDB takes a bulkWrite's write concern and does not keep to it, so
        # that what is acknowledged would not be in the journal yet.
        with translated():
            self._images.insert_many(pictures)
            self._submissions.insert_many(submissions)

    def fetch(self, submission_id: str) -> Submission | None:
        with translated():
            document = self._submissions.find_one({"_id": submission_id})
        return from_document(document) if document else None

    def picture(self, submission_id: str, name: str) -> Picture | None:
        with translated():
            document = self._images.find_one({"_id": image_key(submission_id, name)})
        return Picture(document["media_type"], bytes(document["data"])) if document else None

    def mark_published(self, submission_ids: list[str]) -> None:
        due = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": PUBLISHED_DUE_SECONDS}}
        with translated():
            self._marks.update_many(
                # Fence 0: nobody has claimed it yet. A submission that was set aside keeps its own due time.
                {"_id": {"$in": submission_ids}, "state": SubmissionState.QUEUED.value, "fence": 0},
                [{"$set": {"published_at": "$$NOW", "due_at": due}}],
            )

    def now(self) -> datetime:
        # Before the first answer it is asked for: a date of this machine's own may be hours off.
        return self._time.now() or self._ask_time()

    def ping(self) -> None:
        self._ask_time()
        with translated():
            # A database whose storage stands still may greet all the same; only one that reads is there.
            self._submissions.find_one({"_id": ""})

    def _ask_time(self) -> datetime:
        with translated():
            answer = self._database.command("hello")
        return self._time.measured(answer["localTime"])

    def publish(self, workflows: list[Workflow]) -> None:
        kept = self._database[layout.WORKFLOW_VERSIONS]
        with making_indexes(self._database):
            for collection, field in layout.SPARSE_INDEXES:
                self._database[collection].create_index(field, sparse=True)
            for collection, field in layout.EXPIRY_INDEXES:
                self._database[collection].create_index([(field, DESCENDING)])
                known = self._database[collection].index_information()
                if "expireAfterSeconds" in known.get(layout.EXPIRING_INDEX, {}):
                    self._database[collection].drop_index(layout.EXPIRING_INDEX)
            self._submissions.create_index(layout.CREATED)
            self._submissions.create_index(
                [(layout.CREATED, DESCENDING)],
                name=layout.SAMPLE_INDEX,
                partialFilterExpression=layout.SAMPLE,
            )
        with translated():
            for workflow in workflows:
                key = f"{workflow.name}/{workflow.version}"
                try:
                    kept.insert_one({"_id": key, "digest": workflow.digest, "published_at": self.now()})
                except DuplicateKeyError:
                    found = kept.find_one({"_id": key})
                    if found and found["digest"] != workflow.digest:
                        raise InvalidWorkflow(
                            f"{key}: this published version has changed (digest {workflow.digest}, published was "
                            f"{found['digest']}). Put the old file back and publish the change as a new version."
                        ) from None

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        kept = self._database[layout.WORKFLOW_ALIASES]
        with translated():
            found = {name: kept.find_one({"_id": name}) for name in workflows}
        return {name: document["aliases"] for name, document in found.items() if document}

    def set_alias(self, workflow: str, alias: str, version: str) -> None:
        kept = self._database[layout.WORKFLOW_ALIASES]
        with translated():
            kept.update_one({"_id": workflow}, {"$set": {f"aliases.{alias}": version}}, upsert=True)

    def remove_alias(self, workflow: str, alias: str) -> bool:
        kept = self._database[layout.WORKFLOW_ALIASES]
        with translated():
            return kept.update_one({"_id": workflow}, {"$unset": {f"aliases.{alias}": ""}}).modified_count == 1

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        kept = self._database[layout.SERVED_MODELS]
        with translated():
            found = [(model, kept.find_one({"_id": str(model)})) for model in models]
        return [read_served(model, document) for model, document in found if document]
