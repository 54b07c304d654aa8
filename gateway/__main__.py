"""``python -m gateway``: reads the settings, builds and connects all parts, and serves. The composition root."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

import structlog

from contracts.errors import IncompatibleData, InvalidSetting, InvalidWorkflow
from contracts.models.descriptions import load_descriptions
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue, WorkflowText, load_texts
from contracts.workflows.registry import DEFAULT_TENANT
from gateway.access.origins import OriginPolicy
from gateway.adapters.mongo.audit import MongoAuditLog
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.listing import MongoListing
from gateway.adapters.mongo.model_status import MongoModelStatus
from gateway.adapters.mongo.orchestrators import MongoOrchestrators
from gateway.adapters.mongo.secantus_windows import WindowedListing
from gateway.adapters.mongo.stored_sizes import MongoStoredSizes
from gateway.adapters.mongo.submissions import MongoSubmissions
from gateway.adapters.mongo.tombstones import MongoTombstones
from gateway.adapters.mongo.webhook_replays import MongoWebhookReplays
from gateway.adapters.rabbitmq.event_subscriber import RabbitEventSubscriber
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from gateway.api.application import Access, Application, Events, PublishedCatalogue
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.publishing import Publishing
from gateway.events.subscriptions import EventBroadcaster
from gateway.events.wait import Waiter
from gateway.housekeeping import Housekeeping
from gateway.images.validation import Limits
from gateway.readiness.health import Readiness
from gateway.server import GatewayServer, ServerLimits
from gateway.settings import GatewaySettings
from gateway.submissions.accept import Acceptance
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.idempotency import Idempotency
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.lookup import SubmissionLookup
from gateway.submissions.quota import StorageCount, StorageQuota
from gateway.submissions.use_cases import SubmissionUseCases
from gateway.working import WorkLimit
from runtime.logs import configure_logging
from runtime.mongo import Database, connect
from runtime.registry import WorkflowRegistry
from runtime.registry_store import MongoRegistryStore
from runtime.settings import exit_with_error, read_settings

PROGRAM = "python -m gateway"
PURPOSE = "Serves the public REST API and the web page."

log = structlog.get_logger()


def main() -> None:
    settings = read_settings(GatewaySettings, PROGRAM, PURPOSE, sys.argv[1:])
    configure_logging("gateway", settings.log_format, settings.log_level)
    texts = _texts(settings)
    catalogue = Catalogue(each.workflow for each in texts)
    wake = threading.Event()
    work = WorkLimit(settings.threads)
    broadcaster = EventBroadcaster(settings.watchers)
    try:
        origins = OriginPolicy.of(settings.allowed_hosts, settings.cors_origins)
        models = ModelDirectory(catalogue, load_descriptions(settings.model_descriptions))
        client = connect(settings.mongo_url, "gateway", settings.store_timeout_seconds)
        database = Database(client, settings.mongo_database)
        store = MongoSubmissions(database)
        publisher = RabbitJobPublisher(settings.amqp_url, list(catalogue.entries), store.mark_published)
        subscriber = RabbitEventSubscriber(settings.amqp_url, broadcaster, wake.set)
    except InvalidSetting as error:
        exit_with_error(PROGRAM, error.message)
    quota = StorageQuota(settings.stored_bytes, settings.stored_submissions)
    storage = StorageCount(
        MongoStoredSizes(database, Path(settings.store_folder) if settings.store_folder else None), quota
    )
    admission = AdmissionControl(publisher, lambda: catalogue.names, settings.queue_limit)
    acceptance = Acceptance(
        store,
        publisher,
        admission,
        Limits(settings.upload_bytes, settings.upload_pixels),
        timedelta(days=settings.retention_days) if settings.retention_days else None,
        WebhookPolicy.of(settings.webhook_secret, settings.webhook_allow),
        models.decode_bounds(),
        quota,
    )
    lookup = SubmissionLookup(store, publisher, MongoTombstones(database))
    registry = WorkflowRegistry(MongoRegistryStore(database), catalogue, serve=publisher.serve)
    lifecycle = Lifecycle(
        store, MongoLifecycleStore(database), publisher, lambda ref: registry.with_digest(ref) is not None
    )
    housekeeping = Housekeeping(database, MongoModelStatus(database), registry, texts, models, lifecycle, storage)
    publishing = Publishing(
        registry, MongoAuditLog(database), models, database, publisher.announce_catalogue, DEFAULT_TENANT
    )
    application = Application(
        submissions=SubmissionUseCases(
            acceptance=acceptance,
            admission=admission,
            idempotency=Idempotency(store, MongoIdempotencyStore(database), acceptance, lookup.find),
            lookup=lookup,
            lifecycle=lifecycle,
            listing=WindowedListing(MongoListing(database), database.now),
            images=store,
            webhooks=MongoWebhookReplays(database),
        ),
        events=Events(broadcaster, Waiter(lookup.reread, broadcaster, work.paused)),
        catalogue=PublishedCatalogue(catalogue, models, publishing),
        readiness=Readiness(database, publisher, admission, quota, MongoOrchestrators(database), lambda: models.pins),
        access=Access(origins),
    )
    try:
        server = GatewayServer(
            create_app(application),
            settings.host,
            settings.port,
            work,
            ServerLimits(
                connections=settings.connections,
                idle_seconds=settings.idle_seconds,
                header_seconds=settings.header_seconds,
                slow_seconds=settings.slow_seconds,
                least_bytes_per_second=settings.least_bytes_per_second,
                body_bytes=settings.body_bytes,
            ),
        )
    except OSError as error:
        exit_with_error(
            PROGRAM, f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}). Set SHOWCASE_PORT."
        )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    publisher.start()
    subscriber.start()
    # The first run comes before the first request, so that the operator's aliases apply from the beginning.
    seconds = _run_housekeeping(housekeeping)
    threading.Thread(
        target=_repeat_housekeeping, args=(housekeeping, seconds, wake), name="housekeeping", daemon=True
    ).start()
    threading.Thread(target=_serve, args=(server, stopping), name="server", daemon=True).start()
    log.info("gateway started", url=f"http://{settings.host}:{server.port}", workflows=catalogue.names)
    stopping.wait()
    server.stop()  # returns when the running requests have ended
    publisher.stop()
    subscriber.stop()
    log.info("gateway stopped")


def _serve(server: GatewayServer, stopping: threading.Event) -> None:
    try:
        server.run()
    finally:
        stopping.set()  # without its server the process has nothing to do; it ends and is started again


def _repeat_housekeeping(housekeeping: Housekeeping, seconds: float, wake: threading.Event) -> None:
    """Repeat the housekeeping; ``seconds`` is the pause before the next run, which ``wake`` ends."""
    while True:
        wake.wait(seconds)
        wake.clear()
        seconds = _run_housekeeping(housekeeping)


def _run_housekeeping(housekeeping: Housekeeping) -> float:
    try:
        return housekeeping.run_once()
    except IncompatibleData as error:
        log.critical("cannot serve the stored data", error=error.message)
        sys.stderr.write(f"{PROGRAM}: {error.message}\n")
        os._exit(2)  # the only way for a thread to end its process; serving on would break what is stored


def _texts(settings: GatewaySettings) -> list[WorkflowText]:
    try:
        return load_texts(settings.workflows)
    except InvalidWorkflow as error:
        exit_with_error(PROGRAM, error.message)


if __name__ == "__main__":
    main()
