"""How long a request's body may be, by its route: what the route reads, and a little where it reads none. Pure."""

from __future__ import annotations

from contracts.workflows.workflow_file import MAX_FILE_BYTES

READERS = frozenset({"v1.submit_image", "v2_submissions.submit"})
"""The endpoints that read an image with a few fields."""

FORM_BYTES = 64 * 1024
"""How much a form may hold besides the image: part headers and text fields."""

JSON_FIELD_BYTES = 256 * 1024
"""How much JSON may hold besides the image: 16 texts of 512 characters, each character as two escapes, and the rest."""

WORKFLOW_READERS = frozenset({"v2_publishing.validate", "v2_publishing.publish"})
"""The endpoints that read a workflow's text."""

UNREAD_BYTES = 16 * 1024
"""What a client may send to a route that reads no body, or a few fields: libraries send ``{}`` or an empty form."""

LINE_CHARACTERS = 64
LINE_END_BYTES = 4
"""Base64 in lines of 64 characters (RFC 7468), each with the JSON escapes of CR and LF."""


def body_limit(endpoint: str | None, media_type: str, upload_bytes: int) -> int:
    """Return the most bytes of a body for ``endpoint``, where an image may have ``upload_bytes``."""
    if endpoint in WORKFLOW_READERS:
        return 2 * MAX_FILE_BYTES  # a text that is a little too long is told its limit in its own words
    if endpoint not in READERS:
        return UNREAD_BYTES
    if media_type != "application/json":
        return upload_bytes + FORM_BYTES
    characters = -(-upload_bytes // 3) * 4
    return characters + -(-characters // LINE_CHARACTERS) * LINE_END_BYTES + JSON_FIELD_BYTES


def too_large(endpoint: str | None, upload_bytes: int) -> str:
    """Return the sentence for a longer body."""
    if endpoint in WORKFLOW_READERS:
        return f"The request is larger than what is accepted: a workflow of {MAX_FILE_BYTES // 1024} KiB."
    if endpoint not in READERS:
        return f"This call reads no body of more than {UNREAD_BYTES // 1024} KiB. Send a smaller one, or none."
    sentence = (
        f"The request is larger than what is accepted: an image of {upload_bytes / 2**20:.1f} MiB and a few short"
    )
    return f"{sentence} fields. Send a smaller one."
