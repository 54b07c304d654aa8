"""One error shape, at every address and for every method."""

from __future__ import annotations

import gc
import io
import re
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contracts import errors
from contracts.errors import ShowcaseError, problem_of
from contracts.workflows.catalogue import Catalogue
from gateway.api.requests.body_limits import FORM_BYTES
from gateway.api.resources.addresses import PREFIX
from gateway.app import SECURITY_HEADERS
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import LIMITS, make_app

FOR_CLIENTS = {errors.QueueFull, errors.StorageFull, errors.OutOfResources, errors.Busy, errors.TooManyWatchers}

CUT = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\ncut'
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
ADDRESSES = {"/", "/api/v1/submit_image", "/api/v1/fetch_result/x", "/health/live", "/health/ready"}


def addresses(app: Flask) -> set[str]:
    return {re.sub(r"<[^>]+>", "x", rule.rule) for rule in app.url_map.iter_rules()}


def is_failure(response: TestResponse) -> bool:
    body = response.json
    assert isinstance(body, dict)
    if response.request.path.startswith(PREFIX):
        assert response.mimetype == "application/problem+json"
        assert body.keys() == {"type", "title", "status", "detail", "instance", "code"}
        assert body["type"] == f"/problems/{body['code']}"
        assert body["status"] == response.status_code
        assert body["instance"].startswith(response.request.path)
        assert body["detail"].endswith(".")
        assert "Traceback" not in response.text
        return True
    assert response.mimetype == "application/json"
    assert body.keys() == {"status", "message"}
    assert body["message"].endswith(".")
    assert "Traceback" not in response.text
    return bool(body["status"] == "Failure")


@pytest.fixture
def broken(job_publisher: FakeJobPublisher, catalogue: Catalogue) -> Flask:
    class Broken(MemoryStore):
        def _answer(self) -> None:
            raise RuntimeError("a secret in a traceback")

    return make_app(Broken(), job_publisher, catalogue)


def test_the_addresses_are_these(app: Flask) -> None:
    assert addresses(app) >= ADDRESSES


@pytest.mark.parametrize("method", METHODS)
def test_every_address_answers_every_method_in_one_shape(app: Flask, method: str) -> None:
    client = app.test_client()
    for address in addresses(app) | {"/nothing", "/api/v1", "/api/v1/fetch_result", "/health", "/static/x"}:
        for path in (address, address.rstrip("/") + "/"):
            response = client.open(path, method=method)
            assert response.status_code < 500
            if response.status_code >= 400 and method != "HEAD":
                assert is_failure(response), path
            if response.status_code == 405:
                assert response.headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/submit_image/x", "/api/v3", "/..%2f..%2fetc/passwd", "/%ff"])
def test_what_is_not_there_is_404(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert is_failure(response)


def test_a_method_that_is_not_taken_is_405_with_those_that_are(client: FlaskClient) -> None:
    response = client.get("/api/v1/submit_image")
    assert response.status_code == 405
    assert response.get_json()["message"] == "This address does not take this method."
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # werkzeug leaves a cut form's to its end
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: nonsense\r\n\r\na\r\n--x--", "multipart/form-data; boundary=x"),
        (CUT, "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=" + "x" * 500),
        (b'{"image": "x"}', "application/json"),
        (b"image=x&workflow_name=digits", "application/x-www-form-urlencoded"),
        (b"\x89PNG", "image/png"),
        (b"x", ""),
    ],
)
def test_a_body_that_is_no_form_is_refused_for_want_of_an_image(
    client: FlaskClient, body: bytes, content_type: str
) -> None:
    response = client.post("/api/v1/submit_image", data=body, content_type=content_type)
    assert response.status_code == 400
    assert is_failure(response)
    assert response.get_json()["message"] == "Image was not submitted."
    gc.collect()  # here, where the warning is expected


@pytest.mark.parametrize(
    "form",
    [
        {"image": (io.BytesIO(b"x" * (LIMITS.bytes + FORM_BYTES)), "x.png")},
        {"workflow_name": "x" * (LIMITS.bytes + FORM_BYTES)},
        {f"field{number}": "x" for number in range(21)},
    ],
    ids=["image", "field", "fields"],
)
def test_a_request_that_is_too_large_is_413(app: Flask, form: dict[str, Any]) -> None:
    response = app.test_client().post("/api/v1/submit_image", data=form, content_type="multipart/form-data")
    assert response.status_code == 413
    assert is_failure(response)


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 406, 408, 409, 413, 414, 415, 416, 422, 429, 500, 501, 503]
)
def test_every_status_has_the_shape(app: Flask, status: int) -> None:
    app.add_url_rule("/stop", "stop", lambda: abort(status))
    response = app.test_client().get("/stop")
    assert response.status_code == status
    assert is_failure(response)
    assert ("Retry-After" in response.headers) == (status == HTTPStatus.SERVICE_UNAVAILABLE)


def test_an_internal_error_is_500_without_its_traceback(broken: Flask) -> None:
    response = broken.test_client().get("/api/v1/fetch_result/7d2f4b7e-0000-4000-8000-000000000000")
    assert response.status_code == 500
    assert is_failure(response)
    assert "secret" not in response.text


def kinds(root: type[ShowcaseError] = ShowcaseError) -> list[type[ShowcaseError]]:
    return [root, *(kind for sub in root.__subclasses__() for kind in kinds(sub))]


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.__module__ == errors.__name__])
def test_every_error_of_ours_has_a_status(app: Flask, kind: type[ShowcaseError]) -> None:
    def stop() -> str:
        raise kind("A sentence of ours.")

    app.add_url_rule("/stop", "stop", stop)
    response = app.test_client().get("/stop")
    assert response.status_code == kind.status
    assert is_failure(response)
    # What went wrong inside is for the log; what the client can change is for the client.
    for_the_client = response.status_code < 500 or kind in FOR_CLIENTS
    assert ("A sentence of ours." in response.text) == for_the_client
    assert (kind.public is None) == for_the_client


def test_an_error_without_a_page_of_its_own_is_a_problem_of_the_nearest_kind(app: Flask) -> None:
    class Odd(errors.UploadTooLarge):
        code = "odd"

    class Unexpected(ShowcaseError):
        code = "unexpected"

    assert problem_of(Odd) is errors.UploadTooLarge
    assert problem_of(Unexpected) is ShowcaseError


@pytest.mark.parametrize("path", ["/", "/nothing", "/health/ready", "/api/v1/submit_image"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe-eval" not in response.headers["Content-Security-Policy"]
