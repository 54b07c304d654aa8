"""The WSGI server: waitress reads requests on one thread, so that slow clients hold no worker."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from gateway.connections import SteppingChannel
from gateway.descriptors import Door, connections_within, descriptor_limit

log = structlog.get_logger()

REFUSE_BYTES = 64 * 1024 * 1024
"""A body beyond this is refused while it arrives. Below it, it is read to its end (on disk), so that the client, which
may look for an answer only after it has sent everything, gets the application's sentence."""

RECEIVE_BYTES = 256 * 1024
"""Read from a socket at once: a usual image in one or two turns of the loop, not in fifteen."""


def make_server(app: Flask, *, host: str, port: int, threads: int, connections: int, idle_seconds: int) -> Any:
    """Return a bound waitress server; its run() serves until SystemExit. Raises OSError when the port is taken."""
    held: dict[int, Any] = {}
    server = create_server(
        app,
        map=held,
        host=host,
        port=port,
        threads=threads,
        connection_limit=_affordable(connections),
        channel_timeout=idle_seconds,
        max_request_body_size=REFUSE_BYTES,
        recv_bytes=RECEIVE_BYTES,
        ident="ml-showcase",
        asyncore_use_poll=True,
    )
    for listener in [each for each in held.values() if isinstance(each, BaseWSGIServer)]:
        listener.channel_class = SteppingChannel
        Door(listener)
    return server


def _affordable(connections: int) -> int:
    descriptors = descriptor_limit()
    affordable = connections_within(connections, descriptors)
    if affordable < connections:
        log.warning("fewer connections than asked for", connections=affordable, file_descriptors=descriptors)
    return affordable
