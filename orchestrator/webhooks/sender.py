"""POSTs one webhook to its receiver, and says what became of it."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from contracts.errors import InvalidWebhook
from contracts.webhooks.targets import Allowed, check_url
from orchestrator.webhooks.connection import Deadline, PinnedConnection, Resolve, checked_addresses, resolve
from orchestrator.webhooks.ports import Answer

CONNECT_SECONDS = 5.0
DELIVERY_SECONDS = 20.0
"""From the first packet to the last byte that is read."""

ANSWER_BYTES = 16 * 1024
"""So much of an answer is read, for the sake of a server that would stumble otherwise, and thrown away: what a server
of the operator's network says is nothing for whoever submitted."""


def trusted() -> ssl.SSLContext:
    """Return TLS as a browser does it: the machine's certificate authorities, and those that come with requests."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class HttpSender:
    """Thread-safe. Nothing is kept between two deliveries: no connection, no cookie."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        tls: ssl.SSLContext | None = None,
        look_up: Resolve = resolve,
        connect_seconds: float = CONNECT_SECONDS,
        delivery_seconds: float = DELIVERY_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._tls = tls or trusted()
        self._look_up = look_up
        self._connect_seconds = connect_seconds
        self._delivery_seconds = delivery_seconds

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            return self._post(url, headers, body)
        except InvalidWebhook as error:
            return Answer(error=error.message)
        except ssl.SSLCertVerificationError as error:
            return Answer(error=f"The receiver's certificate is not trusted: {error.verify_message}.")
        except TimeoutError:
            return Answer(error="The receiver did not answer in time.")
        except (OSError, http.client.HTTPException) as error:
            why = (isinstance(error, OSError) and error.strerror) or type(error).__name__
            return Answer(error=f"The receiver could not be reached: {why}.")

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target = check_url(url, self._allowed)
        deadline = Deadline(self._delivery_seconds)
        addresses = checked_addresses(target, self._allowed, self._look_up)
        tls = self._tls if target.scheme == "https" else None
        connection = PinnedConnection(target, addresses, tls, deadline, self._connect_seconds)
        try:
            ours = {"Host": target.authority, "User-Agent": "ml-showcase", "Connection": "close"}
            connection.request("POST", target.path, body, {**ours, **headers})
            answer = connection.getresponse()
            _read_some(answer)
            return Answer(answer.status, _complaint(answer.status), _seconds(answer.headers.get("Retry-After")))
        finally:
            connection.hang_up()


def _read_some(answer: http.client.HTTPResponse) -> None:
    """Read what a well-behaved server says. That the rest fails changes nothing: the status is known."""
    left = ANSWER_BYTES
    try:
        while left > 0 and (part := answer.read(min(left, 4096))):
            left -= len(part)
    except (OSError, http.client.HTTPException):
        return


def _complaint(status: int) -> str | None:
    if 200 <= status <= 299:
        return None
    if 300 <= status <= 399:
        return f"The receiver answered {status}, a redirect, which is not followed; name the address that it leads to."
    return f"The receiver answered {status}."


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After in seconds; its other form, a date, is left to the schedule."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() and len(retry_after) < 10 else None
