"""The Python client of ML Showcase. Begin with ``Client``; ``showcase.errors`` lists the errors that it raises."""

from showcase.catalogue import Model, Workflow, WorkflowSummary
from showcase.client import Client
from showcase.errors import (
    BadRequest,
    Conflict,
    Gone,
    ImageUnreadable,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    ShowcaseError,
    SubmissionFailed,
    TooLarge,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    UnsupportedMedia,
    WaitTimedOut,
)
from showcase.resources import Artifact, Attempt, Delivery, Event, Gate, Record, Step, Submission, Webhook
from showcase.retries import RetryPolicy
from showcase.version import VERSION

__version__ = VERSION

__all__ = [
    "Artifact",
    "Attempt",
    "BadRequest",
    "Client",
    "Conflict",
    "Delivery",
    "Event",
    "Gate",
    "Gone",
    "ImageUnreadable",
    "Invalid",
    "Model",
    "NotAllowed",
    "NotFound",
    "Record",
    "Refused",
    "RetryPolicy",
    "ShowcaseError",
    "Step",
    "Submission",
    "SubmissionFailed",
    "TooLarge",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "UnsupportedMedia",
    "WaitTimedOut",
    "Webhook",
    "Workflow",
    "WorkflowSummary",
    "__version__",
]
