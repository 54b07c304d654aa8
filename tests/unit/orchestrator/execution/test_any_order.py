"""Whatever happens, in whatever order: the promises of the state machine hold, and when it is over all have ended."""

from __future__ import annotations

from typing import TypeVar
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import orchestrator.execution.engine
from contracts.messaging.jobs import Job, encode_job
from tests.support.factories import make_workflow
from tests.support.orchestrators.cluster import Cluster
from tests.support.orchestrators.processes import LEASE_SECONDS, Process
from tests.support.orchestrators.stage import GOES_WELL, Actor, End, Fate, wait_on_stage
from tests.support.strategies import workflow_files

Thing = TypeVar("Thing")

ROUNDS = 8
"""Of half a minute: the longest delay is a minute, and a lost message is made up for within another one."""

FEW = 3
"""Submissions at a time: what goes wrong goes wrong where many threads meet over one."""

STEPS = ("s0", "s1", "s2")
SECONDS = (0, 1, 3, 9, 9, 31, 62)
STRAYS = (b"", b"garbage", b'{"schema": 99}', encode_job(Job("nobody", "first", "v1.0.0")))
MOODS = st.sampled_from(
    ("yes", "yes", "yes", "no", "unavailable", "not loaded", "crashes", "hangs", "refuses", "babbles")
)
FATES = st.sampled_from((GOES_WELL, GOES_WELL, GOES_WELL, Fate(arrives=False, end=End.ERROR), Fate(end=End.ERROR)))
PICKS = st.integers(0, 4)
CALLS_AT_MOST = 5
CALLS = st.integers(0, CALLS_AT_MOST)


