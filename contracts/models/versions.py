"""Versions of models: which are well written, and which of two is the newer one. Pure.

A version is one to three numbers. Behind three of them a prerelease may stand, as semantic versioning writes it:
``1.0.0-rc.1``. Source: https://semver.org/spec/v2.0.0.html, items 9 and 11.
"""

from __future__ import annotations

_NUMBER = r"[0-9]{1,9}"
_IDENTIFIER = r"(?:0|[1-9][0-9]{0,8}|[0-9]{0,31}[A-Za-z-][0-9A-Za-z-]{0,31})"
_PRERELEASE = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER}){{0,3}}"

PATTERN = rf"{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-{_PRERELEASE})?)?)?"
"""What a whole version matches; a pattern to be continued, so it says nothing about its end."""

Order = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def version_order(version: str) -> Order:
    """Return a key that sorts versions, the oldest first: a prerelease comes before its release.

    In a prerelease, numbers come before words, and fewer parts before more.
    """
    numbers, _, prerelease = version.partition("-")
    parts = prerelease.split(".") if prerelease else []
    return (
        tuple(map(int, numbers.split("."))),
        not prerelease,
        tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts),
    )
