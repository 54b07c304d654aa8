"""Several orchestrators over one store and one broker, all in memory, and what must be true of them at any moment."""

from __future__ import annotations

import copy
import itertools
from datetime import timedelta
from typing import Any

from contracts.errors import BrokerUnavailable, InvalidMessage, StoreUnavailable, UnknownSchema
from contracts.messaging.jobs import Job, decode_job, encode_job
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.definition import Workflow
from tests.support.factories import make_submission
from tests.support.fakes import FakeClock
from tests.support.orchestrators.processes import (
    REPUBLISH_SECONDS,
    WORKING,
    Broker,
    Delivery,
    Front,
    Message,
    Process,
)
from tests.support.orchestrators.promises import CLAIM, WatchedModels, WatchedStore, broken_in
from tests.support.orchestrators.stage import GOES_WELL, Actor, End, Fate

MANY_TURNS = 1000
"""Calls of one thread that runs to its end: a few a step, and some tries of each."""


class Cluster:
    """``broken`` names every promise that was broken; a test looks at it after each step."""

    def __init__(self, workflows: list[Workflow], pictured: set[str], processes: int = 2) -> None:
        self.broken: list[str] = []
        self.actors: list[Actor] = []
        self.clock = FakeClock()
        self.store = WatchedStore(self.clock, self.broken)
        self.broker = Broker(self.clock)
        self.models = WatchedModels(self.store, self.clock)
        self.models.pictured = pictured
        self.catalogue = Catalogue(workflows)
        self._workflows = {workflow.name: workflow for workflow in workflows}
        self._owners = 0
        self.front = Front(self)
        self.processes = [self._new() for _ in range(processes)]
        self._ended: dict[tuple[str, int], dict[str, Any]] = {}

    def _new(self) -> Process:
        self._owners += 1
        return Process(f"owner-{self._owners}", self)

    def accept(self, workflow: Workflow, *, publish: bool) -> None:
        """Accept a submission as the gateway does: nothing but the store can refuse it."""
        now, identity = self.clock.now(), f"{workflow.name}-{len(self.store.documents)}"
        due = now + timedelta(seconds=5)
        submission = make_submission(workflow, id=identity, created_at=now, due_at=due)
        try:
            self.store.accept(submission, identity.encode())
            if publish:
                self.broker.publish(Job(identity, workflow.name, workflow.version))
                self.store.mark_published([identity])
        except (StoreUnavailable, BrokerUnavailable):
            return

    def live(self) -> list[str]:
        """Return the submissions that have not ended."""
        return [key for key, each in self.store.documents.items() if not SubmissionState(each["state"]).terminal]

    def deliver(self, identity: str, process: Process) -> Actor:
        """Deliver the message for a submission that is in the queue, or else one more."""
        workflow = self.store.documents[identity]["workflow"]
        body = encode_job(Job(identity, workflow["name"], workflow["version"]))
        queued = [message for message in self.broker.visible() if message.body == body]
        return self._deliver(queued[0] if queued else self.broker.put(body, workflow["name"]), process)

    def deliver_stray(self, body: bytes, process: Process) -> Actor:
        return self._deliver(self.broker.put(body, next(iter(self._workflows))), process)

    def _deliver(self, message: Message, process: Process) -> Actor:
        self.broker.messages.remove(message)
        process.consumer.receive(Delivery(process, self.broker, message))
        return self.actors[-1]

    def go_on(self, actor: Actor, fate: Fate = GOES_WELL, mood: str = "yes") -> None:
        self.models.mood = mood
        actor.go_on(fate)
        self.actors[:] = [each for each in self.actors if not each.ended]

    def kill(self, process: Process | Front, *, arrives: bool) -> None:
        """kill -9, and another one in its place; ``arrives`` says what becomes of the calls under way."""
        for actor in [each for each in self.actors if each.process is process]:
            self.go_on(actor, Fate(arrives=arrives, end=End.KILL))
        self.broker.requeue(process)
        if process in self.processes:
            self.processes[self.processes.index(process)] = self._new()

    def close(self) -> None:
        """Let no thread outlive the test."""
        for process in {actor.process for actor in self.actors}:
            self.kill(process, arrives=False)

    def ready(self, process: Process | None = None) -> list[Actor]:
        return [actor for actor in self.actors if process in {None, actor.process} and actor.ready()]

    def run_all(self, process: Process | None = None) -> None:
        """Let every thread, or those of one process, run to its end, each in its turn."""
        turns = itertools.count()
        while (ready := self.ready(process)) and not self.broken:
            if next(turns) > MANY_TURNS:
                self.broken.append(f"threads do not end: {[actor.call for actor in ready]}")
            for actor in ready:
                if not actor.ended and actor.ready():
                    self.go_on(actor)
        if process is None and self.actors and not self.broken:
            self.broken.append(f"threads wait for each other: {[actor.call for actor in self.actors]}")

    def look(self) -> None:
        """Record each broken promise in what is stored now."""
        for identity, document in self.store.documents.items():
            workflow = self._workflows[document["workflow"]["name"]]
            images = {name: image.data for name, image in self.store.images.items()}
            self.broken.extend(f"{identity}: {each}" for each in broken_in(document, workflow, images))
            if SubmissionState(document["state"]).terminal:
                shown = document | {"pictures": [images.get(f"{identity}/{a['name']}") for a in document["artifacts"]]}
                run = identity, document["retries"]
                if self._ended.setdefault(run, copy.deepcopy(shown)) != shown:
                    self.broken.append(f"{identity} changed after its end")
        for actor in self.actors:
            claim = actor.notes.get(CLAIM)
            if actor is actor.root and actor.notes.get(WORKING) and claim and self.store.holds(claim):
                held = [each for each, _ in actor.process.held.all()]
                if claim not in held:
                    self.broken.append(f"{claim} is worked on and no process renews its lease")

    def calm_down(self, rounds: int) -> None:
        """End all faults and let time pass; whatever was accepted must then come to an end."""
        self.store.away_for = self.broker.away_for = 0
        self.run_all()
        # A newer release has taken its messages. Until then they may hold up the sweep, for an hour at most.
        self.broker.messages[:] = [each for each in self.broker.messages if not _is_of_a_newer_release(each.body)]
        self.processes = [self._new() if process.stopping else process for process in self.processes]
        for _ in range(rounds):
            self.clock.advance(REPUBLISH_SECONDS + 1)
            for process in self.processes:
                process.sweep()
                self.run_all()
            for number, message in enumerate(self.broker.visible()):
                self._deliver(message, self.processes[number % len(self.processes)])
            self.run_all()
        left = self.live()
        if left:
            self.broken.append(f"these never ended: {left}")


def _is_of_a_newer_release(body: bytes) -> bool:
    try:
        decode_job(body)
    except UnknownSchema:
        return True
    except InvalidMessage:
        return False
    return False
