"""The registry's documents, texts and audit log: the same on the real database and in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from contracts.storage import layout
from contracts.workflows import changes
from contracts.workflows.catalogue import Catalogue, WorkflowText
from contracts.workflows.registry import Actor, WorkflowRecord
from gateway.adapters.mongo.audit import MongoAuditLog
from gateway.catalogue.ports import AuditLog
from runtime.mongo import Database
from runtime.registry import EarlierWorkflow, RegistryStore, WorkflowRegistry
from runtime.registry_store import MongoRegistryStore
from tests.support.factories import NOW, ONE_STEP, make_workflow
from tests.support.fake_catalogue import MemoryRegistryStore
from tests.support.fakes import MemoryStore
from tests.support.present import present

API = Actor("api", NOW, "because")


@dataclass
class Kept:
    """A store, its audit log, and what tells whether a text will be deleted."""

    store: RegistryStore
    audit_log: AuditLog
    superseded: Callable[[str], bool]

    def registry(self) -> WorkflowRegistry:
        """Return the registry as one more process has it."""
        return WorkflowRegistry(self.store, Catalogue([]))


@pytest.fixture(params=["memory", "mongo"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        memory = MemoryRegistryStore(MemoryStore())
        return Kept(memory, memory, lambda digest: f"default/{digest}" in memory.superseded)
    client, name = request.getfixturevalue("database")
    database = Database(client, name)
    database.prepare()
    texts = database.journaled(layout.DEFINITIONS)

    def superseded(digest: str) -> bool:
        return "expires_at" in present(texts.find_one({"_id": f"default/{digest}"}))

    return Kept(MongoRegistryStore(database), MongoAuditLog(database), superseded)


def text(version: str, **changed: str) -> WorkflowText:
    content = ONE_STEP.replace("v1.0.0", version)
    for old, new in changed.items():
        content = content.replace(old, new)
    return WorkflowText(make_workflow(content), content)


def test_a_document_is_what_was_written(kept: Kept) -> None:
    registry = kept.registry()
    registry.publish(text("v1.0.0"), API)
    registry.publish(text("v1.1.0"), API)
    registry.change("digits", lambda record: changes.set_alias(record, "stable", "v1.1.0", API))
    registry.change("digits", lambda record: changes.split_traffic(record, {"v1.0.0": 90, "v1.1.0": 10}, API))
    written, _ = registry.change("digits", lambda record: changes.retire(record, "v1.1.0", API))
    found = present(kept.store.read("default", "digits"))
    assert found == written.model_copy(update={"unlogged": []})
    assert kept.store.all("default") == [found]
    assert kept.store.all("another") == []
    assert kept.store.read("another", "digits") is None


def test_a_write_over_another_revision_is_refused(kept: Kept) -> None:
    registry = kept.registry()
    first, _ = registry.publish(text("v1.0.0"), API)
    assert not kept.store.write(first)
    second = present(changes.set_alias(first, "next", "v1.0.0", API))
    third = present(changes.set_alias(second, "other", "v1.0.0", API))
    assert not kept.store.write(third)
    assert kept.store.write(second)
    assert kept.store.write(third)
    assert set(present(kept.store.read("default", "digits")).aliases) == {"stable", "next", "other"}


def test_texts_are_kept_by_digest_until_they_are_superseded(kept: Kept) -> None:
    draft, newer = text("v1.0.0-draft"), text("v1.0.0-draft", **{"@1.0.0": "@1.0.1"})
    registry = kept.registry()
    registry.publish(draft, API)
    assert kept.store.text("default", draft.workflow.digest) == draft.text
    assert kept.store.text("another", draft.workflow.digest) is None
    registry.publish(newer, API)
    assert kept.superseded(draft.workflow.digest)
    assert kept.store.text("default", draft.workflow.digest) == draft.text
    registry.publish(draft, API)
    assert not kept.superseded(draft.workflow.digest)
    assert kept.superseded(newer.workflow.digest)


def test_the_log_is_numbered_and_read_backwards(kept: Kept) -> None:
    registry = kept.registry()
    for number in range(7):
        registry.publish(text(f"v1.{number}.0"), API)
    page = kept.audit_log.audit("default", None, 3)
    assert [(number, entry.version) for number, entry in page.entries] == [(7, "v1.6.0"), (6, "v1.5.0"), (5, "v1.4.0")]
    assert (page.entries[0][1].reason, page.entries[0][1].at) == ("because", NOW)
    page = kept.audit_log.audit("default", page.next, 3)
    assert [number for number, _ in page.entries] == [4, 3, 2]
    page = kept.audit_log.audit("default", page.next, 3)
    assert ([number for number, _ in page.entries], page.next) == ([1], None)
    assert kept.audit_log.audit("another", None, 3).entries == []
    assert [number for number, _ in kept.audit_log.audit("default", 10**6, 2).entries] == [7, 6]


def test_an_entry_is_logged_once(kept: Kept) -> None:
    first, _ = kept.registry().publish(text("v1.0.0"), API)
    kept.store.append_audit(first.unlogged)
    kept.store.append_audit(first.unlogged)
    assert [number for number, _ in kept.audit_log.audit("default", None, 10).entries] == [1]
    assert present(kept.store.read("default", "digits")).unlogged == []


def test_changes_at_the_same_time_are_all_kept(kept: Kept) -> None:
    kept.registry().publish(text("v1.0.0"), API)
    failed: list[Exception] = []

    def work(worker: int) -> None:
        registry = kept.registry()
        for number in range(3):
            alias = f"w{worker}-{number}"

            def decide(record: WorkflowRecord, alias: str = alias) -> WorkflowRecord | None:
                return changes.set_alias(record, alias, "v1.0.0", API)

            try:
                registry.change("digits", decide)
            except Exception as error:  # noqa: BLE001  # shown by the assertion below
                failed.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    record = present(kept.store.read("default", "digits"))
    assert len(record.aliases) == 10
    assert record.revision == 10
    assert len(kept.audit_log.audit("default", None, 100).entries) == 10


def test_what_earlier_releases_stored_is_found(kept: Kept) -> None:
    assert kept.store.earlier("digits") == EarlierWorkflow({}, {})
    if isinstance(kept.store, MongoRegistryStore):
        database = kept.store._database
        versions = database.journaled(layout.WORKFLOW_VERSIONS)
        versions.insert_one({"_id": "digits/v1.0.0", "digest": "sha256:1", "published_at": NOW})
        versions.insert_one({"_id": "digits_2/v1.0.0", "digest": "sha256:2", "published_at": NOW})
        database.journaled(layout.WORKFLOW_ALIASES).insert_one({"_id": "digits", "aliases": {"stable": "v1.0.0"}})
        assert kept.store.earlier("digits") == EarlierWorkflow({"v1.0.0": "sha256:1"}, {"stable": "v1.0.0"})
