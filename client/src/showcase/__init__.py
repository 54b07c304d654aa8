"""The Python client of ML Showcase. Begin with ``Client``; ``showcase.errors`` lists the errors that it raises."""

from showcase.catalogue import (
    AuditEntry,
    Model,
    PublishedWorkflow,
    Validation,
    Workflow,
    WorkflowFault,
    WorkflowSummary,
)
from showcase.client import Client
from showcase.errors import (
    BadRequest,
    Conflict,
    FileUnreadable,
    Gone,
    ImageUnreadable,
    Invalid,
    NotAllowed,
    NotFound,
    PreconditionFailed,
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
from showcase.registry import RolledBack
from showcase.resources import Artifact, Attempt, Delivery, Event, Gate, Record, Step, Submission, Webhook
from showcase.retries import RetryPolicy
from showcase.version import VERSION

__version__ = VERSION

__all__ = [
    "Artifact",
    "Attempt",
    "AuditEntry",
    "BadRequest",
    "Client",
    "Conflict",
    "Delivery",
    "Event",
    "FileUnreadable",
    "Gate",
    "Gone",
    "ImageUnreadable",
    "Invalid",
    "Model",
    "NotAllowed",
    "NotFound",
    "PreconditionFailed",
    "PublishedWorkflow",
    "Record",
    "Refused",
    "RetryPolicy",
    "RolledBack",
    "ShowcaseError",
    "Step",
    "Submission",
    "SubmissionFailed",
    "TooLarge",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "UnsupportedMedia",
    "Validation",
    "WaitTimedOut",
    "Webhook",
    "Workflow",
    "WorkflowFault",
    "WorkflowSummary",
    "__version__",
]
