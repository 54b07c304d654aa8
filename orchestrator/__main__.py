"""``python -m orchestrator``: settings, wiring, run, drain. The composition root."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from contracts.errors import IncompatibleData, InvalidSetting, InvalidWorkflow, ShowcaseError
from contracts.submissions.documents import ModelRef, Submission
from contracts.submissions.states import ServedState
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue, load_catalogue
from orchestrator.adapters.model_servers.torchserve import TorchServeModels
from orchestrator.adapters.mongo.expiry import MongoExpiryStore
from orchestrator.adapters.mongo.model_status import MongoServedModels
from orchestrator.adapters.mongo.orchestrators import MongoOrchestrators
from orchestrator.adapters.mongo.submissions import MongoSubmissions
from orchestrator.adapters.mongo.webhook_outbox import MongoOutbox
from orchestrator.adapters.rabbitmq.broker import Broker
from orchestrator.adapters.webhooks.sender import HttpSender
from orchestrator.execution.consumer import Consumer
from orchestrator.execution.engine import Engine, HeldClaims
from orchestrator.execution.leases import LeaseKeeper
from orchestrator.execution.model_calls import Caller
from orchestrator.health import touch
from orchestrator.maintenance.catalogue import CatalogueFollower
from orchestrator.maintenance.expiry import Expiry
from orchestrator.maintenance.looks import Looks, model_report, served_state
from orchestrator.maintenance.model_status import ModelStatusReporter, ServedPin, served_pins
from orchestrator.maintenance.status import StatusReporter
from orchestrator.maintenance.sweep import Sweep
from orchestrator.planning.retries import Policy
from orchestrator.settings import OrchestratorSettings, parse_servers
from orchestrator.webhooks.delivery import THREADS as WEBHOOK_THREADS
from orchestrator.webhooks.delivery import Deliverer
from runtime.clock import SystemClock
from runtime.logs import configure_logging
from runtime.mongo import Database, connect
from runtime.registry import WorkflowRegistry
from runtime.registry_store import MongoRegistryStore
from runtime.settings import exit_with_error, read_settings

PROGRAM = "python -m orchestrator"
CLOSING_SECONDS = 3.0
WEBHOOK_NOT_SENT = "SHOWCASE_WEBHOOK_SECRET is set for the gateway and not for this orchestrator. Set it for both."
PURPOSE = "Takes jobs from the queue and runs each submission's workflow on its models."

log = structlog.get_logger()


class Process:
    """All parts of one orchestrator, wired from its settings."""

    def __init__(self, settings: OrchestratorSettings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.held = HeldClaims()
        client = connect(settings.mongo_url, "orchestrator", settings.store_timeout_seconds)
        database = Database(client, settings.mongo_database)
        self.store = MongoSubmissions(database)
        self.clock, self.lease_clock = SystemClock(self.store.now), SystemClock(self.store.now)
        self.expiry = Expiry(MongoExpiryStore(database), self.clock)
        webhooks = WebhookPolicy.of(settings.webhook_secret, settings.webhook_allow)
        self.deliverer = Deliverer(
            MongoOutbox(database),
            HttpSender(webhooks.allowed),
            self.clock,
            webhooks.secrets,
            ThreadPoolExecutor(WEBHOOK_THREADS, thread_name_prefix="webhook"),
        )
        self.broker = Broker(
            settings.amqp_url,
            list(catalogue.entries),
            prefetch=settings.threads,
            catalogue_changed=self._catalogue_changed,
        )
        registry = WorkflowRegistry(MongoRegistryStore(database), catalogue, serve=self.broker.serve)
        self.follower = CatalogueFollower(registry)
        policy = Policy(
            budget_seconds=settings.retry_budget_seconds,
            patience_seconds=settings.patience_seconds,
            fault_tries=settings.fault_tries,
        )
        models = TorchServeModels(parse_servers(settings.model_servers))
        caller = Caller(models, self.clock, policy)

        def servers() -> list[ServedPin]:
            return served_pins(catalogue, models.server)

        self.looks = Looks(models, lambda: [each.url for each in servers()], self.clock)

        def state(model: ModelRef) -> ServedState:
            url = models.server(model.name)
            return served_state(caller.state(model), self.looks.latest(url) if url else None)

        self.model_status_reporter = ModelStatusReporter(
            MongoServedModels(database), catalogue, models.server, state, self.clock.monotonic
        )
        self.status = StatusReporter(
            MongoOrchestrators(database),
            lambda: [
                model_report(
                    each.model, each.url, state(each.model), caller.breaker(each.model), self.looks.latest(each.url)
                )
                for each in servers()
            ],
        )
        self.engine = Engine(
            store=self.store,
            caller=caller,
            workflows=registry,
            clock=self.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            lease_seconds=settings.lease_seconds,
            held=self.held,
            step_threads=ThreadPoolExecutor(settings.threads * 2, thread_name_prefix="step"),
            event_publisher=self.broker,
            ended=self._submission_ended,
        )
        self.consumer = Consumer(self.engine, self.broker, settings.threads)
        self.sweep = Sweep(
            self.store,
            self.broker,
            self.broker,
            self.clock,
            republish_seconds=settings.republish_seconds,
            lost_leases_limit=settings.lost_leases_limit,
            lease_seconds=settings.lease_seconds,
        )
        self.keeper = LeaseKeeper(self.store, self.held, self.lease_clock, settings.lease_seconds)

    def start(self) -> None:
        def thread(name: str, target: Callable[..., None], *arguments: object) -> threading.Thread:
            started = threading.Thread(target=target, args=arguments, name=name, daemon=True)
            started.start()
            return started

        thread("start report", self.status.begin)
        thread("looks", self.looks.run)
        self.connection = thread("broker", self.broker.run, self.consumer.receive)
        thread("sweep", _or_exit, self.sweep.run, self.settings.sweep_seconds, self._swept)
        thread("leases", self.keeper.run)
        thread("catalogue", self.follower.run)
        thread("expiry", self.expiry.run, self.settings.sweep_seconds)
        if self.settings.webhook_secret:
            thread("webhooks", self.deliverer.run)

    def _catalogue_changed(self) -> None:
        self.follower.notify()

    def _submission_ended(self, submission: Submission) -> None:
        if self.settings.webhook_secret:
            self.deliverer.ended(submission)
        elif submission.webhook is not None:
            log.warning("webhook not sent", submission_id=submission.id, error=WEBHOOK_NOT_SENT)

    def _swept(self) -> None:
        if self.settings.health_file and self.broker.connected:
            touch(Path(self.settings.health_file))
        self.status.swept()
        self.model_status_reporter.once()

    def drain(self) -> None:
        """Finish what is under way, or hand it back: another orchestrator then continues from the last checkpoint."""
        self.clock.stop()
        self.follower.stop()
        self.broker.drain()
        under_way = [] if self.consumer.drain(self.settings.drain_seconds) else self.held.all()
        for claim, run in [*under_way, *self.held.unfinished()]:
            try:
                self.keeper.hand_back(claim, run, "Its orchestrator was stopped; another one continues.")
            except ShowcaseError as error:
                log.warning("not handed back", submission_id=claim.submission_id, error=error.message)
        self.status.stop()
        self.deliverer.stop(CLOSING_SECONDS)
        self.lease_clock.stop()
        self.broker.stop()
        self.connection.join(CLOSING_SECONDS)  # the last acknowledgements go out with it


def _or_exit(run: Callable[..., None], *arguments: object) -> None:
    """Run a thread's work; end the process if this release cannot work with the stored data."""
    try:
        run(*arguments)
    except IncompatibleData as error:
        log.critical("stored data is incompatible", error=error.message)
        sys.stderr.write(f"{PROGRAM}: {error.message}\n")
        os._exit(2)  # a thread cannot end its process otherwise


def main() -> None:
    settings = read_settings(OrchestratorSettings, PROGRAM, PURPOSE, sys.argv[1:])
    configure_logging("orchestrator", settings.log_format, settings.log_level)
    try:
        catalogue = load_catalogue(settings.workflows)
    except InvalidWorkflow as error:
        exit_with_error(PROGRAM, error.message)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        process = Process(settings, catalogue)
    except InvalidSetting as error:
        exit_with_error(PROGRAM, error.message)
    process.start()
    log.info("orchestrator started", workflows=catalogue.names, threads=settings.threads)
    stopping.wait()
    log.info("orchestrator draining", under_way=len(process.held.all()))
    process.drain()
    log.info("orchestrator stopped")
    logging.shutdown()
    # A thread may still wait for a model that hangs. Its submission was handed back, and its writes would be refused.
    os._exit(0)


if __name__ == "__main__":
    main()
