"""What was stored under a workflow or a model that is not published any more stays readable and removable."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from contracts.errors import StoreUnavailable
from contracts.submissions.documents import Artifact, Event, ModelRef, Step, Submission, WorkflowRef
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.catalogue import Catalogue
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from gateway.api.v2.exports import ndjson
from gateway.submissions.export import in_chunks
from tests.support.factories import GATED, NOW, ONE_STEP, make_submission, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import make_app

V2 = "/api/v2/submissions"
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
VALUES = st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53), st.booleans(), st.none())


@st.composite
def past_submissions(draw: st.DrawFn) -> Submission:
    """A submission of any workflow, in any state, with any steps, result and artifacts."""
    state = draw(st.sampled_from(list(SubmissionState)))
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    mask = draw(st.booleans())
    steps = [
        Step(
            name=name,
            model=ModelRef(name=draw(NAMES), version=draw(st.from_regex(r"[0-9]\.[0-9]\.[0-9]", fullmatch=True))),
            state=draw(st.sampled_from(list(StepState))),
            output=draw(st.dictionaries(NAMES, VALUES, max_size=2)) | ({"mask": {"artifact": "m.png"}} if mask else {}),
        )
        for name in names
    ]
    result: dict[str, Any] = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    if mask:
        result["image"] = {"artifact": "m.png"}
    stored = make_submission(
        id=str(uuid.UUID(int=draw(st.integers(0, 2**128 - 1)), version=4)),
        state=state,
        steps=steps,
        result=result if state is SubmissionState.SUCCEEDED else None,
        artifacts=[Artifact(name="m.png", media_type="image/png", bytes=3)] if mask else [],
        due_at=None if state.terminal else NOW,
        started_at=NOW if state is not SubmissionState.QUEUED else None,
        ended_at=NOW if state.terminal else None,
        events=[Event(type=f"submission.{state}", at=NOW)],
        event_count=1,
    )
    version = draw(st.sampled_from(["v0.1.0", "v9.0.0"]))
    stored.workflow = WorkflowRef(name=draw(NAMES), version=version, digest="sha256:1")
    return stored


@pytest.fixture(scope="module")
def served() -> tuple[FlaskClient, MemoryStore]:
    """The application as ``gateway.__main__`` builds it, its real publisher without a broker included."""
    store = MemoryStore()
    catalogue = Catalogue([make_workflow(ONE_STEP), make_workflow(GATED)])
    publisher = RabbitJobPublisher("amqp://127.0.0.1:1/", catalogue.names, store.mark_published)
    return make_app(store, publisher, catalogue).test_client(), store


def put(store: MemoryStore, submission: Submission) -> None:
    store.documents.clear()
    store.images.clear()
    store.accept(submission, png())
    for artifact in submission.artifacts:
        store.images[f"{submission.id}/{artifact.name}"] = StoredImage("image/png", png(8, 8, "L", 255))


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(submission=past_submissions())
def test_any_submission_of_any_past_catalogue_can_be_used(
    submission: Submission, served: tuple[FlaskClient, MemoryStore]
) -> None:
    client, store = served
    put(store, submission)
    own = f"{V2}/{submission.id}"
    name = submission.workflow.name

    assert [each["id"] for each in client.get(f"{V2}?workflow={name}").get_json()["items"]] == [submission.id]
    assert client.get(own).get_json()["workflow"]["name"] == name
    assert client.get(f"{own}/record").get_json()["id"] == submission.id
    (line,) = client.get("/api/v2/export", buffered=True).get_data(as_text=True).splitlines()
    assert json.loads(line)["id"] == submission.id
    for query in ("", f"&workflow={name}"):
        rows = list(csv.DictReader(io.StringIO(client.get(f"/api/v2/export?format=csv{query}", buffered=True).text)))
        assert [(row["id"], row["workflow"]) for row in rows] == [(submission.id, name)]
    assert client.get(f"{own}/input").status_code == 200
    listed = {each["name"] for each in client.get(f"{own}/artifacts").get_json()["items"]}
    assert listed == ({"m.png", "overlay.png"} if submission.artifacts else set())
    for picture in listed:
        assert client.get(f"{own}/artifacts/{picture}").status_code == 200
    assert client.get(f"/api/v1/fetch_result/{submission.id}").status_code in {200, 202}
    assert client.get(f"{own}/webhook").status_code == 200

    stream = client.get(f"{own}/events", buffered=False)
    text = b"".join(next(stream.response) for _ in range(2)).decode()  # type: ignore[call-overload]
    stream.close()
    assert f"submission.{submission.state}" in text or "event: queue" in text

    retried = client.post(f"{own}/retry")
    assert retried.status_code == 409
    if submission.state.retryable:
        assert f"its workflow {name}" in retried.get_json()["detail"]
    canceled = client.post(f"{own}/cancel")
    final = submission.state in {SubmissionState.SUCCEEDED, SubmissionState.FAILED}
    assert canceled.status_code == (409 if final else 200)
    assert client.delete(own).status_code == 204
    assert client.get(own).status_code == 410


def broken(*submissions: Submission) -> Iterator[Submission]:
    yield from submissions
    raise StoreUnavailable("secret://the database's own words")


def test_an_error_in_the_middle_of_an_export_is_a_line_of_its_own() -> None:
    first, second = make_submission(), make_submission()

    def shown(submission: Submission) -> Submission:
        if submission is first:
            raise KeyError("defect")
        return submission

    lines = in_chunks(ndjson(broken(first, second), shown, "/api/v2/export"))
    sent = next(lines)
    with pytest.raises(StoreUnavailable):
        next(lines)  # the connection breaks, after what was there has been sent
    unshown, whole, ended = map(json.loads, sent.decode().splitlines())
    assert (unshown["code"], unshown["instance"]) == ("internal-error", "/api/v2/export")
    assert first.id in unshown["detail"]
    assert whole["id"] == second.id
    assert (ended["status"], "secret" in ended["detail"]) == (503, False)
