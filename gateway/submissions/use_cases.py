"""The use cases of a submission, built once and handed to the API as one object."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.submissions.accept import Acceptance
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.idempotency import Idempotency
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.listing import ListingStore
from gateway.submissions.lookup import SubmissionLookup
from gateway.submissions.ports import ImageStore, WebhookReplays


@dataclass(frozen=True)
class SubmissionUseCases:
    """One attribute for each use case."""

    acceptance: Acceptance
    admission: AdmissionControl
    idempotency: Idempotency
    lookup: SubmissionLookup
    lifecycle: Lifecycle
    listing: ListingStore
    images: ImageStore
    webhooks: WebhookReplays
