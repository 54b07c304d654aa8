"""API v1, word for word: it is frozen, and its clients compare strings."""

from __future__ import annotations

import io
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from contracts.messaging.jobs import Job
from contracts.submissions.documents import SCHEMA, Artifact, Submission, to_document
from contracts.submissions.images import StoredImage
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from tests.support.factories import GATED, NOW, encoded, make_submission, make_workflow, png
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import make_app

IN_PROGRESS = {"status": "In Progress", "message": "Workflow is still extracting information."}
SLASHES = pytest.mark.parametrize("slash", ["", "/"])


def submit(client: FlaskClient, data: bytes | None = None, name: str = "x.png", slash: str = "", **form: Any) -> Any:
    fields: dict[str, Any] = {"workflow_name": "digits", "image": (io.BytesIO(png() if data is None else data), name)}
    fields = {key: value for key, value in (fields | form).items() if value is not None}
    return client.post(f"/api/v1/submit_image{slash}", data=fields, content_type="multipart/form-data")


def fetch(client: FlaskClient, submission_id: str, slash: str = "") -> TestResponse:
    return client.get(f"/api/v1/fetch_result/{submission_id}{slash}")


def keep(store: MemoryStore, submission: Submission) -> str:
    store.documents[submission.id] = to_document(submission)
    return submission.id


def finished(store: MemoryStore, state: SubmissionState = SubmissionState.SUCCEEDED, **changes: Any) -> str:
    times = {"started_at": NOW, "ended_at": NOW + timedelta(seconds=0.1234), "due_at": None}
    return keep(store, make_submission(state=state, **times | changes))


# Submitting.


@SLASHES
@pytest.mark.parametrize(
    ("data", "name", "file_type"),
    [
        (png(), "x.png", "image/png"),
        (png(), "X.PNG", "image/png"),
        (png(), "really-a-png.jpg", "image/png"),
        (encoded(Image.new("RGB", (8, 8)), "JPEG"), "x.jpeg", "image/jpeg"),
    ],
)
def test_an_image_is_accepted(
    client: FlaskClient,
    store: MemoryStore,
    job_publisher: FakeJobPublisher,
    slash: str,
    data: bytes,
    name: str,
    file_type: str,
) -> None:
    response = submit(client, data, name, slash)
    assert response.status_code == 200
    submission_id = response.json["submission_id"]
    assert str(uuid.UUID(submission_id)) == submission_id
    assert response.json == {
        "file_type": file_type,
        "message": "File submitted.",
        "status": "Success",
        "submission_id": submission_id,
    }
    assert job_publisher.published == [(submission_id, 0.0)]
    assert store.images[f"{submission_id}/input"] == StoredImage(file_type, data)


def test_the_submission_is_queued_for_the_stable_version_at_the_stores_time(
    client: FlaskClient, store: MemoryStore
) -> None:
    store.clock.advance(3600)
    submission = store.fetch(submit(client, name="../../a b.png").json["submission_id"])
    assert submission is not None
    assert (submission.state, submission.workflow.version, submission.fence) == ("queued", "v1.0.0", 0)
    assert submission.created_at == store.now() == NOW + timedelta(hours=1)
    assert submission.due_at == store.now() + timedelta(seconds=5)
    assert submission.expires_at is None
    assert submission.input.file_name.endswith("a b.png")
    assert [step.state for step in submission.steps] == ["pending"]


def test_a_submission_with_a_retention_expires_by_the_stores_clock(
    store: MemoryStore, job_publisher: FakeJobPublisher, catalogue: Catalogue
) -> None:
    app = make_app(store, job_publisher, catalogue, timedelta(days=30))
    store.clock.advance(3600)
    submission = store.fetch(submit(app.test_client()).json["submission_id"])
    assert submission is not None
    assert submission.expires_at == store.now() + timedelta(days=30)


