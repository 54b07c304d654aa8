"""Runs one submission's workflow through the ports: claim, call, checkpoint, finish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from contracts.errors import LeaseLost, StoreUnavailable
from contracts.messaging.jobs import Job
from contracts.submissions.documents import INPUT_NAME, Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.images import StoredImage
from contracts.submissions.states import SubmissionState
from contracts.workflows.definition import StepSpec
from orchestrator.execution.model_calls import Caller, CallOutcome
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.planning.plan import Plan
from orchestrator.ports import Claim, Clock, EventPublisher, Progress, Store, Workflows

log = structlog.get_logger()

Calls = dict[Future[CallOutcome], StepSpec]
"""The calls that step threads are making."""

UNKNOWN_WORKFLOW_DELAY_SECONDS = 60
"""The delay of a submission whose workflow version only a newer release knows."""

SWEEP_GRACE_SECONDS = 10
"""A sweep waits this much longer than the delay queue does, because the message may be on its way."""


@dataclass(frozen=True)
class Done:
    """The message needs no further work."""


@dataclass(frozen=True)
class PublishLater:
    """The job is to be published again after a delay."""

    seconds: float


class HeldClaims:
    """The claims that this process holds: the lease keeper renews them, a shutdown hands them back.

    The unfinished ones are those whose work ended because the store became unavailable; they are handed back as soon
    as it answers again. There are never more of them than threads: without a store nothing new is claimed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Claim, WorkflowRun]] = {}
        self._unfinished: dict[Claim, WorkflowRun] = {}

    def add(self, claim: Claim, run: WorkflowRun) -> None:
        with self._lock:
            self._held[claim.submission_id] = (claim, run)

    def drop(self, claim: Claim) -> None:
        """Forget this claim. A later claim of the same submission stays: its lease must still be renewed."""
        with self._lock:
            held = self._held.get(claim.submission_id)
            if held is not None and held[0] == claim:
                del self._held[claim.submission_id]

    def all(self) -> list[tuple[Claim, WorkflowRun]]:
        """Return the claims whose submissions are being processed."""
        with self._lock:
            return list(self._held.values())

    def leave_unfinished(self, claim: Claim, run: WorkflowRun) -> None:
        with self._lock:
            self._unfinished[claim] = run

    def unfinished(self) -> list[tuple[Claim, WorkflowRun]]:
        with self._lock:
            return list(self._unfinished.items())

    def forget(self, claim: Claim) -> None:
        """Forget an unfinished claim."""
        with self._lock:
            self._unfinished.pop(claim, None)


