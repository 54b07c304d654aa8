"""A new endpoint of API v2 is one new file: the registry finds it, and no other file names it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_openapi3 import APIBlueprint

from contracts.workflows.catalogue import Catalogue
from gateway.api import v2
from gateway.api.application import Application
from gateway.api.openapi.document import ADDRESS
from gateway.api.resources.addresses import PREFIX
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app

NEWCOMER = '''\
"""How many workflows are published."""

from __future__ import annotations

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.resources.addresses import PREFIX


COUNTS = Tag(name="Counts", description="How many there are.")


class WorkflowCount(BaseModel):
    count: int = Field(description="The number of published workflows.")


def blueprint(application: Application) -> APIBlueprint:
    catalogue = application.catalogue.workflows
    v2 = APIBlueprint("v2_newcomer", __name__, url_prefix=PREFIX, abp_tags=[COUNTS])

    @v2.get(
        "/workflow-count",
        summary="Count the workflows",
        operation_id="count_workflows",
        responses={"200": WorkflowCount, **described(503)},
    )
    def count_workflows() -> Response:
        """The number of workflows by name."""
        return jsonify(WorkflowCount(count=len(catalogue.names)).model_dump())

    return v2
'''
ENDPOINTS = sorted(module.name for module in pkgutil.iter_modules(v2.__path__))


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file in the package, in a folder that only this test has."""
    (tmp_path / "newcomer.py").write_text(NEWCOMER)
    monkeypatch.setattr(v2, "__path__", [*v2.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop(f"{v2.__name__}.newcomer", None)
    vars(v2).pop("newcomer", None)


@pytest.mark.usefixtures("newcomer")
def test_a_new_file_in_the_folder_is_served_and_described(
    store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue
) -> None:
    client = make_app(store, job_publisher, catalogue).test_client()
    answer = client.get(f"{PREFIX}/workflow-count")
    assert (answer.status_code, answer.get_json()) == (200, {"count": len(catalogue.names)})
    document = client.get(ADDRESS).get_json()
    operation = document["paths"][f"{PREFIX}/workflow-count"]["get"]
    assert operation["operationId"] == "count_workflows"
    assert operation["responses"].keys() >= {"200", "503"}
    assert "WorkflowCount" in document["components"]["schemas"]


def test_without_the_file_there_is_no_such_endpoint(
    store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue
) -> None:
    client = make_app(store, job_publisher, catalogue).test_client()
    assert client.get(f"{PREFIX}/workflow-count").status_code == 404
    assert f"{PREFIX}/workflow-count" not in client.get(ADDRESS).get_json()["paths"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_file_of_the_folder_is_an_endpoint(name: str) -> None:
    module = importlib.import_module(f"{v2.__name__}.{name}")
    assert inspect.isfunction(module.blueprint)
    assert module.blueprint.__module__ == module.__name__, "an imported one would be registered twice"
    signature = inspect.signature(module.blueprint, eval_str=True)
    assert [parameter.annotation for parameter in signature.parameters.values()] == [Application]
    assert signature.return_annotation is APIBlueprint
