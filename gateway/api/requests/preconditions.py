"""Whether a request's conditions hold for the resource as it is, in the order of RFC 9110 (13.2.2). Pure.

No resource here has a Last-Modified, so conditions on dates are ignored (13.1.3, 13.1.4). ``If-Range`` is in ranges.py.
"""

from __future__ import annotations

from enum import Enum, auto

from werkzeug.datastructures import Headers
from werkzeug.http import parse_etags


class Outcome(Enum):
    """What the conditions ask for."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    FAILED = auto()


def evaluate(headers: Headers, etag: str, method: str = "GET") -> Outcome:
    """Evaluate ``If-Match`` and ``If-None-Match`` for an existing resource whose strong tag is ``etag``, unquoted.

    ``*`` matches every existing resource.
    """
    wanted, known = parse_etags(headers.get("If-Match")), parse_etags(headers.get("If-None-Match"))
    if wanted and not (wanted.star_tag or wanted.is_strong(etag)):
        return Outcome.FAILED
    if known and (known.star_tag or known.contains_weak(etag)):
        return Outcome.NOT_MODIFIED if method in {"GET", "HEAD"} else Outcome.FAILED
    return Outcome.PROCEED
