"""Which of the conditions of a request for a range counts."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from gateway.api.problems import LONGEST_SENTENCE, shortened
from gateway.api.requests.ranges import part_wanted

RANGE = {"Range": "bytes=0-4"}


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, False),
        (RANGE, True),
        ({"Range": "bytes=0-1,3-4"}, False),
        ({"Range": "items=0-4"}, False),
        (RANGE | {"If-None-Match": '"a"'}, False),
        (RANGE | {"If-None-Match": 'W/"a"'}, False),
        (RANGE | {"If-None-Match": "*"}, False),
        (RANGE | {"If-None-Match": '"b"'}, True),
        (RANGE | {"If-Range": '"a"'}, True),
        (RANGE | {"If-Range": 'W/"a"'}, False),
        (RANGE | {"If-Range": "a"}, False),
        (RANGE | {"If-Range": "Fri, 27 Nov 2026 12:00:00 GMT"}, False),
        (RANGE | {"If-Match": '"a"'}, True),
        (RANGE | {"If-Match": '"b"'}, False),
    ],
)
def test_a_part_is_wanted(headers: dict[str, str], wanted: bool) -> None:
    assert part_wanted(Headers(headers), "a") is wanted


def test_what_came_in_is_repeated_to_200_characters() -> None:
    assert "k" * 200 not in shortened(f"There is no {'k' * 5000} here.")
    assert len(shortened("k k " * 5000)) <= LONGEST_SENTENCE
    assert shortened("A sentence.") == "A sentence."
