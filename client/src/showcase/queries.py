"""The paths, query strings and headers of requests. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypedDict, Unpack
from urllib.parse import quote

SUBMISSIONS = "/api/v2/submissions"
WORKFLOWS = "/api/v2/workflows"
AUDIT = "/api/v2/audit"
MAX_WAIT_SECONDS = 60
"""The longest wait in seconds that the API accepts for one request (``Prefer: wait``)."""


def submission_path(submission_id: str, *further: str) -> str:
    return "/".join([SUBMISSIONS, *map(path_segment, [submission_id, *further])])


def workflow_path(name: str, *further: str) -> str:
    return "/".join([WORKFLOWS, *map(path_segment, [name, *further])])


def path_segment(text: str) -> str:
    """Return any text as one segment of a path: ``..`` must not lead to the parent folder."""
    return quote(text, safe="").replace(".", "%2E") if not text.strip(".") else quote(text, safe="")


def whole_seconds(wait: float) -> int:
    """Return the wait in whole seconds, within the limit of the API."""
    return max(0, min(MAX_WAIT_SECONDS, math.ceil(wait)))


def prefer_header(seconds: int) -> dict[str, str]:
    return {"Prefer": f"wait={seconds}"} if seconds else {}


class Filters(TypedDict, total=False):
    """Which submissions to select; times are datetimes or RFC 3339 texts."""

    state: str | None
    workflow: str | None
    created_after: datetime | str | None
    created_before: datetime | str | None
    metadata: Mapping[str, str] | None


def filter_parameters(**filters: Unpack[Filters]) -> dict[str, str]:
    """Return the filters as fields of the query string."""
    named = {
        "state": filters.get("state"),
        "workflow": filters.get("workflow"),
        "created_after": rfc3339(filters.get("created_after")),
        "created_before": rfc3339(filters.get("created_before")),
        **{f"metadata.{name}": value for name, value in (filters.get("metadata") or {}).items()},
    }
    return {name: value for name, value in named.items() if value is not None}


def rfc3339(time: datetime | str | None) -> str | None:
    """Return a time as RFC 3339 in UTC. A datetime without a zone is local time; a text stays unchanged."""
    if not isinstance(time, datetime):
        return time
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
