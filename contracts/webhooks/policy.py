"""What gateway and orchestrator share about webhooks: secrets, permitted targets, and the ids of events. Pure.

The submission is its own outbox: ``webhook.due_at`` is set while something is to be sent. The update that makes the
submission final sets it (``layout.WEBHOOK_DUE``).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from contracts.errors import WebhooksOff
from contracts.submissions.documents import Submission, Webhook
from contracts.webhooks.targets import NOTHING, Allowed, check_url, parse_allowed

SECRET_PREFIX = "whsec_"  # noqa: S105  # a prefix is no secret
SECRET_BYTES = (24, 64)
"""The smallest and the largest secret of the Standard Webhooks specification."""

OFF = (
    "This installation sends no webhooks: its operator has set no SHOWCASE_WEBHOOK_SECRET (whsec_ and 24 to 64 random "
    "bytes in base64). Leave the webhook out and ask for the result, or have the secret set."
)


@dataclass(frozen=True)
class WebhookPolicy:
    """What an installation permits for webhooks. Without a secret none are sent."""

    secrets: tuple[str, ...] = ()
    allowed: Allowed = NOTHING

    @classmethod
    def of(cls, secret: str, allow: str) -> WebhookPolicy:
        """Read the two settings. Raises ValueError with what is wrong."""
        return cls(parse_secrets(secret), parse_allowed(allow))

    def accept(self, url: str) -> Webhook:
        """Return the webhook that a new submission stores.

        Raises WebhooksOff, and InvalidWebhook for a URL that no webhook may be sent to.
        """
        if not self.secrets:
            raise WebhooksOff(OFF)
        check_url(url, self.allowed)
        return Webhook(url=url)


def parse_secrets(text: str) -> tuple[str, ...]:
    """Read secrets separated by commas: while one is replaced, requests are signed with the old and the new one.

    Raises ValueError, whose message never contains the secret.
    """
    secrets = tuple(filter(None, (part.strip() for part in text.split(","))))
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            key = b""
        least, most = SECRET_BYTES
        if not secret.startswith(SECRET_PREFIX) or not least <= len(key) <= most:
            raise ValueError(f"a secret is {SECRET_PREFIX} and {least} to {most} random bytes in base64")
    return secrets


def event_id(submission: Submission) -> str:
    """Return the id (``webhook-id``) of the event that the submission is final: the same at every attempt and replay.

    The fence distinguishes the ends of a submission that failed, was retried, and ended again.
    """
    return f"msg_{submission.id.replace('-', '')}_{submission.fence}"
