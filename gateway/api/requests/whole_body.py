"""Waits for a whole body outside memory: a thousand slow clients would fill it otherwise."""

from __future__ import annotations

import tempfile
from typing import IO

IN_MEMORY_BYTES = 512 * 1024
READ_BYTES = 64 * 1024


def whole_body(stream: IO[bytes]) -> IO[bytes]:
    """Return what ``stream`` holds, at its beginning; close it. Raises as reading the stream does, and OSError."""
    kept = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # the caller closes it
    try:
        while part := stream.read(READ_BYTES):
            kept.write(part)
        kept.seek(0)
    except BaseException:
        kept.close()
        raise
    return kept
