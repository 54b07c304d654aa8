"""Every error that the platform raises on purpose, in one tree::

    ShowcaseError
    |-- InvalidSetting           a setting that a library cannot read
    |-- IncompatibleData           the database holds what an older release wrote
    |-- InvalidWorkflow            a workflow file that cannot be run (file and line)
    |-- InvalidRequest            a client's request that cannot be read
    |-- UnknownWorkflow            no such workflow is published here
    |-- UnknownModel               no workflow here uses such a model
    |-- UnknownSubmission          no such submission is stored here
    |-- SubmissionGone             it was, and was deleted or has expired
    |-- UnknownArtifact            the submission has no such picture
    |-- IdempotencyConflict        an idempotency key came again with another request
    |-- RejectedUpload             the client's image cannot be accepted
    |   `-- UploadTooLarge         ... because of its size in bytes
    |-- InvalidWebhook             no webhook may be sent to this URL
    |-- UnknownWebhook             the submission has no such webhook
    |-- WebhooksOff                this installation sends no webhooks
    |-- IllegalMove                a state change that the state machine forbids
    |-- InvalidMessage             a queue message that cannot be read
    |   `-- UnknownSchema          ... because a newer release wrote it
    |-- InvalidDocument            a stored document that cannot be read
    |-- LeaseLost                  another orchestrator owns the submission now
    |-- QueueFull                  too much waits already; come back later (retryable)
    |-- TooManyWatchers            too many clients wait for events (retryable)
    |-- Busy                       too many exports or drawings at a time (retryable)
    |-- StoreUnavailable           the database does not answer (retryable)
    |-- BrokerUnavailable          the message broker does not answer (retryable)
    `-- ModelFault                 a model server did not give a usable answer
        |-- ModelUnavailable       it cannot be reached or is overloaded (retryable)
        |-- ModelNotLoaded         its server is up but does not serve it (retryable, a few times)
        |-- ModelCrashed           its worker died or broke on the request (retryable, a few times)
        |-- ModelTimeout           it did not answer in time (retryable, a few times)
        `-- ModelRefused           the request will never succeed

Libraries' errors are translated into these once, at the edge, with ``from``.
"""

from __future__ import annotations


class ShowcaseError(Exception):
    """The root: ``code`` for programs, ``message`` (a sentence for people), ``retryable`` for both."""

    code = "error"
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidSetting(ShowcaseError):
    code = "invalid-setting"


class IncompatibleData(ShowcaseError):
    code = "incompatible-data"


class InvalidWorkflow(ShowcaseError):
    """A workflow file is wrong; ``message`` starts with ``file:line:``."""

    code = "invalid-workflow"


class InvalidRequest(ShowcaseError):
    code = "invalid-request"


class UnknownWorkflow(ShowcaseError):
    code = "unknown-workflow"


class UnknownModel(ShowcaseError):
    code = "unknown-model"


class UnknownSubmission(ShowcaseError):
    code = "unknown-submission"


class SubmissionGone(ShowcaseError):
    code = "submission-gone"


class UnknownArtifact(ShowcaseError):
    code = "unknown-artifact"


class IdempotencyConflict(ShowcaseError):
    code = "idempotency-conflict"


class RejectedUpload(ShowcaseError):
    code = "rejected-upload"


class UploadTooLarge(RejectedUpload):
    code = "upload-too-large"


class InvalidWebhook(ShowcaseError):
    code = "invalid-webhook"


class UnknownWebhook(ShowcaseError):
    code = "unknown-webhook"


class WebhooksOff(ShowcaseError):
    code = "webhooks-off"


class IllegalMove(ShowcaseError):
    code = "illegal-move"


class InvalidMessage(ShowcaseError):
    code = "invalid-message"


class UnknownSchema(InvalidMessage):
    code = "unknown-schema"


class InvalidDocument(ShowcaseError):
    code = "invalid-document"


class LeaseLost(ShowcaseError):
    code = "lease-lost"


class QueueFull(ShowcaseError):
    """No more is taken at the moment; ``retry_after_seconds`` says when to come back."""

    code = "queue-full"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyWatchers(ShowcaseError):
    code = "too-many-watchers"
    retryable = True


class Busy(ShowcaseError):
    """Too many do the same at the moment; ``retry_after_seconds`` says when to come back."""

    code = "busy"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: int = 10) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(ShowcaseError):
    code = "store-unavailable"
    retryable = True


class BrokerUnavailable(ShowcaseError):
    code = "broker-unavailable"
    retryable = True


class ModelFault(ShowcaseError):
    """A call to a model server gave no usable answer; ``server`` is its address, for the attempt's record."""

    code = "model-fault"

    def __init__(self, message: str, server: str = "") -> None:
        super().__init__(message)
        self.server = server


class ModelUnavailable(ModelFault):
    code = "model-unavailable"
    retryable = True


class ModelNotLoaded(ModelFault):
    code = "model-not-loaded"
    retryable = True


class ModelCrashed(ModelFault):
    code = "model-crashed"
    retryable = True


class ModelTimeout(ModelFault):
    code = "model-timeout"
    retryable = True


class ModelRefused(ModelFault):
    code = "model-refused"
