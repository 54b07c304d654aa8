"""HTTP requests, with retries where they are safe. No error of httpx leaves this module."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from showcase.answers import connection_error_message, error_from_response
from showcase.errors import UnexpectedAnswer, Unreachable
from showcase.retries import RetryPolicy, may_retry_status, parse_retry_after, pause_before_retry

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MAX_PROBLEM_BYTES = 1_048_576


class Transport:
    """The address of a server and the connections to it. Safe to share between threads, like httpx.Client."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        retry_policy: RetryPolicy | None = None,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_policy = retry_policy or RetryPolicy()
        self.sleep = sleep
        self.jitter = jitter
        try:
            self._http = httpx.Client(
                base_url=self.url, headers=dict(headers), timeout=TIMEOUT, transport=http, follow_redirects=False
            )
        except httpx.InvalidURL as error:
            raise Unreachable(f"{url} is not an address: {error}. Give one like http://127.0.0.1:8100.") from error
        if self._http.base_url.scheme not in {"http", "https"} or not self._http.base_url.host:
            raise Unreachable(f"{url} is not an address of a server. Give one like http://127.0.0.1:8100.")

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool = True,
        retry: bool = True,
        wait_seconds: float = 0.0,
        **parts: Any,
    ) -> httpx.Response:
        """Return the response with its body.

        ``idempotent``: the request may be processed twice without harm (a GET, or one with an idempotency key). Any
        other request is sent again only when the server certainly has not processed it. ``wait_seconds`` extends the
        read timeout. Raises Unreachable, UnexpectedAnswer and the subclasses of Refused.
        """
        request = self._build(method, path, (TIMEOUT.read or 0.0) + wait_seconds, parts)
        return self._send(request, whole=True, idempotent=idempotent, retry=retry)

    @contextmanager
    def stream(
        self, method: str, path: str, *, read_seconds: float, retry: bool = True, **parts: Any
    ) -> Iterator[httpx.Response]:
        """Send an idempotent request and yield the response before its body is read; see ``request``.

        ``read_seconds`` is the longest pause within the body. Raises Unreachable also when the body breaks off.
        """
        request = self._build(method, path, read_seconds, parts)
        response = self._send(request, whole=False, idempotent=True, retry=retry)
        try:
            yield response
        except httpx.HTTPError as error:
            raise Unreachable(connection_error_message(error, self.url)) from error
        finally:
            response.close()

    def _build(self, method: str, path: str, read_seconds: float, parts: dict[str, Any]) -> httpx.Request:
        timeout = httpx.Timeout(TIMEOUT.write, connect=TIMEOUT.connect, read=read_seconds)
        return self._http.build_request(method, path, timeout=timeout, **parts)

    def _send(self, request: httpx.Request, *, whole: bool, idempotent: bool, retry: bool) -> httpx.Response:
        waited = 0.0
        tries = 0
        while True:
            tries += 1
            requested = None
            try:
                response = self._http.send(request, stream=True)
                if whole and response.is_success:
                    response.read()
            except httpx.HTTPError as error:
                never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                retryable = isinstance(error, httpx.TransportError) and (idempotent or never_sent)
                failure: Exception = Unreachable(connection_error_message(error, self.url))
                failure.__cause__ = error
            else:
                if response.is_success:
                    return response
                failure = self._error_from(response)
                retryable = may_retry_status(response.status_code, idempotent=idempotent)
                requested = parse_retry_after(response.headers)
            seconds = (
                pause_before_retry(self.retry_policy, tries, waited, requested, self.jitter())
                if retryable and retry
                else None
            )
            if seconds is None:
                raise failure
            self.sleep(seconds)
            waited += seconds

    def _error_from(self, response: httpx.Response) -> Exception:
        try:
            if response.status_code < 400:
                return UnexpectedAnswer(
                    f"{self.url} answers {response.status_code} and redirects to "
                    f"{response.headers.get('location', 'nowhere')}. Give that address instead."
                )
            content = b""
            for part in response.iter_bytes():
                content += part
                if len(content) > MAX_PROBLEM_BYTES:
                    break
            whole = httpx.Response(
                response.status_code,
                headers={k: v for k, v in response.headers.items() if k in {"content-type", "retry-after"}},
                content=content,
                request=response.request,
            )
            return error_from_response(whole)
        except httpx.HTTPError as error:
            return Unreachable(connection_error_message(error, self.url))
        finally:
            response.close()
