"""The application on ports in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import Hub
from gateway.images.validation import Limits
from gateway.submissions.lifecycle import Lifecycle
from tests.support.factories import GATED, ONE_STEP, make_workflow
from tests.support.fake_data import MemoryListing, MemoryTombstones
from tests.support.fake_lifecycle import MemoryIdempotencyStore, MemoryLifecycleStore
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import FakeAnnouncer, FakeBell, MemoryStore

LIMITS = Limits(bytes=200_000, pixels=1_000_000)


class Doorbell(FakeBell, FakeAnnouncer):
    """The gateway's doorbell never fails: what it misses, the sweep rings for."""

    def __init__(self) -> None:
        FakeBell.__init__(self)
        FakeAnnouncer.__init__(self)

    def ring(self, job: Job, delay_seconds: float = 0.0) -> None:
        try:
            super().ring(job, delay_seconds)
        except BrokerUnavailable:
            return


def make_app(
    store: Any,
    bell: Any,
    catalogue: Catalogue,
    retention: timedelta | None = None,
    queue_limit: int = 100,
    hub: Hub | None = None,
    webhook_secret: str = "",
    tombstones: MemoryTombstones | None = None,
    models: ModelDirectory | None = None,
) -> Flask:
    """``store`` and ``bell`` are the fakes, which serve both processes' ports."""
    stones = tombstones or MemoryTombstones(store)
    return create_app(
        store=store,
        doorbell=bell,
        hub=hub or Hub(20),
        listing=MemoryListing(store),
        tombstones=stones,
        catalogue=catalogue,
        models=models or ModelDirectory(catalogue),
        limits=LIMITS,
        queue_limit=queue_limit,
        retention=retention,
        webhook_policy=WebhookPolicy.of(webhook_secret, "10.1.0.0/16, receiver.internal"),
        replays=MemoryOutbox(store),
        keys=MemoryIdempotencyStore(store),
        owners=Lifecycle(store, MemoryLifecycleStore(store, stones), bell),
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def bell() -> Doorbell:
    return Doorbell()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
    return Catalogue([make_workflow(text) for text in texts])


@pytest.fixture
def tombstones(store: MemoryStore) -> MemoryTombstones:
    return MemoryTombstones(store)


@pytest.fixture
def app(store: MemoryStore, bell: Doorbell, catalogue: Catalogue, tombstones: MemoryTombstones) -> Flask:
    return make_app(store, bell, catalogue, tombstones=tombstones)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
