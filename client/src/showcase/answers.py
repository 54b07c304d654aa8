"""Convert an HTTP response into a value or into one of this client's errors. Pure."""

from __future__ import annotations

from typing import Any

import httpx

from showcase.errors import Refused, UnexpectedAnswer, error_for_status
from showcase.retries import parse_retry_after

EXCERPT_CHARACTERS = 200


def error_from_response(response: httpx.Response) -> Refused:
    """Return the error for a response with status 400 or above, whose body has been read."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": _describe_response(response)}
    elif not problem.get("detail") and isinstance(problem.get("message"), str):
        problem = {**problem, "detail": problem["message"]}
    return error_for_status(response.status_code, problem, parse_retry_after(response.headers))


def json_body(response: httpx.Response) -> Any:
    """Return the response's JSON. Raises UnexpectedAnswer when the body is not JSON."""
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer(
            f"{response.request.url} answered {response.status_code} without JSON. Check that ML Showcase listens "
            "at this address: showcase doctor"
        ) from error


def json_object(body: Any) -> dict[str, Any]:
    """Return the body as a JSON object. Raises UnexpectedAnswer when it is something else."""
    if not isinstance(body, dict):
        raise UnexpectedAnswer("The server answered JSON that is not an object. Compare the versions: showcase doctor")
    return body


def list_items(body: Any) -> list[Any]:
    """Return the ``items`` of a page. Raises UnexpectedAnswer when it has none."""
    items = json_object(body).get("items")
    if not isinstance(items, list):
        raise UnexpectedAnswer("The server answered a list without items. Compare the versions: showcase doctor")
    return items


def connection_error_message(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> str:
    """Return the sentence for a request that got no response."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"Nothing answers at {url} ({str(error) or type(error).__name__}). For help: showcase doctor"
    if isinstance(error, httpx.TimeoutException):
        return f"{url} did not answer in time."
    return f"The connection to {url} broke ({str(error) or type(error).__name__})."


def _describe_response(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    start = f"{response.request.url} answered {response.status_code} {response.reason_phrase}".strip()
    if "html" in response.headers.get("content-type", "") or not text:
        return f"{start}."
    return f"{start}: {text[:EXCERPT_CHARACTERS]}"
