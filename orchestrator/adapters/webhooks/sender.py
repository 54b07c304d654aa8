"""POSTs one webhook to its receiver and returns the outcome."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpcore

from contracts.errors import InvalidWebhook
from contracts.webhooks.targets import Allowed, check_url
from orchestrator.adapters.webhooks.connection import Deadline, DeadlineStream, Resolve, checked_addresses, resolve
from orchestrator.webhooks.ports import Answer

CONNECT_SECONDS = 5.0
DELIVERY_SECONDS = 20.0
"""From the first packet to the last byte that is read."""

ANSWER_BYTES = 16 * 1024
"""At most this much of an answer's body is read, for servers that fail when a client hangs up early. It is thrown away:
a client must not learn what a server in the operator's network answers."""


class HttpSender:
    """Thread-safe. Nothing is kept between two deliveries: no connection, no cookie.

    ``tls``: what https receivers are checked with; by default the certificate authorities of the machine and of
    certifi.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        tls: ssl.SSLContext | None = None,
        resolve_name: Resolve = resolve,
        connect_seconds: float = CONNECT_SECONDS,
        delivery_seconds: float = DELIVERY_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._tls = tls or httpcore.default_ssl_context()
        self._resolve_name = resolve_name
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
        except OSError as error:
            return Answer(error=f"The receiver could not be reached: {error.strerror or type(error).__name__}.")
        except httpcore.RemoteProtocolError:
            return Answer(error="The receiver could not be reached: what answers there is not HTTP.")

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target = check_url(url, self._allowed)
        deadline = Deadline(self._delivery_seconds)
        addresses = checked_addresses(target, self._allowed, self._resolve_name)
        endpoint = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        sent = {"Host": target.authority, "User-Agent": "ml-showcase", "Connection": "close", **headers}
        stream = DeadlineStream.connect(addresses, target.port, deadline, self._connect_seconds)
        if target.scheme == "https":
            # Not left to httpcore.HTTPConnection: for each connection it would write to the TLS context, which all
            # threads share and OpenSSL does not lock.
            stream = stream.start_tls(self._tls, target.host)
        with (
            httpcore.HTTP11Connection(endpoint.origin, stream) as connection,
            connection.stream("POST", endpoint, headers=list(sent.items()), content=body) as response,
        ):
            _read_some(response)
            answered = {name.lower(): value for name, value in response.headers}
            return Answer(response.status, _complaint(response.status), _seconds(answered.get(b"retry-after")))


def _read_some(response: httpcore.Response) -> None:
    """Read the beginning of the body. A failure changes nothing: the status is known."""
    left = ANSWER_BYTES
    try:
        for part in response.iter_stream():
            left -= len(part)
            if left <= 0:
                return
    except (OSError, httpcore.RemoteProtocolError):
        return


def _complaint(status: int) -> str | None:
    if 200 <= status <= 299:
        return None
    if 300 <= status <= 399:
        return f"The receiver answered {status}, a redirect, which is not followed; name the address that it leads to."
    return f"The receiver answered {status}."


def _seconds(retry_after: bytes | None) -> float | None:
    """Read a Retry-After in seconds; its other form, a date, is left to the schedule."""
    return float(retry_after) if retry_after is not None and retry_after.isdigit() and len(retry_after) < 10 else None
