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

from showcase.answers import json_body, list_items
from showcase.errors import NotFound, Unavailable, UnexpectedAnswer, Unreachable, WaitTimedOut
from showcase.images import Image, read_image
from showcase.queries import (
    MAX_WAIT_SECONDS,
    SUBMISSIONS,
    Filters,
    filter_parameters,
    prefer_header,
    submission_path,
    whole_seconds,
)
from showcase.resources import Artifact, Event, Record, Submission, Webhook
from showcase.retries import RetryPolicy
from showcase.saving import save
from showcase.server import Server
from showcase.watching import RECONNECT_POLICY, follow

PAGE_SIZE = 100
EXPORT_READ_TIMEOUT_SECONDS = 60.0
MIN_POLL_SECONDS = 0.5
"""Between two looks at a server that answers at once although it was asked to wait."""

ExportFormat = Literal["ndjson", "csv"]


class Client(Server):
    """ML Showcase at ``url`` (default: SHOWCASE_URL, else http://127.0.0.1:8100). Safe to share between threads.

    What is safe to ask again is asked again when the connection breaks or the server is overloaded, within
    ``retry_policy``. Close it with ``close()`` or ``with``; a forgotten one closes when it is collected.
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
        wait_seconds = whole_seconds(wait or 0)
        response = self._transport.request(
            "POST",
            SUBMISSIONS,
            data={name: value for name, value in fields.items() if value is not None},
            files={"image": (upload.name, upload.content)},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **prefer_header(wait_seconds)},
            wait_seconds=wait_seconds,
        )
        submission = Submission.of(json_body(response))
        return submission if wait is None else self._wait_until_final(submission, until, wait)

    def get(self, submission_id: str, *, wait: float = 0) -> Submission:
        """Return the submission; with ``wait`` (at most 60 seconds) after it has ended or the time is over."""
        seconds = whole_seconds(wait)
        response = self._transport.request(
            "GET", submission_path(submission_id), headers=prefer_header(seconds), wait_seconds=seconds
        )
        return Submission.of(json_body(response))

    def wait(
        self, submission_id: str, timeout: float | None = None, *, on_event: Callable[[Event], object] | None = None
    ) -> Submission:
        """Return the submission once it has ended. Raises WaitTimedOut after ``timeout`` seconds (None: no limit).

        Listens to its events, and hands each to ``on_event``. Where they do not come through (a proxy holds them back,
        or the server has no stream free), it goes on with requests that the server answers when it has news.
        """
        until = None if timeout is None else time.monotonic() + timeout
        # One request is enough for a short wait, unless somebody wants to hear of every move.
        streaming = on_event is not None or timeout is None or timeout > MAX_WAIT_SECONDS
        submission = self.get(submission_id, wait=0 if streaming or timeout is None else timeout)
        if streaming and (on_event is not None or not submission.final):
            stream_until = until if on_event is not None or until is None else until - MAX_WAIT_SECONDS
            try:
                for event in self._events(submission_id, None, stream_until, RetryPolicy(max_tries=2)):
                    if on_event is not None:
                        on_event(event)
            except (Unreachable, UnexpectedAnswer, NotFound, Unavailable):
                pass  # whether the submission is there is asked right below
            submission = self.get(submission_id)
        return self._wait_until_final(submission, until, timeout)

    def _wait_until_final(self, submission: Submission, until: float | None, timeout: float | None) -> Submission:
        while not submission.final:
            sent_at = time.monotonic()
            left = MAX_WAIT_SECONDS if until is None else until - sent_at
            if left <= 0:
                raise WaitTimedOut(
                    f"Submission {submission.id} is still {submission.state} after {timeout:g} seconds; it goes on.",
                    submission.id,
                    submission.state,
                )
            submission = self.get(submission.id, wait=left)
            if not submission.final and (pause := MIN_POLL_SECONDS - (time.monotonic() - sent_at)) > 0:
                self._transport.sleep(min(pause, left))
        return submission

    def events(self, submission_id: str, *, after: str | None = None) -> Iterator[Event]:
        """Give what happened to the submission since the event ``after`` and what happens, until it has ended.

        A broken connection is taken up again where it broke.
        """
        return self._events(submission_id, after, None, RECONNECT_POLICY)

    def _events(
        self, submission_id: str, after: str | None, until: float | None, policy: RetryPolicy
    ) -> Iterator[Event]:
        return follow(
            self._transport,
            submission_path(submission_id, "events"),
            lambda: self.get(submission_id).final,
            after=after,
            until=until,
            policy=policy,
        )

    def list(self, *, page_size: int = PAGE_SIZE, **filters: Unpack[Filters]) -> Iterator[Submission]:
        """Give the submissions that fit, newest first; a page of ``page_size`` is asked for when it is reached."""
        cursor: str | None = None
        while True:
            query = {**filter_parameters(**filters), "limit": str(page_size), **({"cursor": cursor} if cursor else {})}
            body = json_body(self._transport.request("GET", SUBMISSIONS, params=query))
            yield from map(Submission.of, list_items(body))
            next_cursor = body.get("next")
            if not next_cursor:
                return
            if next_cursor == cursor:
                raise UnexpectedAnswer("The server's list leads back to the page that it came from.")
            cursor = str(next_cursor)

    def cancel(self, submission_id: str) -> Submission:
        """Cancel what has not ended. Raises Conflict when it has, unless it was canceled already."""
        return Submission.of(json_body(self._transport.request("POST", submission_path(submission_id, "cancel"))))

    def retry(self, submission_id: str) -> Submission:
        """Put what failed or was canceled to work again, from the last step that succeeded. Raises Conflict."""
        return Submission.of(json_body(self._request_not_idempotent("POST", submission_path(submission_id, "retry"))))

    def delete(self, submission_id: str) -> None:
        """Delete a submission with its images. Raises Conflict when its state forbids it, and Gone the second time."""
        self._request_not_idempotent("DELETE", submission_path(submission_id))

    def record(self, submission_id: str) -> Record:
        """Return what ran, what was skipped and why."""
        return Record.of(json_body(self._transport.request("GET", submission_path(submission_id, "record"))))

    def artifacts(self, submission_id: str) -> builtins.list[Artifact]:
        """Return which pictures can be had: what the steps made, and what the server draws of it when it is asked."""
        body = json_body(self._transport.request("GET", submission_path(submission_id, "artifacts")))
        return [Artifact.of(each) for each in list_items(body)]

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
        **filters: Unpack[Filters],
    ) -> int:
        """Write the submissions that fit into a file, as they come, and return the bytes written.

        A path gets its file only once all has come: half an export is never taken for a whole one.
        """
        query = {"format": format, **filter_parameters(**filters)}
        with self._transport.stream(
            "GET", "/api/v2/export", params=query, read_seconds=EXPORT_READ_TIMEOUT_SECONDS
        ) as response:
            return save(response.iter_bytes(), to)

    def webhook(self, submission_id: str) -> Webhook:
        """Return who is told of its end, and every attempt at it; its ``url`` is None where nobody is."""
        return Webhook.of(json_body(self._transport.request("GET", submission_path(submission_id, "webhook"))))

    def replay(self, submission_id: str, delivery_id: str) -> Webhook:
        """Have a webhook sent again: ``id`` of what ``webhook`` returns."""
        path = submission_path(submission_id, "webhooks", delivery_id, "replay")
        return Webhook.of(json_body(self._request_not_idempotent("POST", path)))

    def _request_not_idempotent(self, method: str, path: str) -> httpx.Response:
        # A second DELETE or retry would be refused because of the first: sent again only if surely not carried out.
        return self._transport.request(method, path, idempotent=False)
