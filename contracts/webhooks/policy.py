"""Webhooks as both processes know them: the secret, who may be told, and how an event is named. Pure.

The submission is its own outbox: ``webhook.due_at`` stands in it while something is to be sent, and is set by the very
update that makes the submission final (``layout.WEBHOOK_DUE``).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from contracts.errors import WebhooksOff
from contracts.submissions.documents import Submission, Webhook
from contracts.webhooks.targets import NOTHING, Allowed, check_url, parse_allowed

SECRET_PREFIX = "whsec_"  # noqa: S105  # what a secret begins with is none
SECRET_BYTES = (24, 64)
"""The least and the most that a secret holds, as the Standard Webhooks specification has it."""

OFF = (
    "This installation sends no webhooks: its operator has set no SHOWCASE_WEBHOOK_SECRET (whsec_ and 24 to 64 random "
    "bytes in base64). Leave the webhook out and ask for the result, or have the secret set."
)


@dataclass(frozen=True)
class WebhookPolicy:
    """What an installation lets webhooks do. Without a secret there are none."""

    secrets: tuple[str, ...] = ()
    allowed: Allowed = NOTHING

    @classmethod
    def of(cls, secret: str, allow: str) -> WebhookPolicy:
        """Read the two settings. Raises ValueError with what is wrong."""
        return cls(parse_secrets(secret), parse_allowed(allow))

    def accept(self, url: str) -> Webhook:
        """Return what a new submission keeps of the webhook that it names.

        Raises WebhooksOff, and InvalidWebhook for a URL that no webhook may be sent to.
        """
        if not self.secrets:
            raise WebhooksOff(OFF)
        check_url(url, self.allowed)
        return Webhook(url=url)


def parse_secrets(text: str) -> tuple[str, ...]:
    """Read secrets separated by commas: while one is changed, requests are signed with the old and the new one.

    Raises ValueError, which never says what was written.
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
    """Return the id of the event that the submission is final (``webhook-id``): the same at every try and replay.

    The fence tells apart the ends of a submission that failed, was tried again, and ended once more.
    """
    return f"msg_{submission.id.replace('-', '')}_{submission.fence}"