class Engine:
    """Thread-safe: many threads process different submissions. No state is kept between two messages."""

    def __init__(
        self,
        *,
        store: Store,
        caller: Caller,
        workflows: Workflows,
        clock: Clock,
        owner: str,
        lease_seconds: float,
        held: HeldClaims,
        step_threads: ThreadPoolExecutor,
        event_publisher: EventPublisher,
        ended: Callable[[Submission], None] = lambda _: None,
    ) -> None:
        """``ended`` is called with each submission that this engine has made final. It must neither block nor raise."""
        self._store = store
        self._caller = caller
        self._workflows = workflows
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._held = held
        self._step_threads = step_threads
        self._event_publisher = event_publisher
        self._ended = ended

    def process(self, job: Job) -> Done | PublishLater:
        """Run the job's submission until it ends or must wait. Safe to call twice, late, or without need.

        Raises StoreUnavailable when the store does not answer; the message must then be delivered again. Raises
        UnknownSchema for a submission of a newer release, and InvalidDocument for one that no release can read.
        """
        submission = self._store.read(job.submission_id)
        if submission is None or submission.state is not SubmissionState.QUEUED:
            return Done()
        workflow = self._workflows.with_digest(submission.workflow)
        if workflow is None:
            log.warning("unknown workflow version", submission_id=submission.id, workflow=submission.workflow.name)
            # The delay queue delivers the job again. If a sweep published it too, another message would join the queue
            # each time and return forever.
            self._store.postpone(submission, UNKNOWN_WORKFLOW_DELAY_SECONDS + SWEEP_GRACE_SECONDS)
            return PublishLater(UNKNOWN_WORKFLOW_DELAY_SECONDS)
        run = WorkflowRun(submission, workflow)
        calls: Calls = {}
        plan = run.start()
        begun = run.progress(self._clock.now(), SubmissionState.RUNNING)
        claim = self._store.claim(submission, self._owner, self._lease_seconds, begun)
        if claim is None:
            return Done()
        self._publish_event(run, SubmissionState.RUNNING, begun)
        self._held.add(claim, run)
        try:
            return self._drive(claim, run, plan, calls)
        except LeaseLost:
            # Another orchestrator took it over, or its owner canceled or deleted it. It is no longer ours to finish.
            log.warning("lease lost", submission_id=submission.id, fence=claim.fence)
            self._discard_images(claim, run)
            return Done()
        except StoreUnavailable:
            self._held.leave_unfinished(claim, run)
            raise
        finally:
            self._held.drop(claim)
            for future in calls:
                future.cancel()  # a call that still waits for a thread: its answer would not be read

    def _drive(self, claim: Claim, run: WorkflowRun, plan: Plan, calls: Calls) -> Done | PublishLater:
        image: StoredImage | None = None
        while plan.result is None and plan.failure is None:
            if plan.calls and image is None:
                image = self._store.image(claim.submission_id, INPUT_NAME)
                if image is None:
                    run.failure = "The image is no longer stored. Submit it again."
                    break
            assert image is not None
            if len(plan.calls) == 1 and not calls:
                spec = plan.calls[0][0]  # the usual case: one call at a time needs no step thread
                self._settle(claim, run, spec, self._call(claim, run, spec, image))
            else:
                for spec, _ in plan.calls:
                    calls[self._step_threads.submit(self._call, claim, run, spec, image)] = spec
                finished, _ = wait(calls, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._settle(claim, run, calls.pop(future), future.result())
            if run.stopped:
                for future in list(calls):
                    self._settle(claim, run, calls.pop(future), future.result())
                break
            plan = run.next_plan(frozenset(spec.name for spec in calls.values()))
            if plan.result is None and plan.failure is None:
                reached = run.progress(self._clock.now())
                self._store.checkpoint(claim, reached)
                self._publish_event(run, SubmissionState.RUNNING, reached)
        return self._end(claim, run, plan)

    def _end(self, claim: Claim, run: WorkflowRun, plan: Plan) -> Done | PublishLater:
        failure = run.failure or plan.failure
        bound = log.bind(submission_id=claim.submission_id, workflow=run.workflow.name)
        now = self._clock.now()
        if failure:
            ended = run.progress(now, SubmissionState.FAILED, failure)
            self._store.fail(claim, ended, failure)
            self._publish_event(run, SubmissionState.FAILED, ended)
            bound.warning("submission failed", reason=failure)
        elif run.deferral is not None:
            seconds, reason = run.deferral
            resting = run.progress(now, SubmissionState.QUEUED, reason)
            self._store.defer(claim, resting, reason, seconds)
            self._publish_event(run, SubmissionState.QUEUED, resting)
            bound.warning("submission deferred", reason=reason, seconds=seconds)
            return PublishLater(seconds)
        else:
            assert plan.result is not None
            ended = run.progress(now, SubmissionState.SUCCEEDED)
            self._store.succeed(claim, ended, plan.result)
            self._publish_event(run, SubmissionState.SUCCEEDED, ended)
            bound.info("submission succeeded")
        self._ended(run.submission)
        return Done()

    def _publish_event(self, run: WorkflowRun, state: SubmissionState, progress: Progress) -> None:
        """Publish what was written. It is written first, so that a reader who is notified finds it."""
        events = tuple(progress.events)
        first, run.event_count = run.event_count + 1, run.event_count + len(events)
        submission = run.submission
        self._event_publisher.publish_event(
            SubmissionChanged(submission.id, submission.workflow.name, state, first, events)
        )

    def _call(self, claim: Claim, run: WorkflowRun, spec: StepSpec, image: StoredImage) -> CallOutcome:
        age = (self._clock.now() - run.submission.asked_at).total_seconds()
        faults = run.step(spec.name).faults
        return self._caller.call(
            spec,
            image,
            submission_id=claim.submission_id,
            faults=faults,
            age_seconds=age,
            renew_lease=lambda: self._renew_lease(claim),
        )

    def _renew_lease(self, claim: Claim) -> None:
        """Renew the lease before a retry, so that no model is called for a submission that was canceled meanwhile.

        Raises LeaseLost.
        """
        try:
            self._store.renew(claim, self._lease_seconds)
        except StoreUnavailable as error:
            log.warning("lease not renewed", submission_id=claim.submission_id, error=error.message)

    def _discard_images(self, claim: Claim, run: WorkflowRun) -> None:
        """Delete the artifacts that no submission names: nothing else would ever delete them."""
        try:
            if run.stored:
                self._store.discard(claim, run.stored)
        except StoreUnavailable as error:
            log.warning("artifacts not discarded", submission_id=claim.submission_id, error=error.message)

    def _settle(self, claim: Claim, run: WorkflowRun, spec: StepSpec, outcome: CallOutcome) -> None:
        # The artifacts first: a shutdown hands the steps back as they are, and the next owner must find what they name.
        for artifact, data in run.images(spec, outcome):
            self._store.save_artifact(claim, run.submission, artifact, data)
            run.stored.add(artifact.name)
        run.settle(spec, outcome)