@pytest.mark.parametrize("side", [100, 160, 210, 250])
def test_an_image_of_many_read_buffers_arrives_whole(client: FlaskClient, store: MemoryStore, side: int) -> None:
    noise = random.Random(side).randbytes(side * side * 3)
    data = encoded(Image.frombytes("RGB", (side, side), noise), "PNG")
    key = submit(client, data).json["submission_id"]
    assert store.images[f"{key}/input"].data == data


def test_the_same_image_twice_is_two_submissions(client: FlaskClient) -> None:
    assert submit(client).json["submission_id"] != submit(client).json["submission_id"]


def test_blanks_around_the_workflows_name_do_not_matter(client: FlaskClient) -> None:
    assert submit(client, workflow_name=" digits\n").status_code == 200


@SLASHES
@pytest.mark.parametrize(
    ("form", "status", "message"),
    [
        ({"image": None}, 400, "Image was not submitted."),
        ({"image": "a text field"}, 400, "Image was not submitted."),
        ({"image": None, "workflow_name": None}, 400, "Image was not submitted."),
        ({"name": ""}, 400, "Image was not submitted."),
        ({"name": "x.gif"}, 400, "File should have '.png', '.jpg', or '.jpeg' as extension."),
        ({"name": "png"}, 400, "File should have '.png', '.jpg', or '.jpeg' as extension."),
        ({"name": "x", "workflow_name": None}, 400, "File should have '.png', '.jpg', or '.jpeg' as extension."),
        ({"workflow_name": None}, 400, "Request should include 'workflow_name'."),
        ({"workflow_name": ""}, 400, "Request should include 'workflow_name'."),
        ({"workflow_name": "  "}, 400, "Request should include 'workflow_name'."),
        ({"workflow_name": "Digits"}, 404, "Incorrect 'workflow_name' included in the request."),
        ({"workflow_name": "digits/v1.0.0"}, 404, "Incorrect 'workflow_name' included in the request."),
        ({"data": b"", "workflow_name": "nobody"}, 404, "Incorrect 'workflow_name' included in the request."),
        ({"data": b""}, 400, "The image is empty (0 bytes). Send a PNG or JPEG file."),
        ({"data": b"text"}, 400, "The file is not a PNG or JPEG image, whatever its name says. Send one."),
        (
            {"data": png(1001, 1000, "1")},
            400,
            "The image has 1001 x 1000 pixels; 1 million are accepted, and 65535 on a side. Send a smaller one.",
        ),
        (
            {"data": b"x" * 200_001},
            413,
            "The image has 0.2 MiB, more than the 0.2 MiB that are accepted. Send a smaller one.",
        ),
    ],
)
def test_a_refusal_says_what_was_wrong(
    client: FlaskClient,
    store: MemoryStore,
    job_publisher: FakeJobPublisher,
    slash: str,
    form: dict[str, Any],
    status: int,
    message: str,
) -> None:
    response = submit(client, slash=slash, **form)
    assert (response.status_code, response.json) == (status, {"status": "Failure", "message": message})
    assert (store.documents, store.images, job_publisher.published) == ({}, {}, [])


def test_a_truncated_image_is_refused_as_truncated(client: FlaskClient) -> None:
    response = submit(client, png()[:-20])
    assert response.status_code == 400
    assert response.json["status"] == "Failure"
    assert response.json["message"].startswith("The PNG image is damaged or cut off (")


def test_without_the_store_nothing_is_accepted_and_no_job_is_published(
    client: FlaskClient, store: MemoryStore, job_publisher: FakeJobPublisher
) -> None:
    store.away = True
    response = submit(client)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json == {
        "status": "Failure",
        "message": "The service cannot reach its database at the moment. Try again.",
    }
    assert job_publisher.published == []


