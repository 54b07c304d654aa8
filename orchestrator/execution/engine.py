"""Drives one submission's plan through the ports: claim, call, checkpoint, finish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from contracts.errors import LeaseLost, StoreUnavailable, UnknownWorkflow
from contracts.messaging.jobs import Job
from contracts.submissions.documents import INPUT_NAME, Submission
from contracts.submissions.events import Notice
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.workflow_file import StepSpec
from orchestrator.execution.model_calls import Caller, CallOutcome
from orchestrator.execution.workflow_run import Journey
from orchestrator.planning.plan import Plan
from orchestrator.ports import Announcer, Claim, Clock, Picture, Progress, Store

log = structlog.get_logger()

Calls = dict[Future[CallOutcome], StepSpec]
"""The calls under way on step threads."""

UNKNOWN_WORKFLOW_DELAY_SECONDS = 60
"""A submission of a workflow that only a newer release knows waits so long before it is looked at again."""

SWEEP_GRACE_SECONDS = 10
"""A sweep waits so much longer than the delay queue, for a message that is on its way."""


@dataclass(frozen=True)
class Done:
    """Nothing is left to do with the message."""


@dataclass(frozen=True)
class RingAgain:
    """The message's submission should be rung for after so many seconds."""

    seconds: float


class HeldClaims:
    """The claims that this process holds: the lease keeper renews them, a shutdown hands them back.

    Those that were ``left`` nobody works on any more, because the store went away; they are handed back once it is
    there. There are never more of them than threads: without a store nothing new is claimed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Claim, Journey]] = {}
        self._left: dict[Claim, Journey] = {}

    def add(self, claim: Claim, journey: Journey) -> None:
        with self._lock:
            self._held[claim.submission_id] = (claim, journey)

    def drop(self, claim: Claim) -> None:
        """Forget this claim, and no later one of the same submission: that one's lease is still to be renewed."""
        with self._lock:
            held = self._held.get(claim.submission_id)
            if held is not None and held[0] == claim:
                del self._held[claim.submission_id]

    def all(self) -> list[tuple[Claim, Journey]]:
        """Return those that are worked on."""
        with self._lock:
            return list(self._held.values())

    def leave(self, claim: Claim, journey: Journey) -> None:
        with self._lock:
            self._left[claim] = journey

    def left(self) -> list[tuple[Claim, Journey]]:
        with self._lock:
            return list(self._left.items())

    def forget(self, claim: Claim) -> None:
        """Forget one that was left."""
        with self._lock:
            self._left.pop(claim, None)


