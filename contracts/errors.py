"""Every error that the platform raises on purpose, in one tree, and the only table of the texts that clients get::

    ShowcaseError
    |-- InvalidSetting           a setting that a library cannot read
    |-- IncompatibleData         the database holds what an older release wrote
    |-- InvalidWorkflow          a workflow file that cannot be run (file and line)
    |-- WorkflowConflict         a published version would change
    |-- WorkflowRetired          a version that accepts no submissions any more
    |-- LimitReached             too many workflows, versions or aliases
    |-- InvalidRequest           a request that cannot be read
    |-- UnknownAddress           no operation has this address
    |-- MethodNotAllowed         the address does not take this method
    |-- NotAcceptable            the resource does not exist in the form that Accept asks for
    |-- RequestTimeout           the request did not arrive in time
    |-- ForbiddenOrigin          a web page of another site, or a host name that is not this gateway's
    |-- UnsupportedMediaType     the operation does not accept this content type
    |-- PreconditionFailed       a condition of the request (If-Match, If-None-Match) does not hold
    |-- RangeNotSatisfiable      the image ends before the range begins
    |-- UnknownWorkflow          no such workflow is published here
    |-- UnknownModel             no workflow here uses such a model
    |-- UnknownSubmission        no such submission is stored here
    |-- SubmissionGone           it was deleted or has expired
    |-- UnknownArtifact          the submission has no such image
    |-- IdempotencyConflict      an idempotency key came again with another request
    |-- RejectedUpload           the client's image cannot be accepted
    |   `-- UploadTooLarge       ... because of its size in bytes
    |-- InvalidWebhook           no webhook may be sent to this URL
    |-- UnknownWebhook           the submission has no such webhook
    |-- WebhooksOff              this installation sends no webhooks
    |-- IllegalMove              a state change that the state machine forbids
    |-- InvalidMessage           a queue message that cannot be read
    |   `-- UnknownSchema        ... because a newer release wrote it
    |-- InvalidDocument          a stored document that cannot be read
    |-- LeaseLost                another orchestrator holds the submission's lease now
    |-- QueueFull                too many submissions wait already (retryable)
    |-- TooManyWatchers          too many clients wait for events (retryable)
    |-- Busy                     too many such requests run at the same time (retryable)
    |-- OutOfResources           this process has no disk, memory or file descriptor left (retryable)
    |-- StorageFull              what may be stored is stored (retryable)
    |-- StoreUnavailable         the database does not answer (retryable)
    |-- BrokerUnavailable        the message broker does not answer (retryable)
    `-- ModelFault               a model server did not give a usable answer
        |-- ModelUnavailable     it cannot be reached or is overloaded (retryable)
        |   `-- ModelUnreachable     its server accepts no connection (retryable)
        |-- ModelNotLoaded       its server is up but does not serve it (retryable, a few times)
        |-- ModelCrashed         its worker died or broke on the request (retryable, a few times)
        |-- ModelTimeout         it did not answer in time (retryable, a few times)
        `-- ModelRefused         the request will never succeed

Adapters translate a library's errors into these once, with ``from``. A new error is one class here, with its code and
status. If clients can get it, it also has a ``title``, which gives it a page at /problems/<code>, and the page's texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar


class ShowcaseError(Exception):
    """The root: ``message`` is a sentence for people.

    ``code`` is for programs, ``status`` is the HTTP status, ``retryable`` says whether the same call may succeed later.
    ``title``, ``meaning``, ``remedy`` and ``example`` (of a message) are the texts of the problem's page. Clients get
    ``public`` instead of a message that is only for the operator. ``tags`` are the OpenAPI tags of the operations that
    may return this error (empty: any operation); ``with_body`` limits it to operations with a request body.
    ``members`` are further members of the problem (RFC 9457, section 3.2), which clients get beside the message.
    """

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "The service made a mistake"
    meaning: ClassVar[str] = "The service failed, and the request is not the cause. The service's log has the details."
    remedy: ClassVar[str] = "Try again. If it happens again, tell the operator the time and the address."
    public: ClassVar[str | None] = (
        "The service made a mistake. Try again, or tell its operator: the log holds the details."
    )
    example: ClassVar[str] = "The service made a mistake. Try again, or tell its operator: the log holds the details."
    tags: ClassVar[frozenset[str]] = frozenset()
    with_body: ClassVar[bool] = False

    def __init__(self, message: str, members: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.members: dict[str, object] = dict(members or {})


class InvalidSetting(ShowcaseError):
    code = "invalid-setting"


class IncompatibleData(ShowcaseError):
    code = "incompatible-data"


@dataclass(frozen=True)
class WorkflowFault:
    """One error in a workflow file; ``line`` and ``column`` count from 1."""

    line: int
    column: int
    message: str


class InvalidWorkflow(ShowcaseError):
    """A workflow file is wrong; each line of ``message`` starts with ``file:line:``, and ``faults`` are the same."""

    code = "invalid-workflow"
    status = 422
    public = None
    title = "The workflow has errors"
    meaning = "The workflow's text is not YAML, or not a workflow that can be run. Nothing was published."
    remedy = "The member errors gives every error with its line and column. Correct them, and send the text again."
    example = "The workflow has 1 error. Line 6, column 12: 'digit_recognizer' does not pin a model: write name@1.0.0."
    tags = frozenset({"Workflows"})
    with_body = True

    def __init__(self, message: str, faults: Sequence[WorkflowFault] = ()) -> None:
        super().__init__(message, {"errors": [asdict(fault) for fault in faults]} if faults else None)
        self.faults = tuple(faults)


class WorkflowConflict(ShowcaseError):
    """``members`` are the two digests and the difference between the texts."""

    code = "workflow-conflict"
    status = 409
    public = None
    title = "The change contradicts what is published"
    meaning = (
        "A published version of a workflow never changes, except for its title and its description; or another request "
        "changed the workflow at the same time. Nothing was changed."
    )
    remedy = "Publish the change as a new version. GET the workflow to see what is published."
    example = "workflow_001 v1.0.0 is published with another content. Publish the change as a new version."
    tags = frozenset({"Workflows"})


class WorkflowRetired(ShowcaseError):
    """``members`` name the version to use instead, if there is one."""

    code = "workflow-retired"
    status = 410
    public = None
    title = "This version of the workflow is retired"
    meaning = "It accepts no submissions any more. Those that it accepted run to their end, and their results stay."
    remedy = "Use the version that the member successor names. GET /api/v2/workflows lists what is published."
    example = "workflow_001 v1.0.0 is retired and accepts no submissions. Use v1.1.0."
    tags = frozenset({"Workflows", "Submissions"})
    with_body = True


class LimitReached(ShowcaseError):
    code = "limit-reached"
    status = 409
    public = None
    title = "There are too many of them"
    meaning = "The number of workflows, or of the versions or aliases of one workflow, has reached its limit."
    remedy = "Delete drafts and aliases that nobody uses, or publish under another name."
    example = "workflow_001 has 200 versions, which is the limit."
    tags = frozenset({"Workflows"})


class InvalidRequest(ShowcaseError):
    code = "invalid-request"
    status = 400
    public = None
    title = "The request cannot be read"
    meaning = "A field, a header or the body is missing, misspelt, or not in the expected format."
    remedy = "Correct what the detail names, and send the request again. /docs shows every operation with examples."
    example = """The field 'metadata' is not JSON. Send an object of texts, as {"patient": "17"}."""


class UnknownAddress(ShowcaseError):
    code = "unknown-address"
    status = 404
    public = None
    title = "There is nothing at this address"
    meaning = "No operation of this API has this address."
    remedy = "Compare it with /docs. Use addresses from responses (urls, next) as they are."
    example = "There is nothing at this address. /docs lists every operation."


class MethodNotAllowed(ShowcaseError):
    code = "method-not-allowed"
    status = 405
    public = None
    title = "This address does not take this method"
    meaning = "The address exists, but not for this method."
    remedy = "The header Allow names the methods that it accepts."
    example = "This address does not take this method."


class NotAcceptable(ShowcaseError):
    code = "not-acceptable"
    status = 406
    public = None
    title = "There is no such representation"
    meaning = "The resource does not exist in any of the media types that the header Accept names."
    remedy = "Accept one of the media types that /docs names, or */*."
    example = "The resource does not exist in any of the media types that the header Accept names."


class RequestTimeout(ShowcaseError):
    code = "request-timeout"
    status = 408
    public = None
    title = "The request took too long to arrive"
    meaning = "The client sent its request too slowly, or stopped before its end. Nothing was stored."
    remedy = "Send it again."
    example = "The request took too long to arrive. Send it again."


class UnsupportedMediaType(ShowcaseError):
    code = "unsupported-media-type"
    status = 415
    public = None
    title = "This operation does not accept this content type"
    meaning = "The header Content-Type names a type that this operation does not accept."
    remedy = "Send multipart/form-data or application/json, and name that type in Content-Type."
    example = "This operation does not accept this content type. Send multipart/form-data or application/json."


class ForbiddenOrigin(ShowcaseError):
    code = "forbidden-origin"
    status = 403
    public = None
    title = "Requests from there are not accepted"
    meaning = (
        "A browser sent the request for a web page of another site, or to a host name that is not this gateway's. It "
        "was not carried out: such a page could read and change what is stored here without its reader knowing."
    )
    remedy = (
        "Use the gateway by its address. Its operator can allow host names (SHOWCASE_ALLOWED_HOSTS) and the origins of "
        "web pages (SHOWCASE_CORS_ORIGINS)."
    )
    example = "The request comes from a web page of another site, which may not use this gateway."


class PreconditionFailed(ShowcaseError):
    code = "precondition-failed"
    status = 412
    public = None
    title = "A condition of the request does not hold"
    meaning = (
        "The resource is not in the state that the header If-Match or If-None-Match names: it has changed since you "
        "read its ETag, or it exists although it was to be created. Nothing was changed."
    )
    remedy = "Get the resource again, and send the request with its new ETag, or without the condition."
    example = "The resource has changed since you read the ETag that the request names. Get it again."


class RangeNotSatisfiable(ShowcaseError):
    code = "range-not-satisfiable"
    status = 416
    public = None
    title = "The range is outside the image"
    meaning = "The image ends before the range in the header Range begins."
    remedy = "The header Content-Range gives the image's length. Request a range within it, or omit Range."
    example = "The image ends before this range begins. Content-Range gives its length."


class UnknownWorkflow(ShowcaseError):
    code = "unknown-workflow"
    status = 404
    public = None
    title = "There is no such workflow"
    meaning = "No workflow with this name, version or alias is published here."
    remedy = "GET /api/v2/workflows lists them. A version looks like v1.0.0; without one, the service uses stable."
    example = "There is no workflow 'workflow_01' here. There are: workflow_000, workflow_001."
    tags = frozenset({"Workflows", "Submissions"})


class UnknownModel(ShowcaseError):
    code = "unknown-model"
    status = 404
    public = None
    title = "There is no such model"
    meaning = "No workflow that is published here calls a model with this name."
    remedy = "GET /api/v2/models lists the models that the workflows call."
    example = "No workflow here uses a model 'digits'. There are: digit_recognizer."
    tags = frozenset({"Models"})


class UnknownSubmission(ShowcaseError):
    code = "unknown-submission"
    status = 404
    public = None
    title = "There is no such submission"
    meaning = "No submission with this id is stored here."
    remedy = "Use the id, or better the urls, from your submit response."
    example = "There is no submission '17'. Use the id from your submit response."
    tags = frozenset({"Submissions", "Webhooks"})


class SubmissionGone(ShowcaseError):
    code = "submission-gone"
    status = 410
    public = None
    title = "The submission is gone"
    meaning = "The submission was deleted or has expired. Its images were deleted with it."
    remedy = "Submit the image again. The field retention_days sets how long the service keeps a submission."
    example = "Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e was deleted."


class UnknownArtifact(ShowcaseError):
    code = "unknown-artifact"
    status = 404
    public = None
    title = "The submission has no such image"
    meaning = "The submission has no image with this name: its step was skipped, or has not run yet."
    remedy = "The submission's field artifacts lists its images, each with its url."
    example = "Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e has no image 'mask.png'."
    tags = frozenset({"Submissions"})


class IdempotencyConflict(ShowcaseError):
    code = "idempotency-conflict"
    status = 422
    public = None
    title = "The idempotency key belongs to another request"
    meaning = "An earlier request used this Idempotency-Key with another image or other fields. Nothing was stored."
    remedy = "Use the same key only to repeat the same request, and a new key for a new request."
    example = "The Idempotency-Key was used for another request in the last 24 hours. Send this request with a new key."
    with_body = True


class RejectedUpload(ShowcaseError):
    code = "rejected-upload"
    status = 400
    public = None
    title = "The image cannot be accepted"
    meaning = (
        "The file is not a complete, still PNG or JPEG image, has too many pixels, or is not in one of the workflow's "
        "formats. Its content counts, not its name. Nothing was stored."
    )
    remedy = "The detail says what is wrong and what the service accepts. Save the image again and send that file."
    example = "The PNG image is damaged or cut off (its end is missing). Send the whole file."
    with_body = True


class UploadTooLarge(RejectedUpload):
    code = "upload-too-large"
    status = 413
    title = "The request is too large"
    meaning = "The image, or the whole request, has more bytes than the service accepts."
    remedy = "Send a smaller image. GET /api/v2/workflows/<name>/stable gives the limit (max_bytes)."
    example = "The image has 12.0 MiB, more than the 10.0 MiB that are accepted. Send a smaller one."
    with_body = False


class InvalidWebhook(ShowcaseError):
    code = "invalid-webhook"
    status = 400
    public = None
    title = "The webhook's URL is not allowed"
    meaning = (
        "The webhook is not a URL, or leads to an address that this installation does not call. It calls private, "
        "loopback and link-local addresses only if the operator allows them. Nothing was stored."
    )
    remedy = "Use an https URL that is reachable from the internet."
    example = "The webhook's URL leads to a private address."
    with_body = True


class UnknownWebhook(ShowcaseError):
    code = "unknown-webhook"
    status = 404
    public = None
    title = "There is no such webhook"
    meaning = "The submission has no webhook, or none of its deliveries has this id."
    remedy = "Name a webhook when you submit. GET the address in the submission's urls.webhook to list the deliveries."
    example = "This submission has no webhook."
    tags = frozenset({"Submissions", "Webhooks"})


class WebhooksOff(ShowcaseError):
    code = "webhooks-off"
    status = 403
    public = None
    title = "This installation sends no webhooks"
    meaning = "The operator has not allowed this installation to send webhooks. Nothing was stored."
    remedy = "Omit the field webhook. Wait with Prefer: wait=N, or follow the submission's events instead."
    example = "This installation sends no webhooks. Leave the field 'webhook' out."
    with_body = True


class IllegalMove(ShowcaseError):
    code = "illegal-move"
    status = 409
    public = None
    title = "The submission's state does not allow this"
    meaning = "The submission's state does not allow the requested change, or another request has just changed it."
    remedy = (
        "Get the submission's state. Only a submission that has not ended can be canceled, and only one that failed or "
        "was canceled can be retried."
    )
    example = "A submission that is succeeded cannot become canceled."


class InvalidMessage(ShowcaseError):
    code = "invalid-message"


class UnknownSchema(InvalidMessage):
    code = "unknown-schema"
    status = 503
    title = "A newer release wrote this"
    meaning = "An upgrade of the service is in progress: this part cannot read yet what a newer part has written."
    remedy = "Try again after the number of seconds in the header Retry-After."
    public = example = "A newer release of the service holds this. Ask again in a moment."


class InvalidDocument(ShowcaseError):
    code = "invalid-document"


class LeaseLost(ShowcaseError):
    code = "lease-lost"


class QueueFull(ShowcaseError):
    """``retry_after_seconds`` says when to retry."""

    code = "queue-full"
    status = 503
    retryable = True
    public = None
    title = "The workflow's queue is full"
    meaning = "The number of waiting submissions of this workflow has reached its limit. Nothing was stored."
    remedy = "Send it again after the number of seconds in the header Retry-After."
    example = (
        "Too many submissions of workflow_001 wait already (the limit is 10000). Nothing was stored; send it again in "
        "30 seconds."
    )

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyWatchers(ShowcaseError):
    code = "too-many-watchers"
    status = 503
    retryable = True
    public = None
    title = "Too many clients wait for events"
    meaning = "The number of open event streams and waiting requests on this gateway has reached its limit."
    remedy = "Try again after the number of seconds in the header Retry-After, or poll the submission."
    example = "The limit of this gateway, 400 clients that wait for events, is reached. Poll the submission itself."


class Busy(ShowcaseError):
    """``retry_after_seconds`` says when to retry."""

    code = "busy"
    status = 503
    retryable = True
    public = None
    title = "Too many such requests run at the same time"
    meaning = "This operation is expensive, and this gateway runs only a few of them at the same time."
    remedy = "Try again after the number of seconds in the header Retry-After."
    example = "2 exports are running, which is the limit. Try again when one has ended."

    def __init__(self, message: str, retry_after_seconds: int = 10) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class OutOfResources(ShowcaseError):
    code = "out-of-resources"
    status = 503
    retryable = True
    public = None
    title = "The gateway has no room left"
    meaning = (
        "The gateway has no free disk, memory or file descriptor for this request at the moment. Nothing was stored."
    )
    remedy = "Try again after the number of seconds in the header Retry-After. If it happens again, tell the operator."
    example = (
        "The disk on which the gateway keeps what arrives is full. Nothing was stored. Send the request again in a few "
        "seconds; if it happens again, tell the operator."
    )


class StorageFull(ShowcaseError):
    """``retry_after_seconds`` says when to retry."""

    code = "storage-full"
    status = 503
    retryable = True
    public = None
    title = "No further submission can be stored"
    meaning = "The submissions and images that are stored have reached this installation's limit. Nothing was stored."
    remedy = (
        "Delete submissions that you no longer need, or wait until some expire. The operator can raise "
        "SHOWCASE_STORED_BYTES and SHOWCASE_STORED_SUBMISSIONS. GET /health/ready shows how much is stored."
    )
    example = (
        "80.0 of 80.0 GiB are stored, which is the limit. Nothing was stored; delete submissions, or wait until some "
        "expire."
    )
    with_body = True

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(ShowcaseError):
    code = "store-unavailable"
    status = 503
    retryable = True
    title = "The database cannot be reached"
    meaning = "The service cannot read or store anything at the moment. Submissions that it has accepted are safe."
    remedy = "Try again after the number of seconds in the header Retry-After. /health/ready shows the parts' state."
    public = example = "The service cannot reach its database at the moment. Try again."


class BrokerUnavailable(ShowcaseError):
    code = "broker-unavailable"
    status = 503
    retryable = True
    title = "The message broker cannot be reached"
    meaning = "This operation needs the message broker, which does not answer. The service still accepts submissions."
    remedy = "Try again after the number of seconds in the header Retry-After."
    public = example = "The service cannot reach its message broker at the moment. Try again."


class ModelFault(ShowcaseError):
    """A model server gave no usable answer; ``server`` is its address, for the attempt's record.

    ``of_server``: whether no picture can be the cause.
    """

    code = "model-fault"
    of_server: ClassVar[bool] = False

    def __init__(self, message: str, server: str = "") -> None:
        super().__init__(message)
        self.server = server


class ModelUnavailable(ModelFault):
    code = "model-unavailable"
    retryable = True


class ModelUnreachable(ModelUnavailable):
    code = "model-unreachable"
    of_server = True


class ModelNotLoaded(ModelFault):
    code = "model-not-loaded"
    retryable = True
    of_server = True


class ModelCrashed(ModelFault):
    code = "model-crashed"
    retryable = True


class ModelTimeout(ModelFault):
    code = "model-timeout"
    retryable = True


class ModelRefused(ModelFault):
    code = "model-refused"


def problems(root: type[ShowcaseError] = ShowcaseError) -> dict[str, type[ShowcaseError]]:
    """Return the kinds of problem that clients can get, by code: the errors with their own title."""
    found = {root.code: root} if "title" in vars(root) else {}
    for kind in root.__subclasses__():
        found |= problems(kind)
    return found


def problem_of(kind: type[ShowcaseError]) -> type[ShowcaseError]:
    """Return the kind of problem that a client gets for an error: its own, or the nearest base class's."""
    return next(each for each in kind.__mro__ if issubclass(each, ShowcaseError) and "title" in vars(each))
