"""Every error that the platform raises on purpose, in one tree, and the only table of what a client is told of each::

    ShowcaseError
    |-- InvalidSetting           a setting that a library cannot read
    |-- IncompatibleData           the database holds what an older release wrote
    |-- InvalidWorkflow            a workflow file that cannot be run (file and line)
    |-- InvalidRequest            a request that cannot be read
    |-- UnknownAddress              no call has this address
    |-- MethodNotAllowed            the address does not take this method
    |-- NotAcceptable               the resource does not exist in the form that Accept asks for
    |-- RequestTimeout              the request did not arrive in time
    |-- ForbiddenOrigin             a web page of another site, or a host name that is not this gateway's
    |-- UnsupportedMediaType        the call does not read this content type
    |-- RangeNotSatisfiable         the image ends before the range begins
    |-- UnknownWorkflow            no such workflow is published here
    |-- UnknownModel               no workflow here uses such a model
    |-- UnknownSubmission          no such submission is stored here
    |-- SubmissionGone             it was deleted or has expired
    |-- UnknownArtifact            the submission has no such image
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
    |-- QueueFull                  too many submissions wait already (retryable)
    |-- TooManyWatchers            too many clients wait for events (retryable)
    |-- Busy                       too many such requests run at the same time (retryable)
    |-- StoreUnavailable           the database does not answer (retryable)
    |-- BrokerUnavailable          the message broker does not answer (retryable)
    `-- ModelFault                 a model server did not give a usable answer
        |-- ModelUnavailable       it cannot be reached or is overloaded (retryable)
        |-- ModelNotLoaded         its server is up but does not serve it (retryable, a few times)
        |-- ModelCrashed           its worker died or broke on the request (retryable, a few times)
        |-- ModelTimeout           it did not answer in time (retryable, a few times)
        `-- ModelRefused           the request will never succeed

Libraries' errors are translated into these once, at the edge, with ``from``. A new error is one class here: its code
and status, and, when a client meets it, the ``title`` that gives it a page at /problems/<code>, and the page's words.
"""

from __future__ import annotations

from typing import ClassVar


class ShowcaseError(Exception):
    """The root: ``message`` is a sentence for people.

    ``code`` is for programs, ``status`` the HTTP status, ``retryable`` whether the same call may succeed later.
    ``title``, ``meaning``, ``remedy`` and ``example`` (of a message) are what the page of this kind of problem says.
    ``public`` is answered instead of a message that is for the operator only. ``tags`` are the OpenAPI tags of the
    calls that may answer this (none: any call); ``with_body``: only calls that send a body.
    """

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "The service made a mistake"
    meaning: ClassVar[str] = "Something went wrong that is not the request's fault. The service's log has the details."
    remedy: ClassVar[str] = "Try again. If it happens again, tell the operator the time and the address."
    public: ClassVar[str | None] = (
        "The service made a mistake. Try again, or tell its operator: the log holds the details."
    )
    example: ClassVar[str] = "The service made a mistake. Try again, or tell its operator: the log holds the details."
    tags: ClassVar[frozenset[str]] = frozenset()
    with_body: ClassVar[bool] = False

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
    status = 400
    public = None
    title = "The request cannot be read"
    meaning = "A field, a header or the body is missing, misspelt, or not of the form that the call expects."
    remedy = "The detail names the place. Correct it and send the request again; /docs shows every call with examples."
    example = """The field 'metadata' is not JSON. Send an object of texts, as {"patient": "17"}."""


class UnknownAddress(ShowcaseError):
    code = "unknown-address"
    status = 404
    public = None
    title = "There is nothing at this address"
    meaning = "No call of this API has this address."
    remedy = "Compare it with /docs. Addresses inside of answers (urls, next) can be followed as they are."
    example = "There is nothing at this address. /docs lists what there is."


class MethodNotAllowed(ShowcaseError):
    code = "method-not-allowed"
    status = 405
    public = None
    title = "This address does not take this method"
    meaning = "The address is right, but not for this method."
    remedy = "The header Allow names the methods that it takes."
    example = "This address does not take this method."


class NotAcceptable(ShowcaseError):
    code = "not-acceptable"
    status = 406
    public = None
    title = "There is no such representation"
    meaning = "The header Accept asks for a form in which this resource does not exist."
    remedy = "Ask for one of the media types that /docs names, or for */*."
    example = "The resource does not exist in the form that the header Accept asks for."


