"""One HTTP request to a stranger's server: to an address that was checked, and never for longer than said.

The library that speaks HTTP for the model servers keeps pools, follows proxies and redirects, and resolves names where
nobody can look. Here a name is resolved once, its address judged, and that address called; the name stays what TLS and
the Host header say.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from contracts.errors import InvalidWebhook
from contracts.webhooks.targets import Address, Allowed, Target, refusal

Resolve = Callable[[str, int], list[str]]

ADDRESSES_TRIED = 3
"""A name may have many addresses; so many are called, one after the other."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a host name leads to. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def checked_addresses(target: Target, allowed: Allowed, look_up: Resolve) -> list[Address]:
    """Return the addresses behind the target that may be called. Raises InvalidWebhook when there is none, OSError."""
    literal = target.literal
    found = (
        [literal] if literal is not None else [ipaddress.ip_address(each) for each in look_up(target.host, target.port)]
    )
    if target.host in allowed.names:
        return found
    kinds = {address: refusal(address, allowed) for address in found}
    permitted = [address for address, kind in kinds.items() if kind is None]
    if not permitted:
        # Not the address itself: who may read this need not know the operator's network.
        kind = next(iter(kinds.values()), None) or "no"
        raise InvalidWebhook(f"{target.host} leads to {kind} address; a webhook goes to a public one.")
    return permitted


class Deadline:
    """The end of one delivery, by a clock that never jumps."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """Return the seconds left. Raises TimeoutError when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError("the receiver took too long")
        return min(left, at_most)


class PinnedConnection(http.client.HTTPConnection):
    """Connects to the first of the addresses that answers. Every wait ends at the deadline."""

    def __init__(
        self,
        target: Target,
        addresses: list[Address],
        tls: ssl.SSLContext | None,
        deadline: Deadline,
        connect_seconds: float,
    ) -> None:
        super().__init__(target.host, target.port)
        self._addresses = addresses
        self._tls = tls
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._plain: socket.socket | None = None

    def connect(self) -> None:
        self._plain = self._call()
        if self._tls is not None:
            self._plain.settimeout(self._deadline.left())
            self._plain = self._tls.wrap_socket(self._plain, server_hostname=self.host)
        self.sock = _TimedSocket(self._plain, self._deadline)

    def hang_up(self) -> None:
        """Close it for good; what is still to be read is not."""
        self.close()
        if self._plain is not None:
            self._plain.close()

    def _call(self) -> socket.socket:
        failure: OSError = ConnectionError("no address")
        for address in self._addresses[:ADDRESSES_TRIED]:
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            called = socket.socket(family, socket.SOCK_STREAM)
            try:
                called.settimeout(self._deadline.left(self._connect_seconds))
                called.connect((str(address), self.port))
            except OSError as error:
                called.close()
                failure = error
            else:
                called.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return called
        raise failure


class _TimedSocket:
    """What http.client needs of a socket, each call no longer than what is left: a server that sends a byte now and
    then would otherwise hold a thread for ever."""

    def __init__(self, plain: socket.socket, deadline: Deadline) -> None:
        self._plain = plain
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._plain.settimeout(self._deadline.left())
        self._plain.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Received(self._plain, self._deadline))

    def close(self) -> None:
        """Nothing yet: the answer is still read after http.client has let go of the connection."""


class _Received(io.RawIOBase):
    def __init__(self, plain: socket.socket, deadline: Deadline) -> None:
        self._plain = plain
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._plain.settimeout(self._deadline.left())
        return self._plain.recv_into(buffer)
