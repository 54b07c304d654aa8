"""Creates one submission for each idempotency key, however often a request is repeated, and however many run at once.

The stored key names the submission's id before the submission itself is stored. So if a gateway stops in between, a
repeated request stores the submission under the same id, and of concurrent requests the store lets exactly one win.
Source: the httpapi working group's draft "The Idempotency-Key HTTP Header Field", version 07.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from contracts.errors import IdempotencyConflict, InvalidRequest, StoreUnavailable, UnknownSubmission
from contracts.submissions.documents import Submission
from gateway.submissions.accept import Acceptance
from gateway.submissions.ports import Clock, IdempotencyStore, RequestKey

KEY_LIFETIME = timedelta(hours=24)
KEY_CHARACTERS = 255
KEY_PATTERN = f"^[!-~]([ -~]{{0,{KEY_CHARACTERS - 2}}}[!-~])?$"

TRIES = 5
"""Each try succeeds, or finds what another request has stored since; a race takes two tries at most."""


Find = Callable[[str], Submission]
"""Raises UnknownSubmission, SubmissionGone and StoreUnavailable."""


@dataclass(frozen=True)
class Accepted:
    """``replayed``: the submission was stored by an earlier request with this key."""

    submission: Submission
    replayed: bool


def checked_key(text: str) -> str:
    """Return ``text``. Raises InvalidRequest when it is not a valid key."""
    if not re.fullmatch(KEY_PATTERN, text):
        raise InvalidRequest(
            f"The header Idempotency-Key holds 1 to {KEY_CHARACTERS} printable ASCII characters. A random UUID is a "
            "good one."
        )
    return text


def fingerprint_of(image: bytes, fields: dict[str, object]) -> str:
    """Return a hash that is equal for requests with the same image and the same fields."""
    digest = hashlib.sha256(hashlib.sha256(image).digest())
    digest.update(json.dumps(fields, sort_keys=True).encode())
    return digest.hexdigest()


class Idempotency:
    def __init__(self, clock: Clock, keys: IdempotencyStore, acceptance: Acceptance, find: Find) -> None:
        self._clock = clock
        self._keys = keys
        self._acceptance = acceptance
        self._find = find

    def accept(self, key: str, fingerprint: str, prepare: Callable[[str], tuple[Submission, bytes]]) -> Accepted:
        """Return the key's submission; it is stored when this returns.

        ``prepare`` returns the submission to store under the given id, with its image. If it raises, the key stays
        unused. Raises IdempotencyConflict, SubmissionGone, StoreUnavailable, and what ``prepare`` raises.
        """
        key_id = hashlib.sha256(key.encode()).hexdigest()
        for _ in range(TRIES):
            known = self._known(key_id)
            if known is not None:
                if known.fingerprint != fingerprint:
                    raise IdempotencyConflict(
                        "The Idempotency-Key was used for another request in the last 24 hours. Send this request with "
                        "a new key."
                    )
                try:
                    return Accepted(self._find(known.submission_id), replayed=True)
                except UnknownSubmission:
                    pass  # it was never stored: this request stores it. A deleted one raises SubmissionGone instead.
            submission, image = prepare(known.submission_id if known else str(uuid.uuid4()))
            if known is None and not self._keys.claim(self._key(key_id, fingerprint, submission)):
                continue
            if self._keys.accept_once(submission, image):
                self._acceptance.publish(submission)
                return Accepted(submission, replayed=False)
        raise StoreUnavailable("Other requests keep storing and deleting submissions of this Idempotency-Key.")

    def _known(self, key_id: str) -> RequestKey | None:
        """Return the stored key, unless it has expired: expired keys stay in the database for up to a minute."""
        known = self._keys.find(key_id)
        if known is not None and known.expires_at <= self._clock.now():
            self._keys.forget(known)
            return None
        return known

    def _key(self, key_id: str, fingerprint: str, submission: Submission) -> RequestKey:
        end = submission.created_at + KEY_LIFETIME
        if submission.expires_at is not None:
            end = min(end, submission.expires_at)  # a key that outlives its submission would create it again
        return RequestKey(key_id, fingerprint, submission.id, end)
