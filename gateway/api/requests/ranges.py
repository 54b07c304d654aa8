"""Whether a request for a range gets a part, by the order in which RFC 9110 (13.2.2) weighs the preconditions. Pure."""

from __future__ import annotations

from werkzeug.datastructures import Headers
from werkzeug.http import parse_range_header

from gateway.api.requests.preconditions import Outcome, evaluate


def part_wanted(headers: Headers, etag: str) -> bool:
    """Whether to answer a part (206 or 416) of the resource whose strong tag is ``etag``, without its quotes.

    Several ranges at once, or a unit of somebody's own: the whole is a right answer to both. A failed ``If-Match`` and
    a matching ``If-None-Match`` come before the range. ``If-Range`` holds for this very strong tag alone (13.1.5): not
    for a weak one, and for no date, because the resource has no ``Last-Modified``.
    """
    asked = parse_range_header(headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    if evaluate(headers, etag) is not Outcome.PROCEED:
        return False
    condition = headers.get("If-Range")
    return condition is None or condition.strip() == f'"{etag}"'
