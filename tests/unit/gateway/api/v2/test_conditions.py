"""Conditions over every resource with an ETag, and over what changes one."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from tests.support.factories import png
from tests.support.present import present

FIXED = ("/api/v2/openapi.json", "/api/v2/workflows", "/api/v2/workflows/digits", "/api/v2/models")


@pytest.fixture
def submission(client: FlaskClient) -> str:
    form = {"image": (io.BytesIO(png(8, 8)), "a.png"), "workflow": "digits"}
    return str(present(client.post("/api/v2/submissions", data=form).json)["urls"]["self"])


@pytest.fixture(params=[*FIXED, "self", "input"])
def address(request: pytest.FixtureRequest, submission: str) -> str:
    return {"self": submission, "input": f"{submission}/input"}.get(request.param) or str(request.param)


def test_a_read_honours_each_condition(client: FlaskClient, address: str) -> None:
    etag = client.get(address).headers["ETag"]
    for headers, status in [
        ({"If-Match": "*"}, 200),
        ({"If-Match": etag}, 200),
        ({"If-Match": f"W/{etag}"}, 412),
        ({"If-Match": '"another"'}, 412),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": '"another"'}, 200),
        ({"If-Match": "*", "If-None-Match": etag}, 304),
        ({"If-Match": etag, "If-None-Match": '"another"'}, 200),
    ]:
        answer = client.get(address, headers=headers)
        assert (headers, answer.status_code) == (headers, status)
        if status == 412:
            assert present(answer.json)["code"] == "precondition-failed"
        else:
            assert answer.headers["ETag"] == etag
            assert bool(answer.data) == (status == 200)


def test_a_range_of_whatever_is_there(client: FlaskClient, submission: str) -> None:
    answer = client.get(f"{submission}/input", headers={"If-Match": "*", "Range": "bytes=0-3"})
    assert (answer.status_code, answer.data) == (206, b"\x89PNG")
    answer = client.get(f"{submission}/input", headers={"If-None-Match": "*", "Range": "bytes=0-3"})
    assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize("method", ["cancel", "delete"])
def test_a_change_is_made_only_to_what_the_client_has_seen(client: FlaskClient, submission: str, method: str) -> None:
    def change(headers: dict[str, str]) -> int:
        if method == "delete":
            return client.delete(submission, headers=headers).status_code
        return client.post(f"{submission}/cancel", headers=headers).status_code

    before = client.get(submission)
    for headers in ({"If-Match": '"another"'}, {"If-None-Match": "*"}, {"If-None-Match": before.headers["ETag"]}):
        assert change(headers) == 412
    assert client.get(submission).data == before.data
    assert change({"If-Match": before.headers["ETag"]}) in {200, 204}
