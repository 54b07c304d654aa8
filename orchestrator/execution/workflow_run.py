"""The steps of one submission while this orchestrator runs its workflow: outcomes in, changed steps out. Pure."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from contracts.models.answers import Binary
from contracts.submissions.documents import Artifact, Step, Submission
from contracts.submissions.events import step_events, submission_event
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.definition import StepSpec, Workflow
from orchestrator.execution.model_calls import CallOutcome
from orchestrator.planning.plan import Plan, make_plan
from orchestrator.planning.retries import Defer
from orchestrator.ports import Progress


class WorkflowRun:
    """One submission's steps, artifacts and events, as the next write will store them."""

    def __init__(self, submission: Submission, workflow: Workflow) -> None:
        self.submission = submission
        self.workflow = workflow
        self.steps = [step.model_copy(deep=True) for step in submission.steps]
        self.artifacts = list(submission.artifacts)
        self._published = {step.name: step.state for step in self.steps}
        self.stored: set[str] = set()  # names of the artifacts that this owner has stored
        self.event_count = submission.event_count  # the number of the last event that is written
        self.failure: str | None = None
        self.deferral: tuple[float, str] | None = None

    @property
    def stopped(self) -> bool:
        return self.failure is not None or self.deferral is not None

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def progress(self, at: datetime, state: SubmissionState | None = None, reason: str | None = None) -> Progress:
        """Return what to write now, with the events since the last call and that of the transition to ``state``.

        The event of the submission's start comes before those of its steps, the event of its end after them.
        """
        events = step_events(self._published, self.steps, at)
        self._published = {step.name: step.state for step in self.steps}
        if state is not None:
            move = submission_event(state, at, reason)
            events = [move, *events] if state is SubmissionState.RUNNING else [*events, move]
        return Progress(self.steps, self.artifacts, events)

    def start(self) -> Plan:
        return self.next_plan(frozenset())

    def next_plan(self, under_way: frozenset[str]) -> Plan:
        """Plan, and record the plan's skips and starts in the steps, so that one checkpoint stores all of it."""
        plan = make_plan(self.workflow, self.steps, under_way)
        for name, gate in plan.skips:
            step = self.step(name)
            step.state, step.gate = StepState.SKIPPED, gate
        for spec, called_gate in plan.calls:
            step = self.step(spec.name)
            step.state, step.gate = StepState.RUNNING, called_gate
        return plan

    def images(self, spec: StepSpec, outcome: CallOutcome) -> list[tuple[Artifact, bytes]]:
        """Return the artifacts to store before ``settle`` records the outcome."""
        return [(self._artifact(spec, image), image.data) for image in outcome.images]

    def settle(self, spec: StepSpec, outcome: CallOutcome) -> None:
        """Record a call's outcome, whose artifacts are stored already."""
        step = self.step(spec.name)
        for attempt in outcome.attempts:
            step.record(attempt)
        step.faults = dict(outcome.faults)
        if outcome.answer is not None:
            saved = [(self._artifact(spec, image), image) for image in outcome.images]
            references: dict[str, Any] = {image.field: {"artifact": artifact.name} for artifact, image in saved}
            known = {artifact.name for artifact, _ in saved}
            self.artifacts[:] = [item for item in self.artifacts if item.name not in known]
            self.artifacts.extend(artifact for artifact, _ in saved)
            step.output = outcome.answer | references
            step.state = StepState.SUCCEEDED
            return
        fault, follows = outcome.fault, outcome.follows
        assert fault is not None
        if isinstance(follows, Defer):
            step.state = StepState.PENDING
            reason = f"Waiting for the model {spec.model}: {fault.message}"
            self.deferral = max(self.deferral or (0.0, reason), (float(follows.seconds), reason))
        else:
            step.state = StepState.FAILED
            tries = f" after {step.tries} tries" if step.tries > 1 else ""
            self.failure = f"The step {spec.name} failed{tries}: {fault.message}"

    def _artifact(self, spec: StepSpec, image: Binary) -> Artifact:
        name = f"{image.field}.{image.extension}"
        # Two steps may answer fields of the same name. The artifact of the later step in the file is then prefixed with
        # the step's name. Which step ends first must not matter: a step that may run beside an earlier one always
        # gets the prefix.
        before = self._before(spec)
        earlier = itertools.takewhile(lambda other: other is not spec, self.workflow.steps)
        taken = any(self._has_artifact(step, name) for step in self.steps if step.name != spec.name)
        if taken or any(other.name not in before for other in earlier):
            name = f"{spec.name}.{name}"
        return Artifact(name=name, media_type=image.media_type, bytes=len(image.data))

    def _before(self, spec: StepSpec) -> set[str]:
        """Return the steps that have always ended when ``spec`` is called."""
        specs = {other.name: other for other in self.workflow.steps}
        before: set[str] = set()
        reached = set(spec.needs)
        while reached:
            before |= reached
            reached = {name for known in reached for name in specs[known].needs} - before
        return before

    @staticmethod
    def _has_artifact(step: Step, name: str) -> bool:
        return any(value == {"artifact": name} for value in (step.output or {}).values())
