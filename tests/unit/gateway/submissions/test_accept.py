"""What a new submission is made of, and in which order it is stored and published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from contracts.errors import QueueFull, RejectedUpload, StoreUnavailable, WebhooksOff
from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.definition import Workflow
from gateway.images.validation import Limits
from gateway.submissions.accept import UNPUBLISHED_DUE_SECONDS, Acceptance, Upload
from gateway.submissions.admission import AdmissionControl
from tests.support.factories import ONE_STEP, encoded, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher

DAY = timedelta(days=1)
JPEG = encoded(Image.new("RGB", (16, 16)), "JPEG")
SECRET = "whsec_" + "A" * 32


class World:
    def __init__(self, retention: timedelta | None = DAY, secret: str = SECRET) -> None:
        self.store, self.publisher = MemoryStore(), GatewayPublisher()
        admission = AdmissionControl(self.publisher, lambda: ["digits"], 100)
        limits, policy = Limits(bytes=100_000, pixels=1_000_000), WebhookPolicy.of(secret, "")
        self.acceptance = Acceptance(self.store, self.publisher, admission, limits, retention, policy)

    def accept(self, workflow: Workflow | None = None, read: Callable[[], bytes] = png, **fields: Any) -> Submission:
        return self.acceptance.accept(
            lambda _: workflow or make_workflow(), Upload(read=read, file_name="x.png", **fields)
        )


def reads(formats: str) -> Workflow:
    return make_workflow(ONE_STEP.replace("kind: image", f"kind: image, formats: [{formats}]"))


@pytest.mark.parametrize(
    ("formats", "image", "words"), [("png", JPEG, "reads PNG, not JPEG"), ("jpeg", png(), "reads JPEG, not PNG")]
)
def test_a_workflow_gets_no_format_that_it_does_not_read(formats: str, image: bytes, words: str) -> None:
    here = World()
    here.accept(reads("png, jpeg"), lambda: image)
    here.store.documents.clear()
    with pytest.raises(RejectedUpload, match=words):
        here.accept(reads(formats), lambda: image)
    assert here.store.documents == {}


@pytest.mark.parametrize(
    ("general", "own", "kept"),
    [
        (DAY, None, DAY),
        (DAY, timedelta(hours=1), timedelta(hours=1)),
        (DAY, timedelta(0), timedelta(0)),
        (DAY, 9 * DAY, 9 * DAY),
        (None, None, None),
        (None, DAY, DAY),
    ],
)
def test_its_own_retention_is_kept_and_the_general_one_without_it(
    general: timedelta | None, own: timedelta | None, kept: timedelta | None
) -> None:
    submission = World(general).accept(retention=own)
    assert submission.expires_at == (None if kept is None else submission.created_at + kept)


def test_a_submission_is_made_of_what_was_sent_and_of_what_waits() -> None:
    here = World()
    here.publisher.waits["digits"] = 7
    submission = here.accept(metadata={"ward": "7"}, webhook="https://receiver.example/")
    assert submission.queue_depth_at_submit == 7
    assert submission.created_at == here.store.now()
    assert submission.due_at == submission.created_at + timedelta(seconds=UNPUBLISHED_DUE_SECONDS)
    assert (submission.state, submission.event_count, submission.metadata) == ("queued", 1, {"ward": "7"})
    assert (submission.input.file_name, submission.input.media_type) == ("x.png", "image/png")
    assert [(step.name, step.tries) for step in submission.steps] == [("recognition", 0)]
    assert submission.webhook is not None
    assert (submission.webhook.url, submission.webhook.due_at) == ("https://receiver.example/", None)
    assert here.store.fetch(submission.id) == submission
    assert here.publisher.published == [(submission.id, 0.0)]


def test_a_job_is_published_for_what_is_stored_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    here = World()
    jobs: list[Job] = []

    def publish(job: Job) -> None:
        assert here.store.fetch(job.submission_id) is not None, "published before it was stored"
        jobs.append(job)

    monkeypatch.setattr(here.publisher, "publish", publish)
    submission = here.accept()
    assert jobs == [Job(submission.id, "digits", "v1.0.0")]
    here.store.away = True
    with pytest.raises(StoreUnavailable):
        here.accept()
    assert len(jobs) == 1


def test_no_image_is_read_that_is_refused_without_it() -> None:
    def read() -> bytes:
        raise AssertionError("the image was read")

    full, off = World(), World(secret="")
    full.publisher.waits["digits"] = 100
    with pytest.raises(QueueFull):
        full.accept(read=read)
    with pytest.raises(WebhooksOff):
        off.accept(read=read, webhook="https://receiver.example/")


def test_preparing_stores_and_publishes_nothing() -> None:
    here = World()
    submission, data = here.acceptance.prepare(lambda _: make_workflow(), Upload(read=png, file_name="x.png"), "an-id")
    assert (submission.id, submission.state, data) == ("an-id", SubmissionState.QUEUED, png())
    assert (here.store.documents, here.publisher.published) == ({}, [])
