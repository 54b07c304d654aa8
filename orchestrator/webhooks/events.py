"""A webhook's body and headers: the event that a submission is final, signed. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook as Signer

from contracts.submissions.documents import Submission
from contracts.webhooks.policy import event_id
from contracts.workflows.definition import is_draft

LONGEST_BODY = 16 * 1024
"""In bytes. A body says what happened and where the rest is; images are never sent."""

_MAY_BE_LONG = ("result", "metadata", "artifacts", "reason")


def event(submission: Submission) -> dict[str, Any]:
    """Return the event that this submission is final."""
    address = f"/api/v2/submissions/{submission.id}"
    return {
        "type": f"submission.{submission.state.value}",
        "timestamp": _moment(submission.ended_at or submission.created_at),
        "data": {
            "id": submission.id,
            "workflow": submission.workflow.model_dump() | {"draft": is_draft(submission.workflow.version)},
            "state": submission.state.value,
            "reason": submission.reason,
            "created_at": _moment(submission.created_at),
            "started_at": _moment(submission.started_at),
            "ended_at": _moment(submission.ended_at),
            "result": _with_addresses(submission.result, address),
            "metadata": submission.metadata,
            "artifacts": [
                {**each.model_dump(), "url": f"{address}/artifacts/{each.name}"} for each in submission.artifacts
            ],
            "urls": {
                "self": address,
                **{name: f"{address}/{name}" for name in ("input", "artifacts", "record", "webhook")},
            },
        },
    }


def body(submission: Submission) -> bytes:
    """Return the event as JSON of at most LONGEST_BODY bytes.

    Fields that make it longer are null, and ``left_out`` names them: the submission's resource has them.
    """
    said = event(submission)
    encoded = _encoded(said)
    while len(encoded) > LONGEST_BODY:
        data = said["data"]
        longest = max(_MAY_BE_LONG, key=lambda name: len(_encoded(data[name])))
        data[longest] = None
        data["left_out"] = [*data.get("left_out", []), longest]
        encoded = _encoded(said)
    return encoded


def headers(secrets: Sequence[str], submission: Submission, sent: bytes, now: datetime) -> dict[str, str]:
    """Return the specification's headers for a body that is sent now, signed with every secret."""
    identity = event_id(submission)
    signatures = [Signer(secret).sign(identity, now, sent.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _with_addresses(result: dict[str, Any] | None, address: str) -> dict[str, Any] | None:
    """Add to each reference to an artifact the URL to fetch it from, as the submission's resource does."""
    if result is None:
        return None
    return {
        name: {**value, "url": f"{address}/artifacts/{value['artifact']}"}
        if isinstance(value, dict) and value.keys() == {"artifact"}
        else value
        for name, value in result.items()
    }


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _moment(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None