class AnyOrder(RuleBasedStateMachine):
    """Picks count round what there is to pick from, so that a rule never lacks its object."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = mock.patch.object(orchestrator.execution.engine, "wait", wait_on_stage)
        self._patch.start()

    @initialize(
        first=workflow_files("first"),
        second=workflow_files("second"),
        pictured=st.sets(st.sampled_from(STEPS), min_size=1),
    )
    def begin(self, first: str, second: str, pictured: set[str]) -> None:
        self.workflows = [make_workflow(first), make_workflow(second)]
        self.cluster = Cluster(self.workflows, pictured)
        self.a_submission_is_accepted(0, publish=True)

    @precondition(lambda self: len(self.cluster.live()) < FEW)
    @rule(which=st.integers(0, 1), publish=st.booleans())
    def a_submission_is_accepted(self, which: int, publish: bool) -> None:
        self.cluster.accept(self.workflows[which], publish=publish)

    @precondition(lambda self: self.cluster.store.documents)
    @rule(submission=PICKS, process=PICKS, calls=CALLS, mood=MOODS, fate=FATES)
    def a_message_is_delivered(self, submission: int, process: int, calls: int, mood: str, fate: Fate) -> None:
        """The queue's own, or one that nobody expects any more: late, out of order, or for the second time."""
        known = [*self.cluster.live(), *list(self.cluster.store.documents)[-1:]]
        actor = self.cluster.deliver(_pick(known, submission), self._process(process))
        self._go_on(actor, calls, mood, fate)

    @precondition(lambda self: self.cluster.store.documents)
    @rule(submission=PICKS, again=st.booleans(), calls=CALLS, fate=FATES)
    def its_owner_cancels_it_or_asks_for_another_run(
        self, submission: int, again: bool, calls: int, fate: Fate
    ) -> None:
        """Of those that have ended too: one that succeeded stays as it is."""
        actor = self.cluster.front.ask(_pick(list(self.cluster.store.documents), submission), again=again)
        self._go_on(actor, calls, fate=fate)

    @rule(process=PICKS, body=st.sampled_from(STRAYS))
    def a_stray_message_is_delivered(self, process: int, body: bytes) -> None:
        self.cluster.deliver_stray(body, self._process(process))

    @precondition(lambda self: self.cluster.ready())
    @rule(actor=PICKS, calls=CALLS)
    def a_thread_goes_on(self, actor: int, calls: int) -> None:
        """Whoever is not picked is paused."""
        self._go_on(_pick(self.cluster.ready(), actor), calls)

    @precondition(lambda self: self.cluster.ready())
    @rule(actor=PICKS, calls=CALLS, mood=MOODS, fate=FATES)
    def a_thread_goes_on_to_a_fault(self, actor: int, calls: int, mood: str, fate: Fate) -> None:
        """So many calls go well; the one after them meets the mood and the fate."""
        self._go_on(_pick(self.cluster.ready(), actor), calls, mood, fate)

    @precondition(lambda self: self.cluster.ready())
    @rule(actor=PICKS)
    def all_threads_of_a_process_end(self, actor: int) -> None:
        self.cluster.run_all(_pick(self.cluster.ready(), actor).process)

    @rule(process=PICKS, later=st.sampled_from(SECONDS), calls=CALLS, fate=FATES)
    def a_process_sweeps(self, process: int, later: float, calls: int, fate: Fate) -> None:
        self.cluster.clock.advance(later)
        self._go_on(self._process(process).sweep(), calls, fate=fate)

    @precondition(lambda self: self.cluster.store.documents)
    @rule(submission=PICKS, process=PICKS, calls=CALLS)
    def a_process_takes_over(self, submission: int, process: int, calls: int) -> None:
        """The rules beside it do this too, but seldom in a row; and it is where most can go wrong."""
        self.a_process_sweeps(process, LEASE_SECONDS + 1, 2 * CALLS_AT_MOST, GOES_WELL)
        self.a_message_is_delivered(submission, process, calls, "yes", GOES_WELL)

    @rule(process=PICKS, calls=CALLS, fate=FATES)
    def a_process_renews_its_leases(self, process: int, calls: int, fate: Fate) -> None:
        self._go_on(self._process(process).renew(), calls, fate=fate)

    @precondition(lambda self: self.cluster.actors)
    @rule(actor=PICKS, how=st.sampled_from(("killed", "killed as its calls arrive", "stopped")), calls=CALLS)
    def a_process_ends(self, actor: int, how: str, calls: int) -> None:
        process = _pick(self.cluster.actors, actor).process
        if how == "stopped":
            self._go_on(process.stop(), calls)
        else:
            self.cluster.kill(process, arrives=how != "killed")

    @rule(what=st.sampled_from(("store", "broker", "messages")), calls=CALLS)
    def something_goes_away(self, what: str, calls: int) -> None:
        """The next so many calls find the store or the broker away; messages go for good."""
        if what == "store":
            self.cluster.store.away_for = calls
        elif what == "broker":
            self.cluster.broker.away_for = calls
            self.cluster.broker.requeue()
        else:
            self.cluster.broker.messages.clear()
            self.cluster.broker.unacknowledged.clear()

    @invariant()
    def no_promise_is_broken(self) -> None:
        self.cluster.look()
        assert not self.cluster.broken, self.cluster.broken

    def teardown(self) -> None:
        try:
            if hasattr(self, "cluster") and not self.cluster.broken:  # what failed before is told as it is
                self.cluster.calm_down(ROUNDS)
                self.no_promise_is_broken()
        finally:
            if hasattr(self, "cluster"):
                self.cluster.close()
            self._patch.stop()

    def _process(self, number: int) -> Process:
        return _pick(self.cluster.processes, number)

    def _go_on(self, actor: Actor, calls: int, mood: str = "yes", fate: Fate = GOES_WELL) -> None:
        for _ in range(calls):
            if actor.ended or not actor.ready():
                return
            self.cluster.go_on(actor)
        if not actor.ended and actor.ready():
            self.cluster.go_on(actor, fate, mood)


def _pick(things: list[Thing], number: int) -> Thing:
    return things[number % len(things)]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(stateful_step_count=60, max_examples=80)
