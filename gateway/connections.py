"""Connections of waitress that wait without a thread: a parked request, and a body that goes on without end.

waitress runs a request on a thread until its body is written. Here a request may step aside: its view raises Parked,
and a thread takes it up again from the start when it is woken; or its body raises Detached, and is written to from
whatever thread has news. Both use what waitress's channels offer to its own threads (3.0: ``write_soon``,
``add_task``), so that reading, writing and timeouts stay in its loop.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, WSGITask

from gateway.events.subscriptions import PARKING, RESUMED, Detached, Endless, Parked

SLOW_READER_BYTES = 256 * 1024
"""What may wait to be sent on an endless body; a client that reads so slowly is cut off, and may resume."""


LEAST_BYTES = 64 * 1024
"""What a reader of a long body has to take in the time after which a silent connection is closed."""


class JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """What waitress refuses by itself (a body without end, a broken header), in the API's error shape."""

    def execute(self) -> None:
        error = self.request.error
        body = json.dumps({"status": "Failure", "message": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class SteppingTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Tells the view that it may step aside, and what it left behind when it did."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[PARKING] = True
        environ[RESUMED] = getattr(self.request, "left", None)
        return environ

    def service(self) -> None:
        try:
            super().service()
        except Detached as detached:
            self.close_on_finish = False  # the body ends when it ends; its connection with it
            self.channel.detach(detached.body, chunked=self.chunked_response)


class SteppingChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    error_task_class = JsonErrorTask
    task_class = SteppingTask
    body: Endless | None = None
    _chunked = False

    def service(self) -> None:
        try:
            super().service()
        except Parked as parked:
            # The request stays the channel's first one, so that what the client sends after it waits its turn.
            self.requests[0].left = parked.left
            woken = threading.Lock()

            def wake() -> None:
                if woken.acquire(blocking=False):  # once: a second task would answer the next request too early
                    self.server.add_task(self)

            parked.arm(wake)

    def detach(self, body: Endless, *, chunked: bool) -> None:
        self.body, self._chunked = body, chunked
        body.attach(self._write, self._finish)
        self.server.pull_trigger()

    def received(self, data: bytes) -> bool:
        """Whatever a client sends while a body goes on cannot be answered: it is dropped."""
        return True if self.body is not None else bool(super().received(data))

    def handle_close(self) -> None:
        body, self.body = self.body, None
        super().handle_close()
        if body is not None:
            body.close()

    def _flush_some(self, do_close: bool = True) -> bool:
        # Without a request the loop would flush unlocked, for only its own thread writes then; not so here.
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close=do_close))

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress waits here for a slow reader without end, and a thread with it: an export would be theirs for ever.
        high = self.adj.outbuf_high_watermark
        while self.connected and self.total_outbufs_len > high:
            with self.outbuf_lock:
                before = self.total_outbufs_len
                self.server.pull_trigger()
                self.outbuf_lock.wait_for(
                    lambda: not self.connected or self.total_outbufs_len <= high, self.adj.channel_timeout
                )
                stuck = self.total_outbufs_len > high and before - self.total_outbufs_len < LEAST_BYTES
            if stuck:
                self.will_close = True
                self.server.pull_trigger()
                raise ClientDisconnected

    def _write(self, data: bytes) -> bool:
        if self.total_outbufs_len > SLOW_READER_BYTES:
            self.will_close = True
            self.server.pull_trigger()
            return False
        try:
            self.write_soon(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)
        except ClientDisconnected:
            return False
        self.server.pull_trigger()
        return True

    def _finish(self) -> None:
        try:
            if self._chunked:
                self.write_soon(b"0\r\n\r\n")
        except ClientDisconnected:
            return
        self.close_when_flushed = True
        self.server.pull_trigger()
