"""The client: one method a call of the API, and the few that combine them (``wait``, ``events``, ``list``)."""

from __future__ import annotations

import builtins
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import BinaryIO, Literal, Unpack

import httpx

from showcase.answers import json_body, members
from showcase.errors import NotFound, Unavailable, UnexpectedAnswer, Unreachable, WaitTimedOut
from showcase.images import Image, read_image
from showcase.queries import (
    LONGEST_WAIT,
    SUBMISSIONS,
    Filters,
    filters,
    prefer,
    submission_path,
    whole_seconds,
)
from showcase.resources import Artifact, Event, Record, Submission, Webhook
from showcase.retries import Patience
from showcase.saving import save
from showcase.server import Server
from showcase.watching import PATIENCE, follow

PAGE = 100
EXPORT_SILENCE_SECONDS = 60.0
LEAST_POLL_SECONDS = 0.5
"""Between two looks at a server that answers at once although it was asked to wait."""

ExportFormat = Literal["ndjson", "csv"]


class Client(Server):
    """ML Showcase at ``url`` (default: SHOWCASE_URL, else http://127.0.0.1:8100). Safe to share between threads.

    What is safe to ask again is asked again when the connection breaks or the server is overloaded, within
    ``patience``. Close it with ``close()`` or ``with``; a forgotten one closes when it is collected.
    Every method raises the errors of ``showcase.errors`` and no others.
    """

    def submit(
        self,
        image: Image,
        workflow: str,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
        webhook: str | None = None,
        *,
        file_name: str | None = None,
        retention_days: float | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
    ) -> Submission:
        """Send an image (a path, bytes, or a file open for bytes) through a workflow.

        ``version`` is vX.Y.Z or an alias; ``stable`` when it is left out. With ``wait`` (seconds) it returns the
        submission once that has ended, and raises WaitTimedOut when it has not by then. The idempotency key, which is
        made up unless one is given, lets the request be repeated after a broken connection without a second submission.
        """
        upload = read_image(image, file_name)
        fields = {
            "workflow": workflow,
            "version": version,
            "metadata": json.dumps(dict(metadata)) if metadata else None,
            "webhook": webhook,
            "retention_days": None if retention_days is None else f"{retention_days:g}",
        }
        until = time.monotonic() + (wait or 0)
        asked = whole_seconds(wait or 0)
        response = self._transport.request(
            "POST",
            SUBMISSIONS,
            data={name: value for name, value in fields.items() if value is not None},
            files={"image": (upload.name, upload.content)},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **prefer(asked)},
            wait_seconds=asked,
        )
        submission = Submission.of(json_body(response))
        return submission if wait is None else self._ended(submission, until, wait)

    def get(self, submission_id: str, *, wait: float = 0) -> Submission:
        """Return the submission; with ``wait`` (at most 60 seconds) after it has ended or the time is over."""
        seconds = whole_seconds(wait)
        response = self._transport.request(
            "GET", submission_path(submission_id), headers=prefer(seconds), wait_seconds=seconds
        )
        return Submission.of(json_body(response))

    def wait(
        self, submission_id: str, timeout: float | None = None, *, told: Callable[[Event], object] | None = None
    ) -> Submission:
        """Return the submission once it has ended. Raises WaitTimedOut after ``timeout`` seconds (None: no limit).

        Listens to its events, and hands each to ``told``. Where they do not come through (a proxy holds them back, or
        the server has no stream free), it goes on with requests that the server answers when it has news.
        """
        until = None if timeout is None else time.monotonic() + timeout
        # One request is enough for a short wait, unless somebody wants to hear of every move.
        listening = told is not None or timeout is None or timeout > LONGEST_WAIT
        submission = self.get(submission_id, wait=0 if listening or timeout is None else timeout)
        if listening and (told is not None or not submission.final):
            heard_until = until if told is not None or until is None else until - LONGEST_WAIT
            try:
                for event in self._events(submission_id, None, heard_until, Patience(tries=2)):
                    if told is not None:
                        told(event)
            except (Unreachable, UnexpectedAnswer, NotFound, Unavailable):
                pass  # whether the submission is there is asked right below
            submission = self.get(submission_id)
        return self._ended(submission, until, timeout)

    def _ended(self, submission: Submission, until: float | None, timeout: float | None) -> Submission:
        while not submission.final:
            asked_at = time.monotonic()
            left = LONGEST_WAIT if until is None else until - asked_at
            if left <= 0:
                raise WaitTimedOut(
                    f"Submission {submission.id} is still {submission.state} after {timeout:g} seconds; it goes on.",
                    submission.id,
                    submission.state,
                )
            submission = self.get(submission.id, wait=left)
            if not submission.final and (early := LEAST_POLL_SECONDS - (time.monotonic() - asked_at)) > 0:
                self._transport.sleep(min(early, left))
        return submission

    def events(self, submission_id: str, *, after: str | None = None) -> Iterator[Event]:
        """Give what happened to the submission since the event ``after`` and what happens, until it has ended.

        A broken connection is taken up again where it broke.
        """
        return self._events(submission_id, after, None, PATIENCE)

    def _events(
        self, submission_id: str, after: str | None, until: float | None, patience: Patience
    ) -> Iterator[Event]:
        return follow(
            self._transport,
            submission_path(submission_id, "events"),
            lambda: self.get(submission_id).final,
            after=after,
            until=until,
            patience=patience,
        )

    def list(self, *, page: int = PAGE, **fitting: Unpack[Filters]) -> Iterator[Submission]:
        """Give the submissions that fit, newest first; a page of ``page`` is asked for when it is reached."""
        cursor: str | None = None
        while True:
            asked = {**filters(**fitting), "limit": str(page), **({"cursor": cursor} if cursor else {})}
            body = json_body(self._transport.request("GET", SUBMISSIONS, params=asked))
            yield from map(Submission.of, members(body))
            following = body.get("next")
            if not following:
                return
            if following == cursor:
                raise UnexpectedAnswer("The server's list leads back to the page that it came from.")
            cursor = str(following)

    def cancel(self, submission_id: str) -> Submission:
        """Cancel what has not ended. Raises Conflict when it has, unless it was canceled already."""
        return Submission.of(json_body(self._transport.request("POST", submission_path(submission_id, "cancel"))))

    def retry(self, submission_id: str) -> Submission:
        """Put what failed or was canceled to work again, from the last step that succeeded. Raises Conflict."""
        return Submission.of(json_body(self._once("POST", submission_path(submission_id, "retry"))))

    def delete(self, submission_id: str) -> None:
        """Delete a submission with its images. Raises Conflict when its state forbids it, and Gone the second time."""
        self._once("DELETE", submission_path(submission_id))

    def record(self, submission_id: str) -> Record:
        """Return what ran, what was skipped and why."""
        return Record.of(json_body(self._transport.request("GET", submission_path(submission_id, "record"))))

    def artifacts(self, submission_id: str) -> builtins.list[Artifact]:
        """Return which pictures can be had: what the steps made, and what the server draws of it when it is asked."""
        body = json_body(self._transport.request("GET", submission_path(submission_id, "artifacts")))
        return [Artifact.of(each) for each in members(body)]

    def artifact(self, submission_id: str, name: str) -> bytes:
        """Return an artifact's bytes, say of ``mask.png`` or ``overlay.png``."""
        return self._transport.request("GET", submission_path(submission_id, "artifacts", name)).content

    def input(self, submission_id: str) -> bytes:
        """Return the image that was submitted, byte by byte."""
        return self._transport.request("GET", submission_path(submission_id, "input")).content

    def export(
        self,
        to: str | PathLike[str] | BinaryIO,
        format: ExportFormat = "ndjson",  # noqa: A002 - the API's own word
        **fitting: Unpack[Filters],
    ) -> int:
        """Write the submissions that fit into a file, as they come, and return the bytes written.

        A path gets its file only once all has come: half an export is never taken for a whole one.
        """
        asked = {"format": format, **filters(**fitting)}
        with self._transport.stream(
            "GET", "/api/v2/export", params=asked, read_seconds=EXPORT_SILENCE_SECONDS
        ) as response:
            return save(response.iter_bytes(), to)

    def webhook(self, submission_id: str) -> Webhook:
        """Return who is told of its end, and every attempt at it; its ``url`` is None where nobody is."""
        return Webhook.of(json_body(self._transport.request("GET", submission_path(submission_id, "webhook"))))

    def replay(self, submission_id: str, delivery_id: str) -> Webhook:
        """Have a webhook sent again: ``id`` of what ``webhook`` returns."""
        path = submission_path(submission_id, "webhooks", delivery_id, "replay")
        return Webhook.of(json_body(self._once("POST", path)))

    def _once(self, method: str, path: str) -> httpx.Response:
        # A second DELETE or retry would be refused because of the first: sent again only if surely not carried out.
        return self._transport.request(method, path, repeatable=False)
