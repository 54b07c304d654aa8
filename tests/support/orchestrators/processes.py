"""One orchestrator, wired as its __main__ wires it, with its threads on the stage; and the broker it listens to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from contracts.errors import BrokerUnavailable, IllegalMove, LeaseLost, ModelUnavailable, StoreUnavailable
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import DELAYS_SECONDS, DELIVERY_LIMIT, shortest_delay
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from gateway.submissions.lifecycle import Lifecycle
from orchestrator.execution.consumer import Consumer
from orchestrator.execution.engine import Done, Engine, HeldClaims, PublishLater
from orchestrator.execution.leases import LeaseKeeper
from orchestrator.execution.model_calls import Caller
from orchestrator.maintenance.sweep import Sweep
from orchestrator.planning.retries import Policy
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fakes import FakeClock, FakeEventPublisher, FakeJobPublisher
from tests.support.orchestrators.promises import CLAIM, PUBLISHED_EVENTS, WatchedModels, WatchedStore
from tests.support.orchestrators.stage import Actor, Gated, Threads, here

LEASE_SECONDS = 8.0
REPUBLISH_SECONDS = 30.0
WORKING = "working"
POLICY = Policy(patience_seconds=1200.0, fault_tries=3)


class World(Protocol):
    """What all processes share."""

    store: WatchedStore
    broker: Broker
    models: WatchedModels
    clock: FakeClock
    catalogue: Catalogue
    actors: list[Actor]


@dataclass
class Message:
    body: bytes
    workflow: str
    visible_at: datetime
    deliveries: int = 0
    passes: int = 0


class Broker(FakeJobPublisher):
    """One queue with delays; what was delivered and not acknowledged comes back when its consumer is gone."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.unacknowledged: list[Delivery] = []
        self.away_for = 0
        self._clock = clock

    def _answer(self) -> None:
        self.away, self.away_for = self.away_for > 0, max(0, self.away_for - 1)
        super()._answer()

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
        super().publish(job, delay_seconds)
        delay = shortest_delay(delay_seconds) if delay_seconds > 0 else 0
        self.put(encode_job(job), job.workflow, delay)

    def put(self, body: bytes, workflow: str, delay_seconds: float = 0.0) -> Message:
        self.messages.append(Message(body, workflow, self._clock.now() + timedelta(seconds=delay_seconds)))
        return self.messages[-1]

    def visible(self) -> list[Message]:
        return [message for message in self.messages if message.visible_at <= self._clock.now()]

    def waiting(self, workflow: str) -> int:
        super().waiting(workflow)
        return sum(message.workflow == workflow for message in self.visible())

    def requeue(self, process: Process | Front | None = None) -> None:
        """Take back what ``process`` had, or what anybody had: its connection is gone."""
        for delivery in [each for each in self.unacknowledged if process in {None, each.process}]:
            self.unacknowledged.remove(delivery)
            if delivery.message.deliveries <= DELIVERY_LIMIT:
                self.messages.append(delivery.message)


class Delivery:
    def __init__(self, process: Process, broker: Broker, message: Message) -> None:
        self.process, self.message, self.body, self.passes = process, message, message.body, message.passes
        self._broker = broker
        self._fates = 0
        message.deliveries += 1
        broker.unacknowledged.append(self)

    def acknowledge(self) -> None:
        if here().notes.get(WORKING) is not False:
            self.process.store.broken.append("a message was acknowledged before its work had ended")
        self._settle()

    def requeue(self) -> None:
        if self._settle():
            self._broker.messages.append(self.message)

    def pass_on(self) -> None:
        if self._settle():
            self._broker.put(self.body, self.message.workflow, DELAYS_SECONDS[0]).passes = self.passes + 1

    def dead_letter(self) -> None:
        self._settle()

    def _settle(self) -> bool:
        self._fates += 1
        if self._fates > 1:
            self.process.store.broken.append("a message was settled twice")
        if self not in self._broker.unacknowledged:
            return False  # its connection is gone
        self._broker.unacknowledged.remove(self)
        return True


class StagedClock:
    """A process's clock: it stands before it sleeps, and wakes when its time has come."""

    def __init__(self, clock: FakeClock) -> None:
        self.stopped = False
        self._clock = clock
        self.now, self.monotonic = clock.now, clock.monotonic

    def sleep(self, seconds: float) -> bool:
        until = self._clock.now() + timedelta(seconds=seconds)
        here().stand("sleep")
        if self.stopped:
            return False
        self._clock.time = max(self._clock.time, until)
        return True


