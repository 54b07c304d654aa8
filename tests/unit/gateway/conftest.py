"""The application on ports in memory."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts.models.descriptions import ModelDescription, Overlay, Weights
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from tests.support.factories import GATED, ONE_STEP, make_workflow
from tests.support.fake_data import MemoryTombstones
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app

SEGMENTER = ModelDescription(
    name="segmenter", version="1.0.0", weights=Weights(digest="sha256:0", bytes=1), overlay=Overlay(mask="mask")
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def job_publisher() -> GatewayPublisher:
    return GatewayPublisher()


@pytest.fixture
def catalogue() -> Catalogue:
    texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
    return Catalogue([make_workflow(text) for text in texts])


@pytest.fixture
def tombstones(store: MemoryStore) -> MemoryTombstones:
    return MemoryTombstones(store)


@pytest.fixture
def app(
    store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue, tombstones: MemoryTombstones
) -> Flask:
    models = ModelDirectory(catalogue, [SEGMENTER])
    return make_app(store, job_publisher, catalogue, tombstones=tombstones, models=models)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
