"""The gateway's housekeeping: it publishes versions once, then follows aliases and model reports in every run."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from contracts.errors import InvalidWorkflow
from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue
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
from tests.support.factories import GATED, ONE_STEP, make_workflow, png
from tests.support.fake_catalogue import MemoryCatalogue
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fake_sizes import MemorySizes
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app


def published() -> Catalogue:
    texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
    return Catalogue([make_workflow(text) for text in texts])


def storage(quota: StorageQuota | None = None) -> StorageCount:
    return StorageCount(MemorySizes(), quota or StorageQuota())


def lifecycle(store: MemoryStore) -> Lifecycle:
    return Lifecycle(store, MemoryLifecycleStore(store), GatewayPublisher(), lambda _: True)


@pytest.fixture
def catalogue_store(store: MemoryStore) -> MemoryCatalogue:
    return MemoryCatalogue(store)


@pytest.fixture
def housekeeping(store: MemoryStore, catalogue_store: MemoryCatalogue, catalogue: Catalogue) -> Iterator[Housekeeping]:
    yield Housekeeping(store, catalogue_store, catalogue, ModelDirectory(catalogue), lifecycle(store), storage())
    catalogue.follow({})


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
    catalogue_store: MemoryCatalogue, client: FlaskClient, store: MemoryStore, housekeeping: Housekeeping
) -> None:
    catalogue_store.set_alias("digits", "stable", "v1.0.0")
    catalogue_store.set_alias("digits", "next", "v1.10.0")
    assert meant_by_v1(client, store) == meant_by_v2(client) == "v1.10.0"  # no run has read them yet
    assert housekeeping.run_once() == RUN_EVERY_SECONDS
    assert meant_by_v1(client, store) == meant_by_v2(client) == meant_by_v2(client, version="stable") == "v1.0.0"
    assert meant_by_v2(client, version="next") == "v1.10.0"
    assert meant_by_v2(client, version="v1.9.0") == "v1.9.0"

    fresh = published()
    Housekeeping(store, catalogue_store, fresh, ModelDirectory(fresh), lifecycle(store), storage()).run_once()
    assert meant_by_v1(make_app(store, FakeJobPublisher(), fresh).test_client(), store) == "v1.0.0"

    assert catalogue_store.remove_alias("digits", "stable")
    housekeeping.run_once()
    assert meant_by_v1(client, store) == "v1.10.0"


def test_accepting_a_submission_does_not_read_the_aliases(
    catalogue_store: MemoryCatalogue, client: FlaskClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_store, "aliases", lambda _: pytest.fail("a round trip"))
    assert meant_by_v1(client, store) == "v1.10.0"


def test_an_alias_that_was_never_set_is_unknown(client: FlaskClient) -> None:
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow": "digits", "version": "next"}
    answer = client.post("/api/v2/submissions", data=form)
    assert answer.status_code == 404
    assert "'next'" in answer.text


def test_an_alias_of_an_unpublished_version_is_skipped_and_reported(
    catalogue_store: MemoryCatalogue,
    store: MemoryStore,
    housekeeping: Housekeeping,
    catalogue: Catalogue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    catalogue_store.set_alias("digits", "stable", "v2.0.0")
    assert catalogue.follow(catalogue_store.aliases(["digits"])) == ["digits/stable"]
    assert catalogue.stable("digits").version == "v1.10.0"


def test_the_last_aliases_hold_while_the_database_is_unavailable(
    catalogue_store: MemoryCatalogue, store: MemoryStore, housekeeping: Housekeeping, catalogue: Catalogue
) -> None:
    catalogue_store.set_alias("digits", "stable", "v1.0.0")
    housekeeping.run_once()
    store.away = True
    assert housekeeping.run_once() == RETRY_SECONDS
    assert catalogue.stable("digits").version == "v1.0.0"


def test_the_first_run_publishes_and_later_runs_only_follow(
    catalogue_store: MemoryCatalogue, store: MemoryStore, housekeeping: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.away = True
    assert housekeeping.run_once() == RETRY_SECONDS
    assert catalogue_store.digests == {}
    store.away = False
    housekeeping.run_once()
    assert len(catalogue_store.digests) == 4
    asked: list[str] = []
    monkeypatch.setattr(store, "ping", lambda: asked.append("clock"))
    monkeypatch.setattr(catalogue_store, "publish", lambda _: asked.append("published"))
    for _ in range(CLOCK_EVERY_RUNS):
        housekeeping.run_once()
    assert asked == ["clock"]


def test_a_changed_version_stops_the_gateway(
    catalogue_store: MemoryCatalogue, store: MemoryStore, housekeeping: Housekeeping
) -> None:
    catalogue_store.digests["digits/v1.0.0"] = "sha256:another"
    with pytest.raises(InvalidWorkflow):
        housekeeping.run_once()


def test_a_malformed_alias_document_does_not_end_the_thread(
    catalogue_store: MemoryCatalogue,
    store: MemoryStore,
    housekeeping: Housekeeping,
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue_store, "aliases", lambda _: {"digits": ["stable"]})
    logging.disable()
    try:
        assert housekeeping.run_once() == RUN_EVERY_SECONDS
    finally:
        logging.disable(logging.NOTSET)
    assert catalogue.stable("digits").version == "v1.10.0"


def test_an_unreported_model_is_looked_up_in_every_run(
    catalogue_store: MemoryCatalogue, store: MemoryStore, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ModelDirectory(catalogue)
    housekeeping = Housekeeping(store, catalogue_store, catalogue, models, lifecycle(store), storage())
    housekeeping.run_once()
    *early, late = [ServedModel(pin, "http://models", ServedState.ANSWERING, store.now()) for pin in models.pins]
    catalogue_store.report([*early, replace(late, state=ServedState.UNTRIED)])
    housekeeping.run_once()
    unreported = [models.unreported]
    catalogue_store.report([late])
    housekeeping.run_once()
    unreported.append(models.unreported)
    assert unreported == [True, False]
    assert models.served(late.model.name, late.model.version) == late
    asked: list[list[ModelRef]] = []

    def served(pins: list[ModelRef]) -> list[ServedModel]:
        asked.append(pins)
        return [*early, late]

    monkeypatch.setattr(catalogue_store, "served", served)
    for _ in range(MODEL_STATUS_EVERY_RUNS):
        housekeeping.run_once()
    assert asked == [models.pins]


def test_it_counts_what_is_stored_every_few_runs(
    store: MemoryStore, catalogue_store: MemoryCatalogue, catalogue: Catalogue
) -> None:
    quota, sizes = StorageQuota(), MemorySizes(Stored(3, 300), Disk(free=600, used=400))
    count = StorageCount(sizes, quota)
    housekeeping = Housekeeping(store, catalogue_store, catalogue, ModelDirectory(catalogue), lifecycle(store), count)
    housekeeping.run_once()
    assert (quota.stored, quota.report()["bytes_limit"]) == (Stored(3, 300), 800)
    sizes.stored = Stored(4, 400)
    for _ in range(COUNT_EVERY_RUNS):
        assert quota.stored == Stored(3, 300)
        housekeeping.run_once()
    assert quota.stored == Stored(4, 400)