class WatchedEngine:
    """What the engine does when nothing is wrong with it: it ends without a claim, or tells that the store is away."""

    def __init__(self, engine: Engine, store: WatchedStore) -> None:
        self._engine, self._store = engine, store

    def process(self, job: Job) -> Done | PublishLater:
        notes = here().notes
        notes[WORKING] = True
        try:
            outcome = self._engine.process(job)
            if CLAIM in notes and self._store.holds(notes[CLAIM]):
                self._store.broken.append(f"the engine ended and left {notes[CLAIM]}")
            return outcome
        except StoreUnavailable:
            raise
        except Exception as error:
            self._store.broken.append(f"the engine raised {error!r}")
            raise
        finally:
            notes[WORKING], notes[PUBLISHED_EVENTS] = False, set()


def started(process: Process | Front, work: Callable[[], object]) -> Actor:
    def guarded() -> None:
        try:
            work()
        except (StoreUnavailable, BrokerUnavailable):
            pass  # their loops try again later
        except Exception as error:  # noqa: BLE001  # for the test, which runs in another thread
            process.store.broken.append(f"{work} raised {error!r}")

    process.actors.append(Actor(process, guarded))
    return process.actors[-1]


class Front:
    """A gateway, as far as it moves submissions that are stored: owners ask it to cancel and to run again."""

    stopping = False

    def __init__(self, world: World) -> None:
        self.store, self.actors, self.held = world.store, world.actors, HeldClaims()
        self._documents: Any = Gated(world.store, StoreUnavailable("lost"), now=world.clock.now)
        moves: Any = Gated(MemoryLifecycleStore(world.store), StoreUnavailable("lost"))
        job_publisher: Any = QuietJobPublisher(world.broker)
        self._lifecycle = Lifecycle(self._documents, moves, job_publisher, lambda _: True)

    def ask(self, identity: str, *, again: bool) -> Actor:
        def move() -> None:
            submission = self._documents.fetch(identity)
            with suppress(IllegalMove):
                (self._lifecycle.retry if again else self._lifecycle.cancel)(submission)

        return started(self, move)

    def stop(self) -> Actor:
        return started(self, lambda: None)


class QuietJobPublisher(FakeEventPublisher):
    """The gateway's publisher never fails: jobs that it misses are published by the sweep."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self.backlog = broker.backlog

    def publish(self, job: Job) -> None:
        with suppress(BrokerUnavailable):
            self._broker.publish(job)


class Process:
    """One orchestrator, wired as its __main__ wires it."""

    def __init__(self, owner: str, world: World) -> None:
        self.store, self.actors = world.store, world.actors
        self.stopping = False
        self.held = HeldClaims()
        self.clock = StagedClock(world.clock)
        self._store: Any = Gated(world.store, StoreUnavailable("lost"))
        job_publisher: Any = Gated(world.broker, BrokerUnavailable("lost"))
        threads: Any = Threads(self, world.actors)
        engine = Engine(
            store=self._store,
            caller=Caller(
                Gated(world.models, ModelUnavailable("lost")),
                self.clock,
                POLICY,
                uniform=lambda: 0.5,
            ),
            workflows=world.catalogue,
            clock=self.clock,
            owner=owner,
            lease_seconds=LEASE_SECONDS,
            held=self.held,
            step_threads=threads,
            event_publisher=FakeEventPublisher(),
        )
        watched: Any = WatchedEngine(engine, world.store)
        self.consumer = Consumer(watched, job_publisher, threads=1)
        self.consumer._pool = threads
        self._sweep = Sweep(
            self._store,
            job_publisher,
            FakeEventPublisher(),
            self.clock,
            republish_seconds=REPUBLISH_SECONDS,
            lost_leases_limit=4,
            lease_seconds=LEASE_SECONDS,
        )
        self._keeper = LeaseKeeper(self._store, self.held, self.clock, LEASE_SECONDS)

    def start(self, work: Callable[[], object]) -> Actor:
        return started(self, work)

    def sweep(self) -> Actor:
        return self.start(self._sweep.once)

    def renew(self) -> Actor:
        return self.start(self._keeper.once)

    def stop(self) -> Actor:
        """Begin nothing more and hand back what is under way, as on SIGTERM when it does not end in time."""
        self.stopping = self.clock.stopped = True
        self.consumer.drain(0)
        return self.start(self._hand_back)

    def _hand_back(self) -> None:
        for claim, run in self.held.all():
            try:
                resting = run.progress(self.clock.now(), SubmissionState.QUEUED, "stopped")
                self._store.defer(claim, resting, "stopped", 0)
            except (LeaseLost, StoreUnavailable):
                continue
