"""The application on ports in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job
from contracts.models.descriptions import ModelDescription, Overlay, Weights
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import EventBroadcaster
from gateway.images.validation import Limits
from gateway.submissions.lifecycle import Lifecycle
from tests.support.factories import GATED, ONE_STEP, make_workflow
from tests.support.fake_data import MemoryListing, MemoryTombstones
from tests.support.fake_lifecycle import MemoryIdempotencyStore, MemoryLifecycleStore
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import FakeEventPublisher, FakeJobPublisher, MemoryStore

LIMITS = Limits(bytes=200_000, pixels=1_000_000)
SEGMENTER = ModelDescription(
    name="segmenter", version="1.0.0", weights=Weights(digest="sha256:0", bytes=1), overlay=Overlay(mask="mask")
)


class JobPublisher(FakeJobPublisher, FakeEventPublisher):
    """The gateway's doorbell never fails: what it misses, the sweep rings for."""

    def __init__(self) -> None:
        FakeJobPublisher.__init__(self)
        FakeEventPublisher.__init__(self)

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
        try:
            super().publish(job, delay_seconds)
        except BrokerUnavailable:
            return


def make_app(
    store: Any,
    job_publisher: Any,
    catalogue: Catalogue,
    retention: timedelta | None = None,
    queue_limit: int = 100,
    broadcaster: EventBroadcaster | None = None,
    webhook_secret: str = "",
    tombstones: MemoryTombstones | None = None,
    models: ModelDirectory | None = None,
) -> Flask:
    """``store`` and ``job_publisher`` are the fakes, which serve both processes' ports."""
    tombstones = tombstones or MemoryTombstones(store)
    return create_app(
        store=store,
        job_publisher=job_publisher,
        broadcaster=broadcaster or EventBroadcaster(20),
        listing=MemoryListing(store),
        tombstones=tombstones,
        catalogue=catalogue,
        models=models or ModelDirectory(catalogue),
        limits=LIMITS,
        queue_limit=queue_limit,
        retention=retention,
        webhook_policy=WebhookPolicy.of(webhook_secret, "10.1.0.0/16, receiver.internal"),
        replays=MemoryOutbox(store),
        keys=MemoryIdempotencyStore(store),
        lifecycle_use_case=Lifecycle(store, MemoryLifecycleStore(store, tombstones), job_publisher),
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def job_publisher() -> JobPublisher:
    return JobPublisher()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
    return Catalogue([make_workflow(text) for text in texts])


@pytest.fixture
def tombstones(store: MemoryStore) -> MemoryTombstones:
    return MemoryTombstones(store)


@pytest.fixture
def app(store: MemoryStore, job_publisher: JobPublisher, catalogue: Catalogue, tombstones: MemoryTombstones) -> Flask:
    models = ModelDirectory(catalogue, [SEGMENTER])
    return make_app(store, job_publisher, catalogue, tombstones=tombstones, models=models)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