class RequestTimeout(ShowcaseError):
    code = "request-timeout"
    status = 408
    public = None
    title = "The request took too long to arrive"
    meaning = "The client sent its request too slowly, or stopped in the middle of it. Nothing was stored."
    remedy = "Send it again."
    example = "The request took too long to arrive. Send it again."


class UnsupportedMediaType(ShowcaseError):
    code = "unsupported-media-type"
    status = 415
    public = None
    title = "This call does not read this content type"
    meaning = "The header Content-Type names a type that this call does not read."
    remedy = "Send multipart/form-data or application/json, and say so in Content-Type."
    example = "This call does not read this content type. Send multipart/form-data or application/json."


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


class RangeNotSatisfiable(ShowcaseError):
    code = "range-not-satisfiable"
    status = 416
    public = None
    title = "There is nothing in this range"
    meaning = "The image ends before the place where the header Range begins."
    remedy = "The header Content-Range gives its length. Ask for a range within it, or leave Range out."
    example = "The image ends before this range begins. Content-Range gives its length."


class UnknownWorkflow(ShowcaseError):
    code = "unknown-workflow"
    status = 404
    public = None
    title = "There is no such workflow"
    meaning = "No workflow of this name, version or alias is published here."
    remedy = "GET /api/v2/workflows lists them. A version is written like v1.0.0; without one, stable is meant."
    example = "There is no workflow 'workflow_01' here. There are: workflow_000, workflow_001."
    tags = frozenset({"Workflows", "Submissions"})


class UnknownModel(ShowcaseError):
    code = "unknown-model"
    status = 404
    public = None
    title = "There is no such model"
    meaning = "None of the workflows that are published here calls a model of this name."
    remedy = "GET /api/v2/models lists those that the workflows call."
    example = "No workflow here uses a model 'digits'. There are: digit_recognizer."
    tags = frozenset({"Models"})


class UnknownSubmission(ShowcaseError):
    code = "unknown-submission"
    status = 404
    public = None
    title = "There is no such submission"
    meaning = "This is not the id of a submission that is stored here."
    remedy = "Take the id, or better the urls, from the answer to your submission."
    example = "There is no submission '17'. Ids are what submitting answered."
    tags = frozenset({"Submissions", "Pictures", "Webhooks"})


class SubmissionGone(ShowcaseError):
    code = "submission-gone"
    status = 410
    public = None
    title = "The submission is gone"
    meaning = "The submission was deleted, or the time for which it was kept has passed. Its images are gone with it."
    remedy = "Submit the image again. The field retention_days says how long a submission is kept."
    example = "Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e was deleted."


class UnknownArtifact(ShowcaseError):
    code = "unknown-artifact"
    status = 404
    public = None
    title = "The submission has no such image"
    meaning = "The submission's steps made no image of this name: its step was skipped, or has not run yet."
    remedy = "The submission's field artifacts lists those that there are, each with its url."
    example = "Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e has no image 'mask.png'."
    tags = frozenset({"Submissions", "Pictures"})


class IdempotencyConflict(ShowcaseError):
    code = "idempotency-conflict"
    status = 422
    public = None
    title = "The idempotency key stands for another request"
    meaning = "The header Idempotency-Key came before with another image or other fields. Nothing was stored."
    remedy = "Send the same request with the same key, and a new request with a new key."
    example = "This Idempotency-Key came with another request before. Use a new key for a new request."
    with_body = True


class RejectedUpload(ShowcaseError):
    code = "rejected-upload"
    status = 400
    public = None
    title = "The image cannot be accepted"
    meaning = (
        "The file is not a whole, still PNG or JPEG image, has too many pixels, or is not of the workflow's formats. "
        "Its content counts, not its name. Nothing was stored."
    )
    remedy = "The detail says what is wrong and what would be right. Save the image again and send that file."
    example = "The PNG image is damaged or cut off (its end is missing). Send the whole file."
    with_body = True


class UploadTooLarge(RejectedUpload):
    code = "upload-too-large"
    status = 413
    title = "The request is too large"
    meaning = "The image, or the request around it, has more bytes than the service accepts."
    remedy = "Send a smaller image. GET /api/v2/workflows/<name>/stable gives the limit (max_bytes)."
    example = "The image has 12.0 MiB, more than the 10.0 MiB that are accepted. Send a smaller one."
    with_body = False


