"""Accepts a submission: checks the image, stores both, publishes the job. Every version of the API does this."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.submissions.events import submission_event
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.workflow_file import Workflow
from gateway.images.validation import Limits, examine
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.ports import Clock, JobPublisher, QueueDepths, SubmissionWriter
from runtime.clock import whole_milliseconds

UNPUBLISHED_DUE_SECONDS = 5
"""A submission whose job was not published is looked at by the sweep after so many seconds."""


@dataclass(frozen=True)
class Upload:
    """What a client sent: its image is what ``read`` returns. ``retention`` overrides the default."""

    read: Callable[[], bytes]
    file_name: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    retention: timedelta | None = None
    webhook: str | None = None


class Store(SubmissionWriter, Clock, Protocol): ...


class Publisher(JobPublisher, QueueDepths, Protocol): ...


class Acceptance:
    """``retention``: how long a submission is kept unless it says otherwise itself; None is for ever."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        admission: AdmissionControl,
        limits: Limits,
        retention: timedelta | None,
        webhooks: WebhookPolicy,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._admission = admission
        self.limits = limits
        self._webhooks = webhooks
        self.retention = retention

    def accept(self, workflow: Workflow, upload: Upload) -> Submission:
        """Store what was sent and publish its job; when this returns, it is on disk.

        Raises QueueFull (before the image is read: an overloaded gateway has no time for that), WebhooksOff and
        InvalidWebhook (before it, too), RejectedUpload and StoreUnavailable.
        """
        submission, data = self.prepare(workflow, upload)
        self._store.accept(submission, data)
        self.publish(submission)
        return submission

    def prepare(self, workflow: Workflow, upload: Upload, submission_id: str | None = None) -> tuple[Submission, bytes]:
        """Return what ``accept`` would store, with its image; nothing is stored or published."""
        self._admission.check(workflow.name)
        webhook = self._webhooks.accept(upload.webhook) if upload.webhook is not None else None
        data = upload.read()
        info = examine(data, upload.file_name, self.limits, workflow.formats)
        now = self._store.now()
        kept = self.retention if upload.retention is None else upload.retention
        submission = Submission(
            id=submission_id or str(uuid.uuid4()),
            workflow=workflow.ref,
            state=SubmissionState.QUEUED,
            input=info,
            steps=workflow.fresh_steps(),
            created_at=now,
            due_at=now + timedelta(seconds=UNPUBLISHED_DUE_SECONDS),
            expires_at=None if kept is None else whole_milliseconds(now + kept),
            queue_depth_at_submit=self._publisher.backlog(workflow.name).waiting,
            events=[submission_event(SubmissionState.QUEUED, now)],
            event_count=1,
            metadata=dict(upload.metadata),
            webhook=webhook,
        )
        return submission, data

    def publish(self, submission: Submission) -> None:
        self._publisher.publish(Job(submission.id, submission.workflow.name, submission.workflow.version))