def test_without_the_broker_a_submission_is_accepted(
    client: FlaskClient, store: MemoryStore, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.away = True
    response = submit(client)
    assert response.status_code == 200
    submission = store.fetch(response.json["submission_id"])
    assert submission is not None
    assert submission.due_at is not None  # so the sweep finds it
    assert submission.published_at is None


def test_a_full_queue_refuses_and_stores_nothing(
    client: FlaskClient, store: MemoryStore, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.waits["digits"], job_publisher.drained_per_second = 100, 2.5
    response = submit(client)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "4")
    assert response.json == {
        "status": "Failure",
        "message": "Too many submissions of digits wait already (the limit is 100). Nothing was stored; "
        "send it again in 4 seconds.",
    }
    assert (store.documents, store.images, job_publisher.published) == ({}, {}, [])
    assert submit(client, workflow_name="gated").status_code == 200
    job_publisher.waits["digits"] = 99
    assert submit(client).status_code == 200


def test_without_a_limit_any_queue_takes_more(
    store: MemoryStore, job_publisher: FakeJobPublisher, catalogue: Catalogue
) -> None:
    job_publisher.waits["digits"] = 10**9
    assert submit(make_app(store, job_publisher, catalogue, queue_limit=0).test_client()).status_code == 200


def test_a_wrong_request_is_refused_as_such_when_the_queue_is_full(
    client: FlaskClient, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.waits["digits"] = 100
    assert submit(client, name="x.gif").status_code == 400
    assert submit(client, data=b"no image").status_code == 503  # the image was not validated


def test_results_are_served_while_the_queue_is_full(
    client: FlaskClient, store: MemoryStore, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.waits["digits"] = 100
    assert fetch(client, finished(store, result={"digit": 7})).status_code == 200


def test_the_job_is_published_after_the_submission_is_stored(store: MemoryStore, catalogue: Catalogue) -> None:
    stored_before: list[bool] = []

    class Watching(FakeJobPublisher):
        def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
            stored_before.append(job.submission_id in store.documents)

    submit(make_app(store, Watching(), catalogue).test_client())
    assert stored_before == [True]


# Fetching.


@SLASHES
@pytest.mark.parametrize("state", ["queued", "running"])
def test_until_it_ends_it_is_in_progress(client: FlaskClient, store: MemoryStore, slash: str, state: str) -> None:
    waiting = make_submission(state=SubmissionState(state), reason="deferred: the model is unavailable")
    response = fetch(client, keep(store, waiting), slash)
    assert (response.status_code, response.json) == (202, IN_PROGRESS)


@SLASHES
def test_a_digit_can_be_fetched_repeatedly(client: FlaskClient, store: MemoryStore, slash: str) -> None:
    key = finished(store, result={"digit": 7, "score": 0.998})
    for _ in range(3):
        response = fetch(client, key, slash)
        assert response.status_code == 200
        assert response.json == {
            "submission_id": key,
            "workflow_id": "digits",
            "configuration_version": "v1.0.0",
            "status": "Success",
            "prediction": {"digit": 7, "score": 0.998},
            "time_taken": "0.123 sec.",
        }


def test_the_fields_keep_their_order(client: FlaskClient, store: MemoryStore) -> None:
    body = fetch(client, finished(store, result={"score": 1.0, "digit": 1})).text
    places = [body.index(f'"{name}"') for name in ("submission_id", "status", "score", "digit", "time_taken")]
    assert places == sorted(places)


def test_a_mask_is_returned_as_rows_of_black_and_white(client: FlaskClient, store: MemoryStore) -> None:
    mask = Image.new("L", (256, 256))
    mask.paste(255, (10, 20, 30, 40))
    key = finished(
        store,
        workflow=make_workflow(GATED),
        result={"label": "abnormality", "score": 0.97, "image": {"artifact": "mask.png"}},
        artifacts=[Artifact(name="mask.png", media_type="image/png", bytes=1)],
    )
    store.images[f"{key}/mask.png"] = StoredImage("image/png", encoded(mask, "PNG"))
    prediction = fetch(client, key).get_json()["prediction"]
    assert list(prediction) == ["label", "score", "image"]
    rows = prediction["image"]
    assert [len(rows), *{len(row) for row in rows}] == [256, 256]
    assert {value for row in rows for value in row} == {0, 255}
    assert (rows[20][10], rows[39][29], rows[19][10], rows[10][20]) == (255, 255, 0, 0)


def test_a_skipped_mask_is_absent(client: FlaskClient, store: MemoryStore) -> None:
    key = finished(store, workflow=make_workflow(GATED), result={"label": "no_abnormality", "score": 0.9})
    assert fetch(client, key).get_json()["prediction"] == {"label": "no_abnormality", "score": 0.9}


@SLASHES
@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        ("failed", "The model refused the image: not a digit.", "The model refused the image: not a digit."),
        ("failed", None, "The submission was failed."),
        ("canceled", None, "The submission was canceled."),
        ("canceled", "Its owner asked.", "Its owner asked."),
    ],
)
def test_a_failure_says_why(
    client: FlaskClient, store: MemoryStore, slash: str, state: str, reason: str | None, message: str
) -> None:
    key = finished(store, SubmissionState(state), reason=reason)
    response = fetch(client, key, slash)
    assert response.status_code == 200
    assert response.json == {
        "submission_id": key,
        "workflow_id": "digits",
        "configuration_version": "v1.0.0",
        "status": "Failure",
        "message": message,
        "time_taken": "0.123 sec.",
    }


def test_one_that_ended_before_it_began_took_no_time(client: FlaskClient, store: MemoryStore) -> None:
    key = finished(store, SubmissionState.CANCELED, started_at=None)
    assert fetch(client, key).get_json()["time_taken"] == "0.000 sec."


@SLASHES
@pytest.mark.parametrize(
    "key",
    [
        "7d2f4b7e-0000-4000-8000-000000000000",
        "nothing",
        "0",
        "{7d2f4b7e-0000-4000-8000-000000000000}",
        "7d2f4b7e000040008000000000000000",
        "%00",
        "%F0%9F%98%80",
        "$where",
        "7d2f4b7e-0000-4000-8000-00000000000%D9%A1",
    ],
)
def test_an_unknown_id_is_invalid(client: FlaskClient, slash: str, key: str) -> None:
    response = fetch(client, key, slash)
    assert (response.status_code, response.json) == (404, {"status": "Failure", "message": "Invalid submission_id."})


def test_an_id_may_be_written_in_upper_case(client: FlaskClient, store: MemoryStore) -> None:
    key = finished(store, result={"digit": 7})
    response = fetch(client, key.upper())
    assert response.status_code == 200
    assert response.get_json()["submission_id"] == key


def test_without_the_store_a_result_is_asked_for_again(client: FlaskClient, store: MemoryStore) -> None:
    key = finished(store, result={"digit": 7})
    store.away = True
    response = fetch(client, key)
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    assert response.get_json()["status"] == "Failure"


def test_a_newer_releases_result_is_asked_for_again(client: FlaskClient, store: MemoryStore) -> None:
    key = finished(store, result={"digit": 7})
    store.documents[key]["schema"] = SCHEMA + 1  # a gateway of that release stands beside, and may answer next time
    response = fetch(client, key)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json == {
        "status": "Failure",
        "message": "A newer release of the service holds this. Ask again in a moment.",
    }


def test_a_picture_that_is_missing_is_asked_for_again(client: FlaskClient, store: MemoryStore) -> None:
    response = fetch(client, finished(store, result={"image": {"artifact": "mask.png"}}))
    assert response.status_code == 503


def test_a_result_is_not_cached(client: FlaskClient, store: MemoryStore) -> None:
    for key in (finished(store, result={"digit": 7}), keep(store, make_submission())):
        assert fetch(client, key).headers["Cache-Control"] == "no-store"


def test_a_submission_is_followed_from_upload_to_result(app: Flask, store: MemoryStore) -> None:
    client = app.test_client()
    key = submit(client).json["submission_id"]
    assert fetch(client, key).status_code == 202
    store.documents[key] |= {"state": "succeeded", "result": {"digit": 1, "score": 1.0}}
    assert fetch(client, key).get_json()["prediction"] == {"digit": 1, "score": 1.0}
