"""The client: one method for each API call, and three that combine calls (``wait``, ``events``, ``list``)."""

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
from showcase.registry import Registry
from showcase.resources import Artifact, Event, Record, Submission, Webhook
from showcase.retries import RetryPolicy
from showcase.saving import save
from showcase.watching import RECONNECT_POLICY, follow

PAGE_SIZE = 100
"""Submissions in one page of a list."""
EXPORT_READ_TIMEOUT_SECONDS = 60.0
"""The longest pause within an export before the connection counts as broken."""
MIN_POLL_SECONDS = 0.5
"""The shortest time between two requests to a server that answers at once although the request asks it to wait."""

ExportFormat = Literal["ndjson", "csv"]


class Client(Registry):
    """ML Showcase at ``url`` (default: as ``showcase.address`` says). Safe to share between threads.

    When the connection breaks or the server is overloaded, the client retries each request that is safe to repeat, as
    ``retry_policy`` says. Close the client with ``close()`` or ``with``; otherwise garbage collection closes it.
    Every method raises only the errors of ``showcase.errors``.
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
        """Submit an image (a path, bytes, or a file opened in binary mode) to a workflow.

        ``version`` is vX.Y.Z or an alias; the default is ``stable``. With ``wait`` (seconds), the method returns the
        ended submission, or raises WaitTimedOut when that time is over first. With the idempotency key, the client can
        repeat the request after a broken connection without creating a second submission; the default is a random key.
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
        """Return the submission: at once, or when it has ended or ``wait`` seconds (at most 60) are over."""
        seconds = whole_seconds(wait)
        response = self._transport.request(
            "GET", submission_path(submission_id), headers=prefer_header(seconds), wait_seconds=seconds
        )
        return Submission.of(json_body(response))

    def wait(
        self, submission_id: str, timeout: float | None = None, *, on_event: Callable[[Event], object] | None = None
    ) -> Submission:
        """Return the submission when it has ended. Raises WaitTimedOut after ``timeout`` seconds (None: no limit).

        The method follows the stream of events and calls ``on_event`` with each. When the stream does not work (a proxy
        buffers it, or the server has no free stream), the method falls back to long polling.
        """
        until = None if timeout is None else time.monotonic() + timeout
        # For a short wait one long poll is enough, unless the caller wants every event.
        streaming = on_event is not None or timeout is None or timeout > MAX_WAIT_SECONDS
        submission = self.get(submission_id, wait=0 if streaming or timeout is None else timeout)
        if streaming and (on_event is not None or not submission.final):
            stream_until = until if on_event is not None or until is None else until - MAX_WAIT_SECONDS
            try:
                for event in self._events(submission_id, None, stream_until, RetryPolicy(max_tries=2)):
                    if on_event is not None:
                        on_event(event)
            except (Unreachable, UnexpectedAnswer, NotFound, Unavailable):
                pass  # the next request shows whether the submission still exists
            submission = self.get(submission_id)
        return self._wait_until_final(submission, until, timeout)

    def _wait_until_final(self, submission: Submission, until: float | None, timeout: float | None) -> Submission:
        while not submission.final:
            sent_at = time.monotonic()
            left = MAX_WAIT_SECONDS if until is None else until - sent_at
            if left <= 0:
                raise WaitTimedOut(
                    f"Submission {submission.id} is still {submission.state} after {timeout:g} seconds; it continues.",
                    submission.id,
                    submission.state,
                )
            submission = self.get(submission.id, wait=left)
            if not submission.final and (pause := MIN_POLL_SECONDS - (time.monotonic() - sent_at)) > 0:
                self._transport.sleep(min(pause, left))
        return submission

    def events(self, submission_id: str, *, after: str | None = None) -> Iterator[Event]:
        """Yield the submission's events after the event ``after`` (None: all), past and new, until it has ended.

        After a broken connection, the iterator resumes with the event that follows the last one received.
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
        """Yield the submissions that match, newest first. Fetches a page of ``page_size`` only when it is needed."""
        cursor: str | None = None
        while True:
            query = {**filter_parameters(**filters), "limit": str(page_size), **({"cursor": cursor} if cursor else {})}
            body = json_body(self._transport.request("GET", SUBMISSIONS, params=query))
            yield from map(Submission.of, list_items(body))
            next_cursor = body.get("next")
            if not next_cursor:
                return
            if next_cursor == cursor:
                raise UnexpectedAnswer("The server's list points back to the page that it came from.")
            cursor = str(next_cursor)

    def cancel(self, submission_id: str) -> Submission:
        """Cancel a submission. Raises Conflict when it has succeeded or failed; canceling twice is no error."""
        return Submission.of(json_body(self._transport.request("POST", submission_path(submission_id, "cancel"))))

    def retry(self, submission_id: str) -> Submission:
        """Queue a failed or canceled submission again, from the last step that succeeded. Raises Conflict."""
        return Submission.of(json_body(self._request_not_idempotent("POST", submission_path(submission_id, "retry"))))

    def delete(self, submission_id: str) -> None:
        """Delete a submission and its images. Raises Conflict when its state forbids it, and Gone the second time."""
        self._request_not_idempotent("DELETE", submission_path(submission_id))

    def record(self, submission_id: str) -> Record:
        """Return the record: which steps ran, which were skipped, and why."""
        return Record.of(json_body(self._transport.request("GET", submission_path(submission_id, "record"))))

    def artifacts(self, submission_id: str) -> builtins.list[Artifact]:
        """Return the available pictures: those that steps produced, and those that the server draws on request."""
        body = json_body(self._transport.request("GET", submission_path(submission_id, "artifacts")))
        return [Artifact.of(each) for each in list_items(body)]

    def artifact(self, submission_id: str, name: str) -> bytes:
        """Return an artifact's bytes; ``name`` is, for example, ``mask.png`` or ``overlay.png``."""
        return self._transport.request("GET", submission_path(submission_id, "artifacts", name)).content

    def input(self, submission_id: str) -> bytes:
        """Return the submitted image, unchanged."""
        return self._transport.request("GET", submission_path(submission_id, "input")).content

    def export(
        self,
        to: str | PathLike[str] | BinaryIO,
        format: ExportFormat = "ndjson",  # noqa: A002 - the API's own word
        **filters: Unpack[Filters],
    ) -> int:
        """Write the submissions that match to a file while they arrive; return the number of bytes written.

        With a path, the file appears only when the export is complete, so half an export never replaces a whole one.
        """
        query = {"format": format, **filter_parameters(**filters)}
        with self._transport.stream(
            "GET", "/api/v2/export", params=query, read_seconds=EXPORT_READ_TIMEOUT_SECONDS
        ) as response:
            return save(response.iter_bytes(), to)

    def webhook(self, submission_id: str) -> Webhook:
        """Return the submission's webhook with every delivery attempt; ``url`` is None when it has no webhook."""
        return Webhook.of(json_body(self._transport.request("GET", submission_path(submission_id, "webhook"))))

    def replay(self, submission_id: str, delivery_id: str) -> Webhook:
        """Make the server send a webhook again; ``delivery_id`` is the ``id`` that ``webhook`` returns."""
        path = submission_path(submission_id, "webhooks", delivery_id, "replay")
        return Webhook.of(json_body(self._request_not_idempotent("POST", path)))

    def _request_not_idempotent(self, method: str, path: str) -> httpx.Response:
        # The server refuses a second DELETE or retry, so these are sent again only when the first surely had no effect.
        return self._transport.request(method, path, idempotent=False)
