"""Whether a server could listen on an address now."""

from __future__ import annotations

import socket


def listening_fault(host: str, port: int) -> str | None:
    """Return why a server could not listen on ``port`` of ``host``, in the system's words; None when it could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections of an earlier server that the system has not forgotten yet do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None
