"""The outbox in MongoDB: read by windows of its index, claimed by compare-and-set; every write is a point update."""

from __future__ import annotations

from datetime import timedelta

from contracts.storage import layout
from contracts.storage.update_pipelines import from_now, literal
from contracts.submissions.documents import ATTEMPTS_KEPT, Submission, WebhookAttempt, from_document
from orchestrator.webhooks.ports import DueWebhook
from orchestrator.webhooks.schedule import Delivered, Move, TryAgain
from runtime.mongo import Database, Document, translated

DUE = "webhook.due_at"

WINDOWS_SECONDS = (60, 960, 15_360, 245_760, 3_932_160)
"""How far back each query reads; one follows the other until enough is found. A query costs what its window holds,
whatever its limit. The last is 45 days, longer than submissions are usually kept."""

EARLY = timedelta(seconds=1)
"""A webhook counts as due this much before its time: a submission that has just ended may be dated by a clock that is a
little ahead of ``now``."""


class MongoOutbox:
    """The outbox port on the MongoDB protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = database.journaled(layout.SUBMISSIONS)
        # For claims and postponements: if one is lost, a webhook is sent twice, which receivers must expect anyway.
        self._unjournaled = database.unjournaled(layout.SUBMISSIONS)

    def prepare(self) -> None:
        self._database.prepare()

    def due(self, limit: int, *, recent: bool = False) -> list[DueWebhook]:
        found: list[Document] = []
        now = self._database.now()
        before = now + EARLY
        with translated():
            for seconds in WINDOWS_SECONDS[:1] if recent else WINDOWS_SECONDS:
                since = now - timedelta(seconds=seconds)
                window = {DUE: {"$gte": since, "$lt": before}}
                wanted = self._submissions.find(window, {DUE: 1, "webhook.url": 1}).limit(limit - len(found))
                found.extend(wanted)
                if len(found) >= limit:
                    break
                before = since
        return [
            DueWebhook(each["_id"], str(each["webhook"].get("url", "")), each["webhook"]["due_at"]) for each in found
        ]

    def claim(self, due: DueWebhook, seconds: float) -> Submission | None:
        with translated():
            outcome = self._unjournaled.update_one(_as_seen(due), [{"$set": {DUE: from_now(seconds)}}])
            if outcome.matched_count == 0:
                return None
            document = self._submissions.find_one({"_id": due.submission_id})
        return from_document(document) if document else None

    def record(self, submission: Submission, attempt: WebhookAttempt, move: Move) -> None:
        assert submission.webhook is not None
        kept: Document = {
            "webhook.attempts": {
                "$slice": [
                    {"$concatArrays": [{"$ifNull": ["$webhook.attempts", []]}, literal([attempt])]},
                    -ATTEMPTS_KEPT,
                ]
            }
        }
        changes = kept | {"webhook.tries": submission.webhook.tries + 1}
        pipeline: list[Document] = [{"$set": changes}]
        if isinstance(move, TryAgain):
            changes[DUE] = from_now(move.seconds)
        else:
            pipeline.append({"$unset": [DUE]})
        if isinstance(move, Delivered):
            changes["webhook.sent_at"] = "$$NOW"
        with translated():
            outcome = self._submissions.update_one(_as_claimed(submission), pipeline)
            if outcome.matched_count == 0:
                # It became due again while it was sent (a replay, another end): only the attempt is stored.
                point = {"_id": submission.id, "webhook.url": submission.webhook.url}
                self._submissions.update_one(point, [{"$set": kept}])

    def drop(self, submission: Submission) -> None:
        with translated():
            self._submissions.update_one(_as_claimed(submission), [{"$unset": [DUE]}])

    def postpone_all(self, dues: list[DueWebhook], seconds: float) -> None:
        latest = max((due.due_at for due in dues), default=None)
        if latest is None:
            return
        with translated():
            self._unjournaled.update_many(
                # What was claimed in the meantime is due later than everything that was read.
                {"_id": {"$in": [due.submission_id for due in dues]}, DUE: {"$lte": latest}},
                [{"$set": {DUE: from_now(seconds)}}],
            )


def _as_seen(due: DueWebhook) -> Document:
    return {"_id": due.submission_id, DUE: due.due_at}


def _as_claimed(submission: Submission) -> Document:
    assert submission.webhook is not None
    return {"_id": submission.id, DUE: submission.webhook.due_at}
