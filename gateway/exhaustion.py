"""Tells an error that says that the machine has no room left from one that is a mistake. Pure."""

from __future__ import annotations

import errno

from contracts.errors import OutOfResources

_DISK = "The disk on which the gateway keeps what arrives is full"
_FILES = "The gateway has no file descriptor left"
_MEMORY = "The gateway has no memory left for this"
_REASONS = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
}
_LONGEST_CHAIN = 10


def exhausted(error: BaseException) -> OutOfResources | None:
    """Return the error to answer when ``error``, or one that it came from, means that a resource is used up."""
    each: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if each is None:
            return None
        reason = _MEMORY if isinstance(each, MemoryError) else None
        if isinstance(each, OSError):
            reason = _REASONS.get(each.errno or 0)
        if reason is not None:
            return OutOfResources(
                f"{reason}. Nothing was stored. Send the request again in a few seconds; if it happens again, tell "
                "the operator."
            )
        each = each.__cause__ or each.__context__
    return None
