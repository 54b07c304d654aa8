"""The audit log in MongoDB: read by ranges of its numbers, which an index serves."""

from __future__ import annotations

from contracts.storage import layout
from contracts.workflows.registry import AuditEntry
from gateway.catalogue.ports import AuditSlice
from runtime.mongo import Database, translated


class MongoAuditLog:
    """Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._audit = database.journaled(layout.AUDIT)
        self._counters = database.journaled(layout.COUNTERS)

    def audit(self, tenant: str, before: int | None, limit: int) -> AuditSlice:
        with translated():
            counter = self._counters.find_one({"_id": f"{tenant}/{layout.AUDIT}"})
            end = int(counter["value"]) + 1 if counter else 1
            end = end if before is None else min(before, end)
            first = max(1, end - limit)
            window = {"tenant": tenant, "number": {"$gte": first, "$lt": end}}
            found = [(int(each["number"]), AuditEntry.model_validate(each)) for each in self._audit.find(window)]
        entries = sorted(found, key=lambda pair: pair[0], reverse=True)
        return AuditSlice(entries, first if first > 1 else None)
