"""The OpenAPI document as its readers want it: whole, described, named for clients, with every error in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.api.openapi.document import ADDRESS
from gateway.api.resources.addresses import PREFIX

Document = dict[str, Any]


@pytest.fixture
def document(client: FlaskClient) -> Document:
    response = client.get(ADDRESS)
    assert client.get(ADDRESS, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
    found = response.json
    assert found is not None
    return dict(found)


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def schemas(part: Any, place: str = "") -> Iterator[tuple[str, Document]]:
    """Every object of the document that is a schema, with its place."""
    if isinstance(part, list):
        for number, value in enumerate(part):
            yield from schemas(value, f"{place}/{number}")
    if isinstance(part, dict):
        if part.keys() & {"type", "anyOf", "$ref", "enum"} and "example" not in place:
            yield place, part
        for name, value in part.items():
            yield from schemas(value, f"{place}/{name}")


def test_every_call_of_the_api_is_in_it(app: Flask, document: Document) -> None:
    known = {name for name, _ in operations(document)}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX) and rule.rule != ADDRESS:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert f"{method} {path}" in known


def test_every_call_is_described_and_named(document: Document) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"].endswith(".") for tag in document["tags"])
    names = []
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert "<br" not in operation["description"], name
        assert operation["tags"], name
        assert set(operation["tags"]) <= tags, name
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"]), operation["operationId"]
        assert "v2" not in operation["operationId"]
        names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_every_parameter_says_what_it_is_and_is_never_null(document: Document) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"].rstrip("."), (name, parameter["name"])
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), (name, parameter["name"])


def test_every_answer_is_described_and_every_error_is_a_problem(document: Document) -> None:
    for name, operation in operations(document):
        responses = operation["responses"]
        assert "500" in responses, name
        assert any(status.startswith("2") for status in responses), name
        for status, response in responses.items():
            assert response["description"].endswith("."), (name, status)
            if int(status) >= 400:
                (media_type,) = response["content"]
                assert media_type == "application/problem+json", (name, status)
                examples = response["content"][media_type]["examples"]
                assert examples, (name, status)
                for code, example in examples.items():
                    assert example["value"]["type"] == f"/problems/{code}"
                    assert example["value"].keys() == document["components"]["schemas"]["Problem"]["properties"].keys()
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= responses.keys(), name


def test_headers_that_clients_build_on_are_described(document: Document) -> None:
    for name, operation in operations(document):
        responses = operation["responses"]
        if "304" in responses:
            assert "ETag" in responses["200"]["headers"], name
            assert "If-None-Match" in [each["name"] for each in operation["parameters"]]
        if "503" in responses:
            assert "Retry-After" in responses["503"]["headers"], name
    submitting = document["paths"][f"{PREFIX}/submissions"]["post"]["responses"]["202"]["headers"]
    assert submitting.keys() >= {"Location", "ETag", "Retry-After", "Preference-Applied"}


def test_every_schema_is_described_down_to_its_fields_and_has_no_title_of_a_program(document: Document) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        assert "``" not in schema["description"], name
        for field, value in schema.get("properties", {}).items():
            assert value.get("description"), f"{name}.{field}"
    titled = [place for place, schema in schemas(document) if "title" in schema and not place.endswith("properties")]
    assert titled == []


def test_every_reference_leads_somewhere_and_no_schema_is_left_over(document: Document) -> None:
    known = document["components"]["schemas"]
    referred = {schema["$ref"].rpartition("/")[2] for _, schema in schemas(document) if "$ref" in schema}
    assert referred == set(known)


@pytest.mark.parametrize("name", ["MultipartSubmission", "JsonSubmission"])
def test_generated_clients_can_send_metadata_and_an_image(document: Document, name: str) -> None:
    fields = document["components"]["schemas"][name]["properties"]
    assert fields["metadata"]["additionalProperties"] == {"type": "string", "maxLength": 512}
    assert fields["metadata"]["propertyNames"] == {"pattern": "^[A-Za-z0-9_-]{1,64}$"}
    assert fields["metadata"]["maxProperties"] == 16
    assert "patternProperties" not in fields["metadata"]
    assert fields["image"]["minLength"] == 1


def test_the_headers_of_a_submission_are_parameters_by_their_names(document: Document) -> None:
    parameters = document["paths"][f"{PREFIX}/submissions"]["post"]["parameters"]
    assert {each["name"] for each in parameters} == {"Idempotency-Key", "Prefer"}
