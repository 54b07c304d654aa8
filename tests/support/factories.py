"""Makes the values that tests start from: each with sensible defaults, each overridable."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from contracts.submissions.documents import InputInfo, Submission
from contracts.submissions.states import SubmissionState
from contracts.workflows.definition import Workflow
from contracts.workflows.workflow_file import parse_workflow

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

ONE_STEP = """
workflow: digits
version: v1.0.0
input: {kind: image}
steps:
  recognition: {model: digit_recognizer@1.0.0, timeout_seconds: 5}
output: {digit: recognition.digit, score: recognition.score}
"""

GATED = """
workflow: gated
version: v1.0.0
input: {kind: image}
steps:
  classification: {model: classifier@1.2.0}
  segmentation: {model: segmenter@1.0.0, when: classification.label == 'abnormality'}
output: {label: classification.label, image: segmentation.mask}
"""


def make_workflow(text: str = ONE_STEP) -> Workflow:
    return parse_workflow(text.encode(), "test.yaml")


def make_submission(workflow: Workflow | None = None, **changes: Any) -> Submission:
    """A queued submission of ``workflow``, created at NOW, due five seconds later."""
    workflow = workflow or make_workflow()
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "workflow": workflow.ref,
        "state": SubmissionState.QUEUED,
        "input": InputInfo(media_type="image/png", bytes=3, width=1, height=1, file_name="x.png", sha256="0" * 64),
        "steps": workflow.fresh_steps(),
        "created_at": NOW,
        "due_at": NOW + timedelta(seconds=5),
    }
    return Submission(**values | changes)


def png(width: int = 8, height: int = 8, mode: str = "RGB", colour: Any = 0) -> bytes:
    return encoded(Image.new(mode, (width, height), colour), "PNG")


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, format=form, **options)
    return content.getvalue()
