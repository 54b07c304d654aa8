"""The WSGI server: waitress reads requests on one thread, so that slow clients hold no worker."""

from __future__ import annotations

from typing import Any

from flask import Flask
from waitress.server import create_server

from gateway.connections import SteppingChannel

REFUSE_BYTES = 64 * 1024 * 1024
"""A body beyond this is refused while it arrives. Below it, it is read to its end (on disk), so that the client, which
may look for an answer only after it has sent everything, gets the application's sentence."""

RECEIVE_BYTES = 256 * 1024
"""Read from a socket at once: a usual image in one or two turns of the loop, not in fifteen."""


def make_server(app: Flask, *, host: str, port: int, threads: int, connections: int, idle_seconds: int) -> Any:
    """Return a bound waitress server; its run() serves until SystemExit. Raises OSError when the port is taken."""
    server = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        connection_limit=connections,
        channel_timeout=idle_seconds,
        max_request_body_size=REFUSE_BYTES,
        recv_bytes=RECEIVE_BYTES,
        ident="ml-showcase",
        asyncore_use_poll=True,
    )
    server.channel_class = SteppingChannel
    return server