class Engine:
    """Thread-safe: many threads process different submissions. Nothing is kept between two messages."""

    def __init__(
        self,
        *,
        store: Store,
        caller: Caller,
        catalogue: Catalogue,
        clock: Clock,
        owner: str,
        lease_seconds: float,
        held: HeldClaims,
        step_threads: ThreadPoolExecutor,
        announcer: Announcer,
        ended: Callable[[Submission], None] = lambda _: None,
    ) -> None:
        """``ended`` hears of each submission that this engine has made final. It must not block, nor raise."""
        self._store = store
        self._caller = caller
        self._catalogue = catalogue
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._held = held
        self._step_threads = step_threads
        self._announcer = announcer
        self._ended = ended

    def process(self, job: Job) -> Done | RingAgain:
        """Bring the job's submission as far as it goes. Safe to call twice, late, or for nothing.

        Raises StoreUnavailable when the store stays away; the message must then be seen again. Raises UnknownSchema for
        a submission of a newer release, InvalidDocument for one that nobody can read.
        """
        submission = self._store.read(job.submission_id)
        if submission is None or submission.state is not SubmissionState.QUEUED:
            return Done()
        try:
            workflow = self._catalogue.version(submission.workflow.name, submission.workflow.version)
        except UnknownWorkflow:
            workflow = None
        if workflow is None or workflow.digest != submission.workflow.digest:
            log.warning("unknown workflow version", submission_id=submission.id, workflow=submission.workflow.name)
            # The delay queue rings; a sweep that rang too would add a message that comes back for ever, each time.
            self._store.postpone(submission, UNKNOWN_WORKFLOW_DELAY_SECONDS + SWEEP_GRACE_SECONDS)
            return RingAgain(UNKNOWN_WORKFLOW_DELAY_SECONDS)
        journey = Journey(submission, workflow)
        calls: Calls = {}
        plan = journey.start()
        begun = journey.progress(self._clock.now(), SubmissionState.RUNNING)
        claim = self._store.claim(submission, self._owner, self._lease_seconds, begun)
        if claim is None:
            return Done()
        self._tell(journey, SubmissionState.RUNNING, begun)
        self._held.add(claim, journey)
        try:
            return self._drive(claim, journey, plan, calls)
        except LeaseLost:
            # Somebody took it over, canceled it or deleted it: what becomes of it is no concern of ours any more.
            log.warning("lease lost", submission_id=submission.id, fence=claim.fence)
            self._leave(claim, journey)
            return Done()
        except StoreUnavailable:
            self._held.leave(claim, journey)
            raise
        finally:
            self._held.drop(claim)
            for future in calls:
                future.cancel()  # what waits for a thread: nobody would read its answer

    def _drive(self, claim: Claim, journey: Journey, plan: Plan, calls: Calls) -> Done | RingAgain:
        picture: Picture | None = None
        while plan.result is None and plan.failure is None:
            if plan.calls and picture is None:
                picture = self._store.picture(claim.submission_id, INPUT_NAME)
                if picture is None:
                    journey.failure = "The image is no longer stored. Submit it again."
                    break
            assert picture is not None
            if len(plan.calls) == 1 and not calls:
                spec = plan.calls[0][0]  # the usual case: no thread is needed for one call at a time
                self._settle(claim, journey, spec, self._call(claim, journey, spec, picture))
            else:
                for spec, _ in plan.calls:
                    calls[self._step_threads.submit(self._call, claim, journey, spec, picture)] = spec
                finished, _ = wait(calls, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._settle(claim, journey, calls.pop(future), future.result())
            if journey.stopped:
                for future in list(calls):
                    self._settle(claim, journey, calls.pop(future), future.result())
                break
            plan = journey.next_plan(frozenset(spec.name for spec in calls.values()))
            if plan.result is None and plan.failure is None:
                reached = journey.progress(self._clock.now())
                self._store.checkpoint(claim, reached)
                self._tell(journey, SubmissionState.RUNNING, reached)
        return self._end(claim, journey, plan)

    def _end(self, claim: Claim, journey: Journey, plan: Plan) -> Done | RingAgain:
        failure = journey.failure or plan.failure
        bound = log.bind(submission_id=claim.submission_id, workflow=journey.workflow.name)
        now = self._clock.now()
        if failure:
            ended = journey.progress(now, SubmissionState.FAILED, failure)
            self._store.fail(claim, ended, failure)
            self._tell(journey, SubmissionState.FAILED, ended)
            bound.warning("submission failed", reason=failure)
        elif journey.set_aside is not None:
            seconds, reason = journey.set_aside
            resting = journey.progress(now, SubmissionState.QUEUED, reason)
            self._store.set_aside(claim, resting, reason, seconds)
            self._tell(journey, SubmissionState.QUEUED, resting)
            bound.warning("submission set aside", reason=reason, seconds=seconds)
            return RingAgain(seconds)
        else:
            assert plan.result is not None
            ended = journey.progress(now, SubmissionState.SUCCEEDED)
            self._store.succeed(claim, ended, plan.result)
            self._tell(journey, SubmissionState.SUCCEEDED, ended)
            bound.info("submission succeeded")
        self._ended(journey.submission)
        return Done()

    def _tell(self, journey: Journey, state: SubmissionState, progress: Progress) -> None:
        """Tell what was written. It was written first: whoever looks because of a notice must find it."""
        events = tuple(progress.events)
        first, journey.moves = journey.moves + 1, journey.moves + len(events)
        submission = journey.submission
        self._announcer.announce(Notice(submission.id, submission.workflow.name, state, first, events))

    def _call(self, claim: Claim, journey: Journey, spec: StepSpec, picture: Picture) -> CallOutcome:
        age = (self._clock.now() - journey.submission.asked_at).total_seconds()
        tries = journey.step(spec.name).tries_that_count
        return self._caller.call(spec, picture, tries=tries, age_seconds=age, keep=lambda: self._keep(claim))

    def _keep(self, claim: Claim) -> None:
        """Renew the lease between two tries of a call: a submission that was canceled meanwhile is not called again.

        Raises LeaseLost.
        """
        try:
            self._store.renew(claim, self._lease_seconds)
        except StoreUnavailable as error:
            log.warning("lease not renewed", submission_id=claim.submission_id, error=error.message)

    def _leave(self, claim: Claim, journey: Journey) -> None:
        """Leave nothing behind that no submission names: nobody would ever delete it."""
        try:
            if journey.stored:
                self._store.discard(claim, journey.stored)
        except StoreUnavailable as error:
            log.warning("pictures not discarded", submission_id=claim.submission_id, error=error.message)

    def _settle(self, claim: Claim, journey: Journey, spec: StepSpec, outcome: CallOutcome) -> None:
        # The pictures first: a shutdown hands the steps back as they stand, and whoever goes on must find what is said.
        for artifact, data in journey.pictures(spec, outcome):
            self._store.save_artifact(claim, journey.submission, artifact, data)
            journey.stored.add(artifact.name)
        journey.settle(spec, outcome)
