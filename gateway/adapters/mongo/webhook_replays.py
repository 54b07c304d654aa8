"""Makes webhooks due again; the outbox is a field of each submission."""

from __future__ import annotations

from contracts.storage import layout
from contracts.submissions.documents import Submission
from runtime.mongo import Database, translated


class MongoWebhookReplays:
    """The replays' port on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._submissions = database.journaled(layout.SUBMISSIONS)

    def replay(self, submission: Submission) -> bool:
        assert submission.webhook is not None
        unchanged = {
            "_id": submission.id,
            "state": submission.state.value,
            "fence": submission.fence,
            "webhook.url": submission.webhook.url,
        }
        with translated():
            # The same value makes a webhook due when its submission ends.
            outcome = self._submissions.update_one(unchanged, [{"$set": {"webhook": layout.WEBHOOK_DUE}}])
        return outcome.matched_count == 1
