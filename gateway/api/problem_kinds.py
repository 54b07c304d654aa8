"""Every kind of problem that v2 answers: what it means and what to do about it. /problems/<code> shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of problem. ``detail`` is an example of the sentence that goes with it.

    It is met with calls that have one of ``tags``, which are OpenAPI's (none: with any); ``of_body``: that send a body.
    """

    title: str
    status: int
    meaning: str
    remedy: str
    detail: str
    tags: frozenset[str] = frozenset()
    of_body: bool = False


KINDS: dict[str, Kind] = {
    "invalid-request": Kind(
        title="The request cannot be read",
        status=400,
        meaning="A field, a header or the body is missing, misspelt, or not of the form that is expected here.",
        remedy="The detail names the place. Mend it and send the request again; /docs shows every call with examples.",
        detail="""The field 'metadata' is not JSON. Send an object of texts, as {"patient": "17"}.""",
    ),
    "unknown-address": Kind(
        title="There is nothing at this address",
        status=404,
        meaning="No call of this API has this address, or what it names has never been there.",
        remedy="Compare it with /docs. Addresses inside of answers (urls, next) can be followed as they stand.",
        detail="There is nothing at this address. /docs lists what there is.",
    ),
    "unknown-workflow": Kind(
        title="There is no such workflow",
        status=404,
        meaning="No workflow of this name, version or alias is published here.",
        remedy="GET /api/v2/workflows lists them. A version is written like v1.0.0; without one, stable is meant.",
        detail="There is no workflow 'workflow_01' here. There are: workflow_000, workflow_001.",
        tags=frozenset({"Workflows", "Submissions"}),
    ),
    "unknown-model": Kind(
        title="There is no such model",
        status=404,
        meaning="None of the workflows that are published here calls a model of this name.",
        remedy="GET /api/v2/models lists those that are called.",
        detail="No workflow here uses a model 'digits'. There are: digit_recognizer.",
        tags=frozenset({"Models"}),
    ),
    "unknown-submission": Kind(
        title="There is no such submission",
        status=404,
        meaning="The id is no id of a submission that is kept here.",
        remedy="Take the id, or better the urls, from the answer to your submitting.",
        detail="There is no submission '17'. Ids are what submitting answered.",
        tags=frozenset({"Submissions", "Webhooks"}),
    ),
    "unknown-artifact": Kind(
        title="The submission has no such picture",
        status=404,
        meaning="The submission's steps made no picture of this name: its step was skipped, or has not run yet.",
        remedy="The submission's field artifacts lists those that there are, each with its url.",
        detail="Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e has no picture 'mask.png'.",
        tags=frozenset({"Submissions", "Pictures"}),
    ),
    "unknown-webhook": Kind(
        title="There is no such webhook",
        status=404,
        meaning="The submission was sent without a webhook, or none of its deliveries has this id.",
        remedy="Name a webhook when you submit. GET the submission's url webhook lists the deliveries.",
        detail="This submission has no webhook.",
        tags=frozenset({"Submissions", "Webhooks"}),
    ),
    "method-not-allowed": Kind(
        title="This address does not take this method",
        status=405,
        meaning="The address is right, but not for this method.",
        remedy="The header Allow names the methods that it takes.",
        detail="This address does not take this method.",
    ),
    "not-acceptable": Kind(
        title="There is no such representation",
        status=406,
        meaning="The header Accept asks for a form in which this does not exist.",
        remedy="Ask for one of the media types that /docs names, or for */*.",
        detail="The resource cannot be had in the form that was asked for.",
    ),
    "request-timeout": Kind(
        title="The request took too long to arrive",
        status=408,
        meaning="The connection stood still before the whole request was here. Nothing was stored.",
        remedy="Send it again.",
        detail="The request took too long to arrive. Send it again.",
    ),
    "webhooks-off": Kind(
        title="This installation sends no webhooks",
        status=403,
        meaning="Whoever runs this installation has not allowed it to send webhooks. Nothing was stored.",
        remedy="Leave the field webhook out, and wait with Prefer: wait=N or follow the submission's events instead.",
        detail="This installation sends no webhooks. Leave the field 'webhook' out.",
        of_body=True,
    ),
    "illegal-move": Kind(
        title="The submission's state does not allow this",
        status=409,
        meaning="Submissions go from queued to running to succeeded, failed or canceled. This step is none of those.",
        remedy="Look at the submission's state. What has ended cannot be canceled; what succeeded cannot be retried.",
        detail="A submission that is succeeded cannot become canceled.",
    ),
    "submission-gone": Kind(
        title="The submission is gone",
        status=410,
        meaning="It was here, and was deleted or has passed the time for which it was to be kept. Its images are gone "
        "with it.",
        remedy="Submit the image again. The field retention_days says how long a submission is kept.",
        detail="Submission 0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e was deleted.",
    ),
    "upload-too-large": Kind(
        title="The request is too large",
        status=413,
        meaning="The image, or the request around it, has more bytes than are accepted.",
        remedy="Send a smaller image. GET /api/v2/workflows/<name>/stable says how large one may be (max_bytes).",
        detail="The image has 12.0 MiB, more than the 10.0 MiB that are accepted. Send a smaller one.",
    ),
    "rejected-upload": Kind(
        title="The image cannot be accepted",
        status=400,
        meaning="The file is not a whole, still PNG or JPEG image, has too many pixels, or is not of the workflow's "
        "formats. What counts is its content, not its name. Nothing was stored.",
        remedy="The detail says what is wrong and what would be right. Save the picture anew and send that.",
        detail="The PNG image is damaged or cut off (its end is missing). Send the whole file.",
        of_body=True,
    ),
    "invalid-webhook": Kind(
        title="No webhook may be sent there",
        status=400,
        meaning="The webhook's URL is none, or leads to an address that this installation sends nothing to: private, "
        "loopback and link-local ones are refused unless its operator allows them. Nothing was stored.",
        remedy="Name a URL that can be reached from the internet, with https.",
        detail="The webhook's URL leads to a private address.",
        of_body=True,
    ),
    "unsupported-media-type": Kind(
        title="This content type is not read here",
        status=415,
        meaning="The header Content-Type names a type that this call does not read.",
        remedy="Send multipart/form-data or application/json, and say so in Content-Type.",
        detail="This content type is not read here. Send multipart/form-data or application/json.",
    ),
    "range-not-satisfiable": Kind(
        title="There is nothing in this range",
        status=416,
        meaning="The picture is shorter than where the header Range begins.",
        remedy="The header Content-Range says how long it is. Ask for a range within, or leave Range out.",
        detail="The picture is shorter than where this range begins. Content-Range says how long it is.",
    ),
    "idempotency-conflict": Kind(
        title="The idempotency key stands for another request",
        status=422,
        meaning="The header Idempotency-Key came before with another image or other fields. Nothing was stored.",
        remedy="Send the same request with the same key, and a new key with a new request.",
        detail="This Idempotency-Key came with another request before. Use a new key for a new request.",
        of_body=True,
    ),
    "busy": Kind(
        title="Too many do this at the moment",
        status=503,
        meaning="This call costs much, and as many clients make it as one gateway does at a time.",
        remedy="Ask again after the seconds that the header Retry-After names.",
        detail="Too many exports run at the moment. Try again in 10 seconds.",
    ),
    "too-many-watchers": Kind(
        title="Too many clients wait for events",
        status=503,
        meaning="As many event streams and waiting requests are open on this gateway as it is sized for.",
        remedy="Try again after the seconds that the header Retry-After names, or look at the submission now and then.",
        detail="Too many clients wait for events here already (1000). Try again in a moment.",
    ),
    "queue-full": Kind(
        title="Too much waits already",
        status=503,
        meaning="So many submissions of the workflow wait that no more are taken for now. Nothing was stored.",
        remedy="Send it again after the seconds that the header Retry-After names.",
        detail="Too many submissions of workflow_001 wait already (the limit is 10000). Nothing was stored; send it "
        "again in 30 seconds.",
    ),
    "unknown-schema": Kind(
        title="A newer release holds this",
        status=503,
        meaning="The service is being upgraded, and this part of it cannot read yet what a newer part has written.",
        remedy="Ask again in a moment: the header Retry-After says when.",
        detail="A newer release of the service holds this. Ask again in a moment.",
    ),
    "store-unavailable": Kind(
        title="The database cannot be reached",
        status=503,
        meaning="The service cannot read or store anything at the moment. What was accepted before is safe.",
        remedy="Ask again after the seconds that the header Retry-After names. /health/ready says when all is back.",
        detail="The service cannot reach its database at the moment. Try again.",
    ),
    "broker-unavailable": Kind(
        title="The message broker cannot be reached",
        status=503,
        meaning="This call needs the message broker, which does not answer. Submissions are accepted all the same.",
        remedy="Ask again after the seconds that the header Retry-After names.",
        detail="The message broker does not answer. Try again.",
    ),
    "internal-error": Kind(
        title="The service made a mistake",
        status=500,
        meaning="Something went wrong that is not the request's fault. It is in the service's log.",
        remedy="Try again. If it happens again, tell the operator the time and the address.",
        detail="The service made a mistake. It is in its log; try again or tell its operator.",
    ),
}
"""By code."""
