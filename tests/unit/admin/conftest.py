"""A running system in memory, and the commands on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from admin.__main__ import run
from admin.ports import DeadLetter, Decide
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import POISON
from contracts.submissions.documents import Submission, to_document
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue, WorkflowText
from contracts.workflows.changes import FILE
from contracts.workflows.registry import DEFAULT_TENANT, Actor, WorkflowRecord
from runtime.registry import WorkflowRegistry
from tests.support.factories import GATED, NOW, ONE_STEP, make_submission, make_workflow
from tests.support.fake_catalogue import MemoryRegistryStore
from tests.support.fakes import FakeLetters, MemoryStore


def make_letter(submission: Submission, number: int = 1, **changes: Any) -> DeadLetter:
    job = Job(submission.id, submission.workflow.name, submission.workflow.version)
    values: dict[str, Any] = {"tag": number, "body": encode_job(job), "message_id": submission.id, "reason": POISON}
    return DeadLetter(**values | {"queue": "", "since": NOW + timedelta(minutes=number)} | changes)


class MemorySystem:
    """Called with the words of a command line, it runs the command and returns the exit status."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.letters = FakeLetters()
        self.folder = Path("/nowhere")
        self.kept = MemoryRegistryStore(self.store)
        self.registry = WorkflowRegistry(self.kept, Catalogue([]))
        texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
        self.registry.publish_folder([WorkflowText(make_workflow(text), text) for text in texts], Actor(FILE, NOW))
        self.registry.refresh()

    def workflows_folder(self) -> Path:
        return self.folder

    def workflows(self) -> list[WorkflowRecord]:
        return self.kept.all(DEFAULT_TENANT)

    def change_workflow(self, name: str, source: str, reason: str | None, decide: Decide) -> WorkflowRecord:
        actor = Actor(source, self.store.now(), reason)
        return self.registry.change(name, lambda record: decide(record, actor))[0]

    def submissions(self) -> MemorySystem:
        return self

    def submission(self, submission_id: str) -> Submission | None:
        return self.store.fetch(submission_id)

    def open_letters(self) -> FakeLetters:
        return self.letters

    def keep(self, state: SubmissionState = SubmissionState.QUEUED, **changes: Any) -> Submission:
        """Store a submission and a dead letter about it."""
        submission = make_submission(state=state, **changes)
        self.store.documents[submission.id] = to_document(submission)
        self.letters.letters.append(make_letter(submission, len(self.letters.letters) + 1))
        return submission

    def __call__(self, *words: str) -> int:
        return run(words, self)


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()
