"""``python -m gateway``: settings, wiring, serve; or an operator's command. The one place where the parts meet."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from datetime import timedelta

import structlog

from contracts.errors import InvalidSetting, InvalidWorkflow
from contracts.messaging.topology import topology
from contracts.models.descriptions import load_descriptions
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue, load_catalogue
from gateway import operator_commands
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.listing import MongoListing
from gateway.adapters.mongo.submissions import MongoStore
from gateway.adapters.mongo.tombstones import MongoTombstones
from gateway.adapters.mongo.webhook_replays import MongoReplays
from gateway.adapters.rabbitmq.event_subscriber import RabbitListener
from gateway.adapters.rabbitmq.job_publisher import RabbitDoorbell
from gateway.app import create_app
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import Hub
from gateway.housekeeping import Upkeep
from gateway.images.validation import Limits
from gateway.mongo import connect
from gateway.server import make_server
from gateway.settings import GatewaySettings
from gateway.submissions.lifecycle import Lifecycle
from runtime.logs import configure_logging
from runtime.settings import leave, read_settings

PROGRAM = "python -m gateway"
PURPOSE = "Serves the public REST API and the web page."

log = structlog.get_logger()


def command(arguments: list[str]) -> int:
    """Run an operator's command on the parts that the settings name; return the exit status."""
    given = operator_commands.parse(PROGRAM, arguments)
    settings = read_settings(GatewaySettings, PROGRAM, PURPOSE, [])
    logging.disable()  # one sentence for a person, not the libraries' reports of the same
    catalogue = _catalogue(settings)
    try:
        client = connect(settings.mongo_url, settings.store_timeout_seconds)
    except InvalidSetting as error:
        leave(PROGRAM, error.message)
    with client:
        return operator_commands.run(PROGRAM, given, MongoStore(client, settings.mongo_database), catalogue)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments and not arguments[0].startswith("-"):
        raise SystemExit(command(arguments))
    settings = read_settings(GatewaySettings, PROGRAM, f"{PURPOSE}\n\n{operator_commands.COMMANDS}", arguments)
    configure_logging("gateway", settings.log_format, settings.log_level)
    catalogue = _catalogue(settings)
    hub = Hub(settings.watchers)
    try:
        models = ModelDirectory(catalogue, load_descriptions(settings.model_descriptions))
        database = connect(settings.mongo_url, settings.store_timeout_seconds), settings.mongo_database
        store = MongoStore(*database)
        doorbell = RabbitDoorbell(settings.amqp_url, topology(catalogue.names), catalogue.names, store.mark_rung)
        listener = RabbitListener(settings.amqp_url, hub)
    except InvalidSetting as error:
        leave(PROGRAM, error.message)
    owners = Lifecycle(store, MongoLifecycleStore(*database), doorbell)
    upkeep = Upkeep(store, catalogue, models, owners)
    app = create_app(
        store=store,
        doorbell=doorbell,
        hub=hub,
        listing=MongoListing(*database),
        tombstones=MongoTombstones(*database),
        catalogue=catalogue,
        models=models,
        limits=Limits(settings.upload_bytes, settings.upload_pixels),
        queue_limit=settings.queue_limit,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
        webhook_policy=WebhookPolicy.of(settings.webhook_secret, settings.webhook_allow),
        replays=MongoReplays(*database),
        keys=MongoIdempotencyStore(*database),
        owners=owners,
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
        leave(PROGRAM, f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}). Set SHOWCASE_PORT.")
    doorbell.start()
    listener.start()
    # The first turn is taken before the first request is: what an operator set is followed from the beginning.
    seconds = _turn(upkeep)
    threading.Thread(target=_keep_up, args=(upkeep, seconds), name="upkeep", daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    log.info("gateway started", url=f"http://{settings.host}:{settings.port}", workflows=catalogue.names)
    server.run()  # returns after SIGTERM or an interrupt, when the requests under way are answered
    doorbell.stop()
    listener.stop()
    log.info("gateway stopped")


def _keep_up(upkeep: Upkeep, seconds: float) -> None:
    """Take the turns after the first one, which said ``seconds``."""
    while True:
        time.sleep(seconds)
        seconds = _turn(upkeep)


def _turn(upkeep: Upkeep) -> float:
    try:
        return upkeep.turn()
    except InvalidWorkflow as error:
        log.critical("workflow changed", error=error.message)
        sys.stderr.write(f"{PROGRAM}: {error.message}\n")
        os._exit(2)  # a thread cannot end its process otherwise, and serving would break what was published


def _catalogue(settings: GatewaySettings) -> Catalogue:
    try:
        return load_catalogue(settings.workflows)
    except InvalidWorkflow as error:
        leave(PROGRAM, error.message)


def _leave(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
