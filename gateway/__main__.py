"""``python -m gateway``: settings, wiring, serve. The one place where the parts meet."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta

import structlog

from contracts.errors import IncompatibleData, InvalidSetting, InvalidWorkflow
from contracts.messaging.topology import topology
from contracts.models.descriptions import load_descriptions
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue, load_catalogue
from gateway.adapters.mongo.catalogue import MongoCatalogue
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.listing import MongoListing
from gateway.adapters.mongo.submissions import MongoSubmissions
from gateway.adapters.mongo.tombstones import MongoTombstones
from gateway.adapters.mongo.webhook_replays import MongoReplays
from gateway.adapters.rabbitmq.event_subscriber import RabbitEventSubscriber
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import EventBroadcaster
from gateway.housekeeping import Housekeeping
from gateway.images.validation import Limits
from gateway.server import make_server
from gateway.settings import GatewaySettings
from gateway.submissions.lifecycle import Lifecycle
from runtime.logs import configure_logging
from runtime.mongo import Database, connect
from runtime.settings import exit_with_error, read_settings

PROGRAM = "python -m gateway"
PURPOSE = "Serves the public REST API and the web page."

log = structlog.get_logger()


def main() -> None:
    settings = read_settings(GatewaySettings, PROGRAM, PURPOSE, sys.argv[1:])
    configure_logging("gateway", settings.log_format, settings.log_level)
    catalogue = _catalogue(settings)
    broadcaster = EventBroadcaster(settings.watchers)
    try:
        models = ModelDirectory(catalogue, load_descriptions(settings.model_descriptions))
        client = connect(settings.mongo_url, "gateway", settings.store_timeout_seconds)
        database = Database(client, settings.mongo_database)
        store = MongoSubmissions(database)
        job_publisher = RabbitJobPublisher(
            settings.amqp_url, topology(catalogue.names), catalogue.names, store.mark_published
        )
        subscriber = RabbitEventSubscriber(settings.amqp_url, broadcaster)
    except InvalidSetting as error:
        exit_with_error(PROGRAM, error.message)
    lifecycle = Lifecycle(store, MongoLifecycleStore(database), job_publisher)
    housekeeping = Housekeeping(database, MongoCatalogue(database), catalogue, models, lifecycle)
    app = create_app(
        store=store,
        job_publisher=job_publisher,
        broadcaster=broadcaster,
        listing=MongoListing(database),
        tombstones=MongoTombstones(database),
        catalogue=catalogue,
        models=models,
        limits=Limits(settings.upload_bytes, settings.upload_pixels),
        queue_limit=settings.queue_limit,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
        webhook_policy=WebhookPolicy.of(settings.webhook_secret, settings.webhook_allow),
        replays=MongoReplays(database),
        keys=MongoIdempotencyStore(database),
        lifecycle_use_case=lifecycle,
    )
    try:
        server = make_server(
            app,
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            connections=settings.connections,
            idle_seconds=settings.idle_seconds,
        )
    except OSError as error:
        exit_with_error(
            PROGRAM, f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}). Set SHOWCASE_PORT."
        )
    job_publisher.start()
    subscriber.start()
    # The first turn is taken before the first request is: what an operator set is followed from the beginning.
    seconds = _run_housekeeping(housekeeping)
    threading.Thread(target=_keep_house, args=(housekeeping, seconds), name="upkeep", daemon=True).start()
    signal.signal(signal.SIGTERM, _stop)
    log.info("gateway started", url=f"http://{settings.host}:{settings.port}", workflows=catalogue.names)
    server.run()  # returns after SIGTERM or an interrupt, when the requests under way are answered
    job_publisher.stop()
    subscriber.stop()
    log.info("gateway stopped")


def _keep_house(housekeeping: Housekeeping, seconds: float) -> None:
    """Take the turns after the first one, which said ``seconds``."""
    while True:
        time.sleep(seconds)
        seconds = _run_housekeeping(housekeeping)


def _run_housekeeping(housekeeping: Housekeeping) -> float:
    try:
        return housekeeping.run_once()
    except (InvalidWorkflow, IncompatibleData) as error:
        log.critical("cannot serve what is stored", error=error.message)
        sys.stderr.write(f"{PROGRAM}: {error.message}\n")
        os._exit(2)  # a thread cannot end its process otherwise, and serving would break what was published


def _catalogue(settings: GatewaySettings) -> Catalogue:
    try:
        return load_catalogue(settings.workflows)
    except InvalidWorkflow as error:
        exit_with_error(PROGRAM, error.message)


def _stop(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