class InvalidWebhook(ShowcaseError):
    code = "invalid-webhook"
    status = 400
    public = None
    title = "No webhook may be sent there"
    meaning = (
        "The webhook is not a URL, or leads to an address that this installation does not call: private, loopback and "
        "link-local addresses are refused unless the operator allows them. Nothing was stored."
    )
    remedy = "Name a URL that can be reached from the internet, with https."
    example = "The webhook's URL leads to a private address."
    with_body = True


class UnknownWebhook(ShowcaseError):
    code = "unknown-webhook"
    status = 404
    public = None
    title = "There is no such webhook"
    meaning = "The submission was sent without a webhook, or none of its deliveries has this id."
    remedy = "Name a webhook when you submit. GET the submission's url webhook lists the deliveries."
    example = "This submission has no webhook."
    tags = frozenset({"Submissions", "Webhooks"})


class WebhooksOff(ShowcaseError):
    code = "webhooks-off"
    status = 403
    public = None
    title = "This installation sends no webhooks"
    meaning = "The operator has not allowed this installation to send webhooks. Nothing was stored."
    remedy = "Leave the field webhook out, and wait with Prefer: wait=N or follow the submission's events instead."
    example = "This installation sends no webhooks. Leave the field 'webhook' out."
    with_body = True


class IllegalMove(ShowcaseError):
    code = "illegal-move"
    status = 409
    public = None
    title = "The submission's state does not allow this"
    meaning = "Submissions go from queued to running to succeeded, failed or canceled. This move is none of those."
    remedy = "Look at the submission's state. An ended one cannot be canceled; a succeeded one cannot be retried."
    example = "A submission that is succeeded cannot become canceled."


class InvalidMessage(ShowcaseError):
    code = "invalid-message"


class UnknownSchema(InvalidMessage):
    code = "unknown-schema"
    status = 503
    title = "A newer release holds this"
    meaning = "The service is being upgraded, and this part of it cannot read yet what a newer part has written."
    remedy = "Ask again after the seconds that the header Retry-After names."
    public = example = "A newer release of the service holds this. Ask again in a moment."


class InvalidDocument(ShowcaseError):
    code = "invalid-document"


class LeaseLost(ShowcaseError):
    code = "lease-lost"


class QueueFull(ShowcaseError):
    """``retry_after_seconds`` says when to come back."""

    code = "queue-full"
    status = 503
    retryable = True
    public = None
    title = "Too many submissions wait already"
    meaning = "So many submissions of the workflow wait that no more are accepted now. Nothing was stored."
    remedy = "Send it again after the seconds that the header Retry-After names."
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
    meaning = "As many event streams and waiting requests are open on this gateway as it allows."
    remedy = "Try again after the seconds that the header Retry-After names, or poll the submission."
    example = "Too many clients wait for events here already (400). Try again in a moment."


class Busy(ShowcaseError):
    """``retry_after_seconds`` says when to come back."""

    code = "busy"
    status = 503
    retryable = True
    public = None
    title = "Too many such requests run at the same time"
    meaning = "This call costs much, and this gateway runs as many of them as it does at the same time."
    remedy = "Ask again after the seconds that the header Retry-After names."
    example = "Too many exports run at the moment. Try again in 10 seconds."

    def __init__(self, message: str, retry_after_seconds: int = 10) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(ShowcaseError):
    code = "store-unavailable"
    status = 503
    retryable = True
    title = "The database cannot be reached"
    meaning = "The service cannot read or store anything at the moment. What was accepted before is safe."
    remedy = "Ask again after the seconds that the header Retry-After names. /health/ready says when all is back."
    public = example = "The service cannot reach its database at the moment. Try again."


class BrokerUnavailable(ShowcaseError):
    code = "broker-unavailable"
    status = 503
    retryable = True
    title = "The message broker cannot be reached"
    meaning = "This call needs the message broker, which does not answer. Submissions are accepted all the same."
    remedy = "Ask again after the seconds that the header Retry-After names."
    public = example = "The service cannot reach its message broker at the moment. Try again."


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


def problems(root: type[ShowcaseError] = ShowcaseError) -> dict[str, type[ShowcaseError]]:
    """Return the kinds of problem that a client meets, by code: those with a title of their own."""
    found = {root.code: root} if "title" in vars(root) else {}
    for kind in root.__subclasses__():
        found |= problems(kind)
    return found


def problem_of(kind: type[ShowcaseError]) -> type[ShowcaseError]:
    """Return the kind of problem that a client is told of an error: its own, or the nearest one above it."""
    return next(each for each in kind.__mro__ if issubclass(each, ShowcaseError) and "title" in vars(each))
