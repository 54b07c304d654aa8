"""Accepts a submission: stores its image and its document, and publishes its job. Both API versions use this."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import InputInfo, Submission
from contracts.submissions.events import submission_event
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.definition import Workflow
from gateway.images.validation import Limits, examine
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.ports import Clock, JobPublisher, QueueDepths, SubmissionWriter
from gateway.submissions.quota import StorageQuota
from gateway.submissions.slots import Slots
from image_files.cost import is_large
from runtime.clock import whole_milliseconds

UNPUBLISHED_DUE_SECONDS = 5
"""When the sweep checks a submission whose job was not published."""

CHECKED_AT_ONCE = 4
"""How many ordinary images are checked at once."""

COSTLY_CHECKED_AT_ONCE = 2
"""How many large images, and files of more than SMALL_FILE_BYTES, are checked at once, so that they neither keep
ordinary ones waiting nor fill the memory. The worst, a progressive JPEG of 3 million pixels, takes some 20 MB."""

SMALL_FILE_BYTES = 1_000_000

CHECK_SECONDS = 20.0
"""How long an image waits for its check. An ordinary check takes milliseconds, the worst about a second."""

CHECKS_BUSY = "This gateway is checking other images. Send yours again in a moment."


Choose = Callable[[str], Workflow]
"""Returns the workflow's version that the submission with this id runs."""


@dataclass(frozen=True)
class Upload:
    """What a client sent. ``read`` returns the image, of about ``bytes``; ``retention`` overrides the default."""

    read: Callable[[], bytes]
    file_name: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    retention: timedelta | None = None
    webhook: str | None = None
    bytes: int = 0


class Store(SubmissionWriter, Clock, Protocol): ...


class Publisher(JobPublisher, QueueDepths, Protocol): ...


class Acceptance:
    """``retention`` is how long a submission without its own retention is kept; None means for ever.

    ``decode_bounds`` has, by name and version of the models that have them, the most bytes that decoding may cost: of
    a PNG and of a JPEG.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        admission: AdmissionControl,
        limits: Limits,
        retention: timedelta | None,
        webhooks: WebhookPolicy,
        decode_bounds: Mapping[tuple[str, str], tuple[int | None, int | None]] | None = None,
        quota: StorageQuota | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._admission = admission
        self.limits = limits
        self._decode_bounds = decode_bounds or {}
        self._webhooks = webhooks
        self.retention = retention
        self._quota = quota or StorageQuota()
        self._checks = Slots(CHECKED_AT_ONCE, CHECKS_BUSY, retry_after_seconds=2)
        self._costly_checks = Slots(COSTLY_CHECKED_AT_ONCE, CHECKS_BUSY, retry_after_seconds=2)

    def limits_of(self, workflow: Workflow) -> Limits:
        """Return what images this version accepts: the gateway's limits, and the lowest bound of its models."""
        models = [(step.model.name, step.model.version) for step in workflow.steps]
        png, jpeg = zip(*(self._decode_bounds.get(model, (None, None)) for model in models), strict=True)
        return replace(self.limits, decoded_bytes=_lowest(png), jpeg_decoded_bytes=_lowest(jpeg))

    def accept(self, choose: Choose, upload: Upload) -> Submission:
        """Store the submission with its image, and publish its job. Both are on disk when this returns.

        Raises what ``choose`` raises, QueueFull, StorageFull, WebhooksOff and InvalidWebhook before it reads the image,
        because an overloaded gateway has no time to read one; then Busy (too many images are being checked),
        RejectedUpload and StoreUnavailable.
        """
        submission, data = self.prepare(choose, upload, str(uuid.uuid4()))
        self._store.accept(submission, data)
        self.publish(submission)
        return submission

    def prepare(self, choose: Choose, upload: Upload, submission_id: str) -> tuple[Submission, bytes]:
        """Return the submission that ``accept`` would store, with its image. Stores and publishes nothing."""
        workflow = choose(submission_id)
        self._admission.check(workflow.name)
        self._quota.check()
        webhook = self._webhooks.accept(upload.webhook) if upload.webhook is not None else None
        data, info = self._examined(upload, workflow)
        now = self._store.now()
        retention = self.retention if upload.retention is None else upload.retention
        submission = Submission(
            id=submission_id,
            workflow=workflow.ref,
            state=SubmissionState.QUEUED,
            input=info,
            steps=workflow.fresh_steps(),
            created_at=now,
            due_at=now + timedelta(seconds=UNPUBLISHED_DUE_SECONDS),
            expires_at=None if retention is None else whole_milliseconds(now + retention),
            queue_depth_at_submit=self._publisher.backlog(workflow.name).waiting,
            events=[submission_event(SubmissionState.QUEUED, now)],
            event_count=1,
            metadata=dict(upload.metadata),
            webhook=webhook,
        )
        return submission, data

    def _examined(self, upload: Upload, workflow: Workflow) -> tuple[bytes, InputInfo]:
        """Return the image and what it is. Raises Busy and RejectedUpload."""
        data = upload.read() if upload.bytes <= SMALL_FILE_BYTES else None
        costly = data is None or is_large(data)
        with (self._costly_checks if costly else self._checks).acquire(wait_seconds=CHECK_SECONDS):
            if data is None:
                data = upload.read()  # here, so that the large files that wait are in memory once
            return data, examine(data, upload.file_name, self.limits_of(workflow), workflow.formats)

    def publish(self, submission: Submission) -> None:
        """Publish the job of a submission that is stored, and count it."""
        self._quota.add(submission)
        self._publisher.publish(Job(submission.id, submission.workflow.name, submission.workflow.version))


def _lowest(bounds: Iterable[int | None]) -> int | None:
    return min((each for each in bounds if each is not None), default=None)
