"""The gateway's housekeeping: it publishes versions once, then follows the registry and model reports in every run."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows import changes
from contracts.workflows.catalogue import Catalogue, WorkflowText
from contracts.workflows.registry import Actor, WorkflowRecord
from gateway.catalogue.models import ModelDirectory
from gateway.housekeeping import (
    CLOCK_EVERY_RUNS,
    COUNT_EVERY_RUNS,
    MODEL_STATUS_EVERY_RUNS,
    RETRY_SECONDS,
    RUN_EVERY_SECONDS,
    Housekeeping,
)
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.quota import Disk, StorageCount, StorageQuota, Stored
from runtime.registry import WorkflowRegistry
from tests.support.factories import GATED, NOW, ONE_STEP, make_workflow, png
from tests.support.fake_catalogue import MemoryModelStatus, MemoryRegistryStore
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fake_sizes import MemorySizes
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app

TEXTS = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
API = Actor("api", NOW)


def published() -> Catalogue:
    return Catalogue([make_workflow(text) for text in TEXTS])


def storage(quota: StorageQuota | None = None) -> StorageCount:
    return StorageCount(MemorySizes(), quota or StorageQuota())


def lifecycle(store: MemoryStore) -> Lifecycle:
    return Lifecycle(store, MemoryLifecycleStore(store), GatewayPublisher(), lambda _: True)


@pytest.fixture
def kept(store: MemoryStore) -> MemoryRegistryStore:
    return MemoryRegistryStore(store)


@pytest.fixture
def status(store: MemoryStore) -> MemoryModelStatus:
    return MemoryModelStatus(store)


def make(
    store: MemoryStore,
    status: MemoryModelStatus,
    kept: MemoryRegistryStore,
    catalogue: Catalogue,
    models: ModelDirectory | None = None,
    count: StorageCount | None = None,
) -> Housekeeping:
    texts = [WorkflowText(make_workflow(text), text) for text in TEXTS]
    registry = WorkflowRegistry(kept, catalogue)
    directory = models or ModelDirectory(catalogue)
    return Housekeeping(store, status, registry, texts, directory, lifecycle(store), count or storage())


@pytest.fixture
def housekeeping(
    store: MemoryStore, status: MemoryModelStatus, kept: MemoryRegistryStore, catalogue: Catalogue
) -> Housekeeping:
    return make(store, status, kept, catalogue)


@pytest.fixture
def registry(kept: MemoryRegistryStore) -> WorkflowRegistry:
    """Another process."""
    return WorkflowRegistry(kept, Catalogue([]))


def meant_by_v1(client: FlaskClient, store: MemoryStore) -> str:
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow_name": "digits"}
    answer = client.post("/api/v1/submit_image", data=form).json
    assert answer is not None
    stored = store.fetch(answer["submission_id"])
    assert stored is not None
    return stored.workflow.version


def meant_by_v2(client: FlaskClient, **version: str) -> str:
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow": "digits"} | version
    answer = client.post("/api/v2/submissions", data=form).json
    assert answer is not None
    return str(answer["workflow"]["version"])


def test_both_apis_and_a_gateway_that_starts_later_follow_an_alias(
    kept: MemoryRegistryStore,
    status: MemoryModelStatus,
    client: FlaskClient,
    store: MemoryStore,
    housekeeping: Housekeeping,
    registry: WorkflowRegistry,
) -> None:
    housekeeping.run_once()
    registry.change("digits", lambda record: changes.set_alias(record, "stable", "v1.10.0", API))
    registry.change("digits", lambda record: changes.set_alias(record, "next", "v1.9.0", API))
    assert meant_by_v1(client, store) == meant_by_v2(client) == "v1.0.0"  # no run has read them yet
    assert housekeeping.run_once() == RUN_EVERY_SECONDS
    assert meant_by_v1(client, store) == meant_by_v2(client) == meant_by_v2(client, version="stable") == "v1.10.0"
    assert meant_by_v2(client, version="next") == "v1.9.0"
    assert meant_by_v2(client, version="v1.0.0") == "v1.0.0"

    fresh = published()
    make(store, status, kept, fresh).run_once()
    assert meant_by_v1(make_app(store, FakeJobPublisher(), fresh).test_client(), store) == "v1.10.0"


def test_accepting_a_submission_does_not_read_the_registry(
    kept: MemoryRegistryStore, client: FlaskClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all", "read", "text"):
        monkeypatch.setattr(MemoryRegistryStore, name, lambda *_: pytest.fail("a round trip"))
    assert meant_by_v1(client, store) == "v1.0.0"


def test_an_alias_that_was_never_set_is_unknown(client: FlaskClient) -> None:
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow": "digits", "version": "next"}
    answer = client.post("/api/v2/submissions", data=form)
    assert answer.status_code == 404
    assert "'next'" in answer.text


def test_the_last_workflows_hold_while_the_database_is_unavailable(
    store: MemoryStore, housekeeping: Housekeeping, catalogue: Catalogue, registry: WorkflowRegistry
) -> None:
    housekeeping.run_once()
    registry.change("digits", lambda record: changes.set_alias(record, "stable", "v1.10.0", API))
    housekeeping.run_once()
    store.away = True
    assert housekeeping.run_once() == RETRY_SECONDS
    assert catalogue.find("digits").version == "v1.10.0"


def test_the_first_run_publishes_and_later_runs_only_follow(
    kept: MemoryRegistryStore, store: MemoryStore, housekeeping: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.away = True
    assert housekeeping.run_once() == RETRY_SECONDS
    assert kept.documents == {}
    store.away = False
    housekeeping.run_once()
    assert {record.name: len(record.versions) for record in kept.documents.values()} == {"digits": 3, "gated": 1}
    assert [entry.source for entry in kept.log] == ["file"] * 4
    asked: list[str] = []
    monkeypatch.setattr(store, "ping", lambda: asked.append("clock"))
    monkeypatch.setattr(WorkflowRegistry, "publish_folder", lambda *_: asked.append("published"))
    for _ in range(CLOCK_EVERY_RUNS):
        housekeeping.run_once()
    assert asked == ["clock"]


def test_a_file_that_contradicts_its_published_version_changes_nothing_and_is_reported(
    store: MemoryStore,
    housekeeping: Housekeeping,
    catalogue: Catalogue,
    registry: WorkflowRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = ONE_STEP.replace("@1.0.0", "@1.0.1")
    registry.publish(WorkflowText(make_workflow(text), text), API)
    reported: list[str] = []
    monkeypatch.setattr("gateway.housekeeping.log.error", lambda _, error: reported.append(error))
    assert housekeeping.run_once() == RUN_EVERY_SECONDS
    assert [sentence.partition(".")[0] for sentence in reported] == ["digits v1"]
    assert catalogue.find("digits").steps[0].model.version == "1.0.1"
    assert [each.version for each in catalogue.versions("digits")] == ["v1.10.0", "v1.9.0", "v1.0.0"]


def test_a_malformed_document_does_not_end_the_thread(
    housekeeping: Housekeeping, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeping.run_once()

    def unreadable(*_: object) -> list[WorkflowRecord]:
        return [WorkflowRecord.model_validate({"name": 7})]

    monkeypatch.setattr(MemoryRegistryStore, "all", unreadable)
    logging.disable()
    try:
        assert housekeeping.run_once() == RUN_EVERY_SECONDS
    finally:
        logging.disable(logging.NOTSET)
    assert catalogue.find("digits").version == "v1.0.0"


def test_an_unreported_model_is_looked_up_in_every_run(
    status: MemoryModelStatus,
    kept: MemoryRegistryStore,
    store: MemoryStore,
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = ModelDirectory(catalogue)
    housekeeping = make(store, status, kept, catalogue, models)
    housekeeping.run_once()
    *early, late = [ServedModel(pin, "http://models", ServedState.ANSWERING, store.now()) for pin in models.pins]
    status.report([*early, replace(late, state=ServedState.UNTRIED)])
    housekeeping.run_once()
    unreported = [models.unreported]
    status.report([late])
    housekeeping.run_once()
    unreported.append(models.unreported)
    assert unreported == [True, False]
    assert models.served(late.model.name, late.model.version) == late
    asked: list[list[ModelRef]] = []

    def served(pins: list[ModelRef]) -> list[ServedModel]:
        asked.append(pins)
        return [*early, late]

    monkeypatch.setattr(status, "served", served)
    for _ in range(MODEL_STATUS_EVERY_RUNS):
        housekeeping.run_once()
    assert asked == [models.pins]


def test_it_counts_what_is_stored_every_few_runs(
    store: MemoryStore, status: MemoryModelStatus, kept: MemoryRegistryStore, catalogue: Catalogue
) -> None:
    quota, sizes = StorageQuota(), MemorySizes(Stored(3, 300), Disk(free=600, used=400))
    housekeeping = make(store, status, kept, catalogue, count=StorageCount(sizes, quota))
    housekeeping.run_once()
    assert (quota.stored, quota.report()["bytes_limit"]) == (Stored(3, 300), 800)
    sizes.stored = Stored(4, 400)
    for _ in range(COUNT_EVERY_RUNS):
        assert quota.stored == Stored(3, 300)
        housekeeping.run_once()
    assert quota.stored == Stored(4, 400)
