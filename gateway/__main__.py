"""``python -m gateway``: settings, wiring, serve. The one place where the parts meet."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta

import structlog

from contracts.catalogue import load_catalogue
from contracts.configuration import leave, read_settings
from contracts.errors import InvalidSetting, InvalidWorkflow, StoreUnavailable
from contracts.log_lines import configure_logging
from contracts.topology import topology
from contracts.webhooks import WebhookPolicy
from contracts.workflows import Workflow
from gateway.app import create_app
from gateway.doorbell import RabbitDoorbell
from gateway.listener import RabbitListener
from gateway.listing_store import MongoListing
from gateway.mongo import connect
from gateway.server import make_server
from gateway.settings import GatewaySettings
from gateway.store import MongoStore
from gateway.tombstone_store import MongoTombstones
from gateway.uploads import Limits
from gateway.watching import Hub
from gateway.webhook_store import MongoReplays

PROGRAM = "python -m gateway"
PURPOSE = "Serves the public REST API and the web page."
CLOCK_SECONDS = 30.0
RETRY_SECONDS = 1.0

log = structlog.get_logger()


def main() -> None:
    settings = read_settings(GatewaySettings, PROGRAM, PURPOSE, sys.argv[1:])
    configure_logging("gateway", settings.log_format, settings.log_level)
    try:
        catalogue = load_catalogue(settings.workflows)
    except InvalidWorkflow as error:
        leave(PROGRAM, error.message)
    hub = Hub(settings.watchers)
    try:
        database = connect(settings.mongo_url, settings.store_timeout_seconds), settings.mongo_database
        store = MongoStore(*database)
        doorbell = RabbitDoorbell(settings.amqp_url, topology(catalogue.names), catalogue.names, store.mark_rung)
        listener = RabbitListener(settings.amqp_url, hub)
    except InvalidSetting as error:
        leave(PROGRAM, error.message)
    app = create_app(
        store=store,
        doorbell=doorbell,
        hub=hub,
        listing=MongoListing(*database),
        tombstones=MongoTombstones(*database),
        catalogue=catalogue,
        limits=Limits(settings.upload_bytes, settings.upload_pixels),
        queue_limit=settings.queue_limit,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
        webhook_policy=WebhookPolicy.of(settings.webhook_secret, settings.webhook_allow),
        replays=MongoReplays(*database),
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
    threading.Thread(target=_keep_up, args=(store, catalogue.all()), name="store", daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    log.info("gateway started", url=f"http://{settings.host}:{settings.port}", workflows=catalogue.names)
    server.run()  # returns after SIGTERM or an interrupt, when the requests under way are answered
    doorbell.stop()
    listener.stop()
    log.info("gateway stopped")


def _keep_up(store: MongoStore, workflows: list[Workflow]) -> None:
    """Publish the workflows as soon as the database is there, then follow its clock."""
    published = False
    while True:
        try:
            store.ping()
            if not published:
                store.publish(workflows)
                published = True
        except StoreUnavailable as error:
            log.warning("store away", error=error.message)
        except InvalidWorkflow as error:
            log.critical("workflow changed", error=error.message)
            sys.stderr.write(f"{PROGRAM}: {error.message}\n")
            os._exit(2)  # a thread cannot end its process otherwise, and serving would break what was published
        time.sleep(CLOCK_SECONDS if published else RETRY_SECONDS)


def _leave(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
