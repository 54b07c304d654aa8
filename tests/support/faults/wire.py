"""What passes between a client and the database, as far as the tripwire reads it.

Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ (OP_MSG).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bson

OP_MSG = 2013
HEADER = struct.Struct("<iiii")
LARGEST_READ = 64 * 1024
"""Bytes of a section: pictures are larger, and not decoded."""


@dataclass(frozen=True)
class Command:
    """One call: ``statements`` are its documents to insert, its updates, or its filter."""

    name: str
    collection: str
    statements: tuple[dict[str, Any], ...]

    def sets(self) -> Iterator[dict[str, Any]]:
        """Yield what each update by pipeline sets."""
        for each in self.statements:
            if self.name == "update" and isinstance(each.get("u"), list):
                yield each["u"][0].get("$set", {})


def changed(answer: bytes) -> bool:
    """Return whether an update found what it was for: late ones, and those of a lost lease, do not."""
    return bool(bson.decode(answer[21:]).get("n"))


def read_message(source: socket.socket) -> bytes | None:
    """Return a whole message; None when there are no more."""
    head = _exactly(source, 4)
    if head is None:
        return None
    rest = _exactly(source, struct.unpack("<i", head)[0] - 4)
    return None if rest is None else head + rest


def _exactly(source: socket.socket, count: int) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        piece = source.recv(min(count - len(received), 1 << 20))
        if not piece:
            return None
        received += piece
    return bytes(received)


def read_command(message: bytes) -> Command | None:
    """Return a call of the kinds that mark a submission's way."""
    position, body, statements = 20, {}, []
    while position < len(message):
        kind = message[position]
        size = struct.unpack_from("<i", message, position + 1)[0]
        section = message[position + 1 : position + 1 + size]
        position += 1 + size
        if kind == 0:
            body = bson.decode(section)
        elif section.find(b"\x00", 4) >= 0 and size < LARGEST_READ:
            start = section.index(b"\x00", 4) + 1
            statements += bson.decode_all(section[start:])
    name = next(iter(body), "")
    if name not in ("insert", "update", "find"):
        return None
    inside = body.get("documents") or body.get("updates") or [body.get("filter", {})]
    return Command(name, str(body[name]), tuple(statements or inside))
