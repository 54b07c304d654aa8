"""Reads one request from a connection: strict header lines, and a body of known length or in chunks (RFC 9112).

A body is never read further than the caller asks: the server's own reader keeps a whole chunk in memory, of whatever
size its client announces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from contracts.errors import InvalidRequest

LINE_BYTES = 4096
TRAILER_LINES = 64
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")

NAME = re.compile(rb"[!#\$%&'*+.^_`|~0-9A-Za-z-]+")
SINGLE = frozenset({b"content-length", b"host", b"transfer-encoding"})
"""Headers of which two would be two meanings of one request."""


class Reader(Protocol):
    """A buffered connection. A call that waits too long raises TimeoutError."""

    def read(self, size: int) -> bytes: ...

    def readline(self, size: int = -1) -> bytes: ...


class HeaderLines:
    """The header lines of one request; ``readline`` raises ValueError for a line that programs read differently."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._seen: set[bytes] = set()

    def readline(self) -> bytes:
        line: bytes = self._reader.readline()
        if line in {b"", b"\r\n"}:
            return line
        if line[:1] in {b" ", b"\t"}:
            raise ValueError("A header is folded over two lines. Write it on one.")
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError("A header line has no colon.")
        if not NAME.fullmatch(name):
            raise ValueError("A header's name holds a space, or another character that no name has.")
        name = name.lower()
        if name in SINGLE:
            if name in self._seen:
                raise ValueError(f"The header {name.decode().title()} came twice.")
            self._seen.add(name)
        if name == b"content-length" and not value.strip().isdigit():
            raise ValueError("The header Content-Length is no number.")
        return line


class KnownLength:
    """A body of ``length`` bytes. ``read`` raises ConnectionError when the client leaves before its end."""

    def __init__(self, reader: Reader, length: int) -> None:
        self._reader = reader
        self.left = length

    @property
    def ended(self) -> bool:
        return self.left == 0

    def read(self, size: int) -> bytes:
        if self.ended:
            return b""
        part = self._reader.read(min(size, self.left))
        if not part:
            raise ConnectionResetError("The client left before the end of the body.")
        self.left -= len(part)
        return part


class Chunked:
    """A body in chunks. ``read`` raises InvalidRequest for what is no chunk, and ConnectionError as above."""

    left = None

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._chunk = 0
        self.ended = False

    def read(self, size: int) -> bytes:
        if self._chunk == 0 and not self.ended:
            self._next()
        if self.ended:
            return b""
        part = self._reader.read(min(size, self._chunk))
        if not part:
            raise ConnectionResetError("The client left before the end of the body.")
        self._chunk -= len(part)
        if self._chunk == 0 and self._line():
            raise InvalidRequest(_NO_CHUNKS)
        return part

    def _next(self) -> None:
        size = self._line().partition(b";")[0].strip()
        if not CHUNK_SIZE.fullmatch(size):
            raise InvalidRequest(_NO_CHUNKS)
        self._chunk = int(size, 16)
        if self._chunk == 0:
            for _ in range(TRAILER_LINES):
                if not self._line():
                    self.ended = True
                    return
            raise InvalidRequest(_NO_CHUNKS)

    def _line(self) -> bytes:
        line = self._reader.readline(LINE_BYTES)
        if not line:
            raise ConnectionResetError("The client left before the end of the body.")
        if not line.endswith(b"\r\n"):
            raise InvalidRequest(_NO_CHUNKS)
        return line[:-2]


_NO_CHUNKS = "The body is not in chunks, as Transfer-Encoding says it is. Let your HTTP library write it."


class ArrivingBody:
    """A body, and the interim answer that its client may wait for before it sends it.

    ``proceed`` sends that answer; None where the client does not wait.
    """

    def __init__(self, framed: KnownLength | Chunked, proceed: Callable[[], None] | None = None) -> None:
        self._framed = framed
        self._proceed = proceed

    @property
    def awaited(self) -> bool:
        """Whether the client still waits for permission to send it."""
        return self._proceed is not None and not self.ended

    @property
    def ended(self) -> bool:
        return self._framed.ended

    @property
    def left(self) -> int | None:
        """How many bytes are still to come; None in chunks."""
        return self._framed.left

    def read(self, size: int) -> bytes:
        if self._proceed is not None and not self.ended:
            proceed, self._proceed = self._proceed, None
            proceed()
        return self._framed.read(size)

    def drop(self, size: int) -> bytes:
        """Read on without permission: a client may send its body without waiting for it."""
        return self._framed.read(size)
