"""Makes webhooks due anew, in the submissions that are their outbox."""

from __future__ import annotations

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from contracts.storage import layout
from contracts.submissions.documents import Submission
from gateway.mongo import Document, translated


class MongoReplays:
    """Thread-safe, as its client is."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        journaled = WriteConcern(**layout.JOURNALED)
        self._submissions = client.get_database(database, write_concern=journaled)[layout.SUBMISSIONS]

    def replay(self, submission: Submission) -> bool:
        assert submission.webhook is not None
        unchanged = {
            "_id": submission.id,
            "state": submission.state.value,
            "fence": submission.fence,
            "webhook.url": submission.webhook.url,
        }
        with translated():
            # What makes a webhook due at a submission's end makes it due again.
            outcome = self._submissions.update_one(unchanged, [{"$set": {"webhook": layout.WEBHOOK_DUE}}])
        return outcome.matched_count == 1
