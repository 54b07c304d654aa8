"""A connection to a webhook's receiver: to an address that was checked, and closed before a deadline.

A name is resolved once, its addresses are checked, and one of these addresses is connected to: a name server cannot
answer with a harmless address first and with one of the operator's network afterwards. TLS and the Host header use the
name. httpcore speaks HTTP over the stream; it resolves no name, reads no proxy settings and keeps no pool here.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Self

import httpcore

from contracts.errors import InvalidWebhook
from contracts.webhooks.targets import Address, Allowed, Target, refusal

Resolve = Callable[[str, int], list[str]]

MAX_ADDRESSES = 3
"""A name may have many addresses; this many are tried, one after the other."""

READ_BYTES = 4096
"""One read takes at most this much, however much httpcore asks for."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def checked_addresses(target: Target, allowed: Allowed, resolve_name: Resolve) -> list[Address]:
    """Return the target's addresses that a webhook may be sent to. Raises InvalidWebhook if there is none, OSError."""
    if target.literal is not None:
        found = [target.literal]
    else:
        found = [ipaddress.ip_address(each) for each in resolve_name(target.host, target.port)]
    if target.host in allowed.names:
        return found
    kinds = {address: refusal(address, allowed) for address in found}
    permitted = [address for address, kind in kinds.items() if kind is None]
    if not permitted:
        # The sentence names the kind of address and not the address: the client reads it, and need not learn how the
        # operator's network is built.
        kind = next(iter(kinds.values()), None) or "no"
        raise InvalidWebhook(f"{target.host} leads to {kind} address; a webhook goes to a public one.")
    return permitted


class Deadline:
    """The end of one delivery, on a monotonic clock."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds left, or ``at_most`` if that is less. Raises TimeoutError when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError("the receiver took too long")
        return left if at_most is None else min(left, at_most)


class DeadlineStream(httpcore.NetworkStream):
    """A connected socket on which every call ends by the deadline, whatever its own timeout.

    A timeout for each call would not do: a server that sends one byte now and then would hold a thread for ever.
    Every method but ``close`` raises TimeoutError and OSError.
    """

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    @classmethod
    def connect(cls, addresses: list[Address], port: int, deadline: Deadline, connect_seconds: float) -> Self:
        """Connect to the first of the addresses that accepts. ``connect_seconds`` bounds the attempt at each."""
        failure: OSError = ConnectionError("no address")
        for address in addresses[:MAX_ADDRESSES]:
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                connecting.settimeout(deadline.left(connect_seconds))
                connecting.connect((str(address), port))
                connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connecting.close()
                failure = error
            else:
                return cls(connecting, deadline)
        raise failure

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> DeadlineStream:
        """Return the stream over TLS; this one is closed if the handshake fails."""
        try:
            self._socket.settimeout(self._deadline.left(timeout))
            encrypted = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return DeadlineStream(encrypted, self._deadline)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._deadline.left(timeout))
        return self._socket.recv(min(max_bytes, READ_BYTES))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            while buffer:  # not sendall: over TLS, its timeout begins again with every record
                self._socket.settimeout(self._deadline.left(timeout))
                buffer = buffer[self._socket.send(buffer) :]
        except TimeoutError:
            raise
        except OSError as error:
            # After this one httpcore still reads: a server may refuse a request before it has read it whole.
            raise httpcore.WriteError from error

    def close(self) -> None:
        self._socket.close()
