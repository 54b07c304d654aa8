"""The registry of workflows on MongoDB's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from contracts.storage import layout, update_pipelines
from contracts.workflows.registry import AuditEntry, WorkflowRecord, record_key
from runtime.mongo import Database, translated
from runtime.registry import EarlierWorkflow

SUPERSEDED_KEPT_SECONDS = 7 * 86_400.0
"""How long the text of an overwritten draft stays: no submission waits longer than a day for its models."""


class MongoRegistryStore:
    """One document for each workflow, replaced by compare-and-set on its revision. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalogue = database.journaled(layout.CATALOGUE)
        self._texts = database.journaled(layout.DEFINITIONS)
        self._audit = database.journaled(layout.AUDIT)
        self._counters = database.journaled(layout.COUNTERS)

    def all(self, tenant: str) -> list[WorkflowRecord]:
        with translated():
            return [WorkflowRecord.model_validate(each) for each in self._catalogue.find({"tenant": tenant})]

    def read(self, tenant: str, name: str) -> WorkflowRecord | None:
        with translated():
            found = self._catalogue.find_one({"_id": record_key(tenant, name)})
        return WorkflowRecord.model_validate(found) if found else None

    def write(self, record: WorkflowRecord) -> bool:
        document = _document(record)
        with translated():
            if record.revision > 1:
                before = {"_id": record.id, "revision": record.revision - 1}
                return self._catalogue.replace_one(before, document).modified_count == 1
            try:
                self._catalogue.insert_one(document)
            except DuplicateKeyError:
                return False
            return True

    def save_text(self, tenant: str, digest: str, text: str) -> None:
        change = {"$set": {"tenant": tenant, "digest": digest, "text": text}, "$unset": {"expires_at": ""}}
        with translated():
            self._texts.update_one({"_id": f"{tenant}/{digest}"}, change, upsert=True)

    def text(self, tenant: str, digest: str) -> str | None:
        with translated():
            found = self._texts.find_one({"_id": f"{tenant}/{digest}"})
        return str(found["text"]) if found else None

    def supersede_text(self, tenant: str, digest: str) -> None:
        change = [{"$set": {"expires_at": update_pipelines.from_now(SUPERSEDED_KEPT_SECONDS)}}]
        with translated():
            self._texts.update_one({"_id": f"{tenant}/{digest}"}, change)

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            with translated():
                if self._audit.find_one({"_id": entry.id}) is not None:
                    continue
                counter: Any = self._counters.find_one_and_update(
                    {"_id": f"{entry.tenant}/{layout.AUDIT}"},
                    {"$inc": {"value": 1}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
                try:
                    self._audit.insert_one(_document(entry) | {"number": counter["value"]})
                except DuplicateKeyError:
                    continue  # another process was faster; its number stays unused

    def mark_logged(self, record: WorkflowRecord) -> None:
        ids = [entry.id for entry in record.unlogged]
        with translated():
            self._catalogue.update_one({"_id": record.id}, {"$pull": {"unlogged": {"_id": {"$in": ids}}}})

    def earlier(self, name: str) -> EarlierWorkflow:
        with translated():
            versions = {
                str(each["_id"]).partition("/")[2]: str(each["digest"])
                for each in self._database.journaled(layout.WORKFLOW_VERSIONS).find()
                if str(each["_id"]).partition("/")[0] == name
            }
            aliases = self._database.journaled(layout.WORKFLOW_ALIASES).find_one({"_id": name})
        return EarlierWorkflow(versions, dict(aliases["aliases"]) if aliases else {})


def _document(model: WorkflowRecord | AuditEntry) -> dict[str, Any]:
    return model.model_dump(by_alias=True, exclude_none=True)
