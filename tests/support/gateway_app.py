"""The gateway's application on ports in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import Flask

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.registry import DEFAULT_TENANT, record_key
from gateway.access.origins import OriginPolicy
from gateway.adapters.mongo.secantus_windows import WindowedListing
from gateway.api.application import Access, Application, Events, PublishedCatalogue
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.publishing import Publishing
from gateway.events.subscriptions import EventBroadcaster
from gateway.events.wait import Waiter
from gateway.images.validation import Limits
from gateway.readiness.health import Readiness
from gateway.server import GatewayServer, ServerLimits
from gateway.submissions.accept import Acceptance
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.idempotency import Idempotency
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.lookup import SubmissionLookup
from gateway.submissions.quota import StorageQuota
from gateway.submissions.use_cases import SubmissionUseCases
from gateway.working import WorkLimit
from runtime.registry import WorkflowRegistry
from tests.support.fake_catalogue import MemoryRegistryStore
from tests.support.fake_data import MemoryListing, MemoryTombstones
from tests.support.fake_lifecycle import MemoryIdempotencyStore, MemoryLifecycleStore
from tests.support.fake_orchestrators import MemoryOrchestrators
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import FakeEventPublisher, FakeJobPublisher
from tests.support.patience import PATIENCE

LIMITS = Limits(bytes=200_000, pixels=1_000_000)


class GatewayPublisher(FakeJobPublisher, FakeEventPublisher):
    """The gateway's publisher never fails: what it misses, the sweep publishes."""

    def __init__(self) -> None:
        FakeJobPublisher.__init__(self)
        FakeEventPublisher.__init__(self)

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
        try:
            super().publish(job, delay_seconds)
        except BrokerUnavailable:
            return


def make_catalogue(store: Any, catalogue: Catalogue, models: ModelDirectory) -> PublishedCatalogue:
    """Return the catalogue over a registry in memory, to which its workflows are published already."""
    kept = MemoryRegistryStore(store)
    registry = WorkflowRegistry(kept, catalogue)
    for name, entry in catalogue.entries.items():
        kept.documents[record_key(DEFAULT_TENANT, name)] = entry.record.model_copy(update={"unlogged": []})
    publishing = Publishing(registry, kept, models, store, lambda: None, DEFAULT_TENANT)
    return PublishedCatalogue(catalogue, models, publishing)


def make_application(
    store: Any,
    publisher: Any,
    catalogue: Catalogue,
    retention: timedelta | None = None,
    queue_limit: int = 100,
    broadcaster: EventBroadcaster | None = None,
    webhook_secret: str = "",
    tombstones: MemoryTombstones | None = None,
    models: ModelDirectory | None = None,
    work: WorkLimit | None = None,
    origins: OriginPolicy | None = None,
    quota: StorageQuota | None = None,
    orchestrators: MemoryOrchestrators | None = None,
) -> Application:
    """``store`` and ``publisher`` implement all ports that the gateway has of their kind."""
    directory = models or ModelDirectory(catalogue)
    gone = tombstones or MemoryTombstones(store)
    policy = WebhookPolicy.of(webhook_secret, "10.1.0.0/16, receiver.internal")
    admission = AdmissionControl(publisher, lambda: catalogue.names, queue_limit)
    stored = quota or StorageQuota()
    acceptance = Acceptance(store, publisher, admission, LIMITS, retention, policy, quota=stored)
    lookup = SubmissionLookup(store, publisher, gone)
    events = broadcaster or EventBroadcaster(20)
    return Application(
        submissions=SubmissionUseCases(
            acceptance=acceptance,
            admission=admission,
            idempotency=Idempotency(store, MemoryIdempotencyStore(store), acceptance, lookup.find),
            lookup=lookup,
            lifecycle=Lifecycle(
                store,
                MemoryLifecycleStore(store, gone),
                publisher,
                lambda ref: catalogue.with_digest(ref) is not None,
            ),
            listing=WindowedListing(MemoryListing(store), store.now),
            images=store,
            webhooks=MemoryOutbox(store),
        ),
        events=Events(events, Waiter(lookup.reread, events, (work or WorkLimit(4)).paused)),
        catalogue=make_catalogue(store, catalogue, directory),
        readiness=Readiness(
            store,
            publisher,
            admission,
            stored,
            orchestrators or MemoryOrchestrators(store, directory),
            lambda: directory.pins,
        ),
        access=Access(origins or OriginPolicy()),
    )


def make_app(*arguments: Any, **options: Any) -> Flask:
    """Return the web application; the arguments are ``make_application``'s."""
    return create_app(make_application(*arguments, **options))


@contextmanager
def serving(app: Flask, work: WorkLimit | None = None, *, port: int = 0, **limits: Any) -> Iterator[int]:
    """Serve ``app`` with the real server on a free port, and stop it at the end."""
    options = {
        "connections": 100,
        "idle_seconds": 30,
        "header_seconds": 10.0,
        "slow_seconds": 10.0,
        "least_bytes_per_second": 4096.0,
        "body_bytes": 256 * 1024 * 1024,
    } | limits
    server = GatewayServer(app, "127.0.0.1", port, work or WorkLimit(4), ServerLimits(**options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        server.stop()
        thread.join(timeout=PATIENCE)
        assert not thread.is_alive()
