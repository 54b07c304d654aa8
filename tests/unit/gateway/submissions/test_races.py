"""Two requests, or a request and an orchestrator, at one submission."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from contracts.errors import IllegalMove, SubmissionGone
from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState
from gateway.submissions.lifecycle import RETRY_DUE_SECONDS, TRIES, Lifecycle
from gateway.submissions.ports import Deletion
from tests.support.factories import NOW, make_submission
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher


class Meanwhile(MemoryLifecycleStore):
    """``happens`` once, after the next write of any kind."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.happens: Callable[[], None] | None = None
        self.before: Callable[[], None] | None = None
        self.cancels = 0

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        self.cancels += 1
        if self.before:
            self.before()
        changed = super().cancel(submission, reason, at)
        self._then()
        return changed

    def retry(self, submission: Submission, queue_depth: int, due_in_seconds: float, at: datetime) -> bool:
        changed = super().retry(submission, queue_depth, due_in_seconds, at)
        self._then()
        return changed

    def write_tombstone(self, deletion: Deletion, at: datetime) -> None:
        super().write_tombstone(deletion, at)
        self._then()

    def _then(self) -> None:
        happens, self.happens = self.happens, None
        if happens:
            happens()


class World:
    def __init__(self, state: SubmissionState) -> None:
        self.store, self.publisher = MemoryStore(), GatewayPublisher()
        self.moves = Meanwhile(self.store)
        self.lifecycle = Lifecycle(self.store, self.moves, self.publisher, lambda _: True)
        ended: dict[str, Any] = {"due_at": None, "ended_at": NOW} if state.terminal else {}
        self.submission = make_submission(state=state, fence=1, **ended)
        self.store.accept(self.submission, b"image")

    def delete(self) -> None:
        self.store.documents.clear()


def test_one_that_is_deleted_at_that_moment_is_gone() -> None:
    running, failed = World(SubmissionState.RUNNING), World(SubmissionState.FAILED)
    running.moves.happens, failed.moves.happens = running.delete, failed.delete
    with pytest.raises(SubmissionGone, match="deleted at this moment"):
        running.lifecycle.cancel(running.submission)
    with pytest.raises(SubmissionGone, match="deleted at this moment"):
        failed.lifecycle.retry(failed.submission)


def test_one_that_was_deleted_before_is_gone() -> None:
    here = World(SubmissionState.RUNNING)
    here.delete()
    with pytest.raises(SubmissionGone):
        here.lifecycle.cancel(here.submission)


def test_one_that_another_request_deletes_is_deleted() -> None:
    here = World(SubmissionState.RUNNING)
    here.moves.happens = here.delete
    here.lifecycle.delete(here.submission)
    assert here.store.documents == {}


def test_one_that_changes_between_its_tombstone_and_its_removal_is_read_again() -> None:
    """Its new owner may have stored pictures since: what is removed is what was read."""
    here = World(SubmissionState.FAILED)

    def retried_and_run() -> None:
        here.store.documents[here.submission.id]["fence"] += 3

    here.moves.happens = retried_and_run
    here.lifecycle.delete(here.submission)
    assert (here.store.documents, here.store.images) == ({}, {})


def test_a_cancel_that_another_request_made_first_is_a_success_without_an_event() -> None:
    here = World(SubmissionState.RUNNING)
    assert MemoryLifecycleStore(here.store).cancel(here.submission, "by another", NOW)
    assert here.lifecycle.cancel(here.submission).reason == "by another"
    assert here.publisher.changes == []


def test_a_cancel_of_what_has_just_ended_says_so() -> None:
    here = World(SubmissionState.RUNNING)
    here.store.documents[here.submission.id] |= {"state": SubmissionState.SUCCEEDED}
    with pytest.raises(IllegalMove, match="already succeeded"):
        here.lifecycle.cancel(here.submission)


def test_a_race_is_lost_a_few_times_and_then_told() -> None:
    here = World(SubmissionState.RUNNING)

    def overtaken() -> None:
        here.store.documents[here.submission.id]["fence"] += 1

    here.moves.before = overtaken
    with pytest.raises(IllegalMove, match="keep changing"):
        here.lifecycle.cancel(here.submission)
    assert here.moves.cancels == TRIES
    assert here.publisher.changes == []


def test_a_retry_tells_what_waits_and_is_due_soon() -> None:
    here = World(SubmissionState.FAILED)
    here.publisher.waits["digits"] = 7
    after = here.lifecycle.retry(here.submission)
    assert after.queue_depth_at_submit == 7
    assert after.due_at is not None
    assert (after.due_at - here.store.now()).total_seconds() == RETRY_DUE_SECONDS
    assert here.publisher.published == [(here.submission.id, 0.0)]
    (change,) = here.publisher.changes
    assert (change.submission_id, change.workflow, change.state, change.first) == (after.id, "digits", "queued", None)
