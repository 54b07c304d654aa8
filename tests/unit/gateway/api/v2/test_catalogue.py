"""The catalogue: workflows with their graphs, models with their cards, and ETags on all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts.models.descriptions import Overlay, load_descriptions
from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from gateway.images.validation import MAX_SIDE
from services import archive
from tests.support.checkout import CHECKOUT
from tests.support.factories import NOW, make_workflow
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import LIMITS, make_app

SHIPPED = [path.read_text() for path in sorted((CHECKOUT / "workflows").glob("workflow_00?/*.yaml"))]
SEGMENTER = "bms_flair_abnormality_segmentation"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, ModelDirectory]:
    """The workflows and the models that are shipped, the models described as their archives describe them."""
    store = tmp_path_factory.mktemp("store")
    assert archive.main(["--only-describe", "--store", str(store)]) == 0
    catalogue = Catalogue([make_workflow(text) for text in SHIPPED])
    models = ModelDirectory(catalogue, load_descriptions(store / "models.json"))
    return make_app(MemoryStore(), FakeJobPublisher(), catalogue, models=models), models


def read(client: FlaskClient, address: str) -> Any:
    response = client.get(address)
    assert response.status_code == 200, response.text
    again = client.get(address, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    return response.json


def test_workflows_are_listed_with_versions_and_aliases(client: FlaskClient) -> None:
    items = read(client, "/api/v2/workflows")["items"]
    assert [item["name"] for item in items] == ["digits", "gated"]
    assert [each["version"] for each in items[0]["versions"]] == ["v1.10.0", "v1.9.0", "v1.0.0"]
    assert items[0]["aliases"] == {"stable": "v1.0.0"}
    assert read(client, items[0]["url"]) == items[0]
    assert items[0]["versions"][0]["digest"].startswith("sha256:")


def test_a_version_has_its_graph_and_limits(shipped: tuple[Flask, ModelDirectory]) -> None:
    client = shipped[0].test_client()
    found = read(client, "/api/v2/workflows/workflow_001/v1.0.0")
    assert found == read(client, "/api/v2/workflows/workflow_001/stable")
    assert found["aliases"] == ["stable"]
    assert found["graph"]["steps"][1] == {
        "name": "segmentation",
        "model": {"name": SEGMENTER, "version": "1.0.0"},
        "model_url": f"/api/v2/models/{SEGMENTER}",
        "when": "classification.label == 'abnormality'",
        "after": [],
        "needs": ["classification"],
        "timeout_seconds": 20.0,
    }
    assert found["graph"]["output"]["image"] == "segmentation.mask"
    assert found["input"] == {
        "kind": "image",
        "formats": ["png", "jpeg"],
        "media_types": ["image/png", "image/jpeg"],
        "max_bytes": LIMITS.bytes,
        "max_pixels": LIMITS.pixels,
        "max_decoded_bytes": None,
        "max_jpeg_decoded_bytes": None,
        "max_side": MAX_SIDE,
    }


def test_models_have_cards_weights_and_users(shipped: tuple[Flask, ModelDirectory]) -> None:
    client = shipped[0].test_client()
    items = {item["name"]: item for item in read(client, "/api/v2/models")["items"]}
    assert items.keys() == {"digit_recognizer", "bms_flair_abnormality_classification", SEGMENTER}
    assert items["digit_recognizer"]["title"] == "Digit recogniser 1.0.0"
    for name, item in items.items():
        assert "licence" in item
        assert item["licence"]
        (version,) = read(client, item["url"])["versions"]
        folder = CHECKOUT / "services" / name
        assert version["card"]["text"] == (folder / "MODEL_CARD.md").read_text()
        assert len(version["card"]["figures"]) >= 4
        assert version["card"]["summary"]
        assert version["weights"]["bytes"] == (folder / "weights" / f"{name}.safetensors").stat().st_size
        assert version["used_by"]
        for use in version["used_by"]:
            read(client, use["url"])
        assert version["served"] is None


def test_what_orchestrators_reported_is_shown(shipped: tuple[Flask, ModelDirectory]) -> None:
    app, models = shipped
    pin = ModelRef(name=SEGMENTER, version="1.0.0")
    reported = ServedModel(pin, "http://segmentation:8080", ServedState.FAILING, NOW + timedelta(seconds=9))
    models.follow([reported])
    (version,) = read(app.test_client(), f"/api/v2/models/{SEGMENTER}")["versions"]
    models.follow([])
    assert version["served"] == {
        "address": "http://segmentation:8080",
        "state": "failing",
        "seen_at": "2026-03-01T12:00:09Z",
    }


def test_a_model_without_a_description_is_listed(client: FlaskClient) -> None:
    (version,) = read(client, "/api/v2/models/classifier")["versions"]
    assert (version["version"], version["weights"], version["card"]) == ("1.2.0", None, None)
    assert next(item["title"] for item in read(client, "/api/v2/models")["items"]) == "classifier"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("workflows/nothing", "unknown-workflow"),
        ("workflows/digits/v7.0.0", "unknown-workflow"),
        ("workflows/digits/next", "unknown-workflow"),
        ("workflows/nothing/stable", "unknown-workflow"),
        ("models/nothing", "unknown-model"),
    ],
)
def test_what_is_not_there_is_a_problem(client: FlaskClient, address: str, code: str) -> None:
    response = client.get(f"/api/v2/{address}")
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["code"] == code


def test_the_shipped_segmenter_alone_declares_an_overlay(shipped: tuple[Flask, ModelDirectory]) -> None:
    models = shipped[1]
    declared = {pin.name: models.overlay(pin) for pin in models.pins}
    # As masks were drawn before models declared it: what clients have cached stays right.
    assert declared.pop(SEGMENTER) == Overlay(mask="mask")
    assert set(declared.values()) == {None}
    # One that is not described any more: its stored masks can still be drawn.
    assert models.overlay(ModelRef(name=SEGMENTER, version="9.9.9")) == Overlay(mask="mask")
