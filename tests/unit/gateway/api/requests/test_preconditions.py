"""Conditional requests, in the order of RFC 9110."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from gateway.api.requests.preconditions import Outcome, evaluate


@pytest.mark.parametrize(
    ("headers", "read", "changed"),
    [
        ({}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": "*"}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": '"a"'}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": '"b", "a"'}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": '"b"'}, Outcome.FAILED, Outcome.FAILED),
        ({"If-Match": 'W/"a"'}, Outcome.FAILED, Outcome.FAILED),
        ({"If-None-Match": "*"}, Outcome.NOT_MODIFIED, Outcome.FAILED),
        ({"If-None-Match": '"a"'}, Outcome.NOT_MODIFIED, Outcome.FAILED),
        ({"If-None-Match": 'W/"a"'}, Outcome.NOT_MODIFIED, Outcome.FAILED),
        ({"If-None-Match": '"b"'}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": "*", "If-None-Match": '"a"'}, Outcome.NOT_MODIFIED, Outcome.FAILED),
        ({"If-Match": '"a"', "If-None-Match": '"b"'}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Match": '"b"', "If-None-Match": '"a"'}, Outcome.FAILED, Outcome.FAILED),
        ({"If-Modified-Since": "Mon, 30 Nov 2036 00:00:00 GMT"}, Outcome.PROCEED, Outcome.PROCEED),
        ({"If-Unmodified-Since": "Mon, 30 Nov 1996 00:00:00 GMT"}, Outcome.PROCEED, Outcome.PROCEED),
    ],
)
def test_the_outcome(headers: dict[str, str], read: Outcome, changed: Outcome) -> None:
    assert evaluate(Headers(headers), "a") is read
    assert evaluate(Headers(headers), "a", "HEAD") is read
    assert evaluate(Headers(headers), "a", "DELETE") is changed
