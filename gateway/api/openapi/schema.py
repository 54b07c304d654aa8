"""Completes the OpenAPI document that the framework collects: full schemas, headers, examples. Pure.

The framework drops schema keywords that it does not know, and keeps the titles that pydantic generates. So this module
generates the schemas again, from the models that the document refers to by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from contracts.errors import problems
from gateway.api.problems import MEDIA_TYPE, PAGES, described

Document = dict[str, Any]

TAGS = ["Submissions", "Webhooks", "Workflows", "Models"]
"""The headings under which /docs groups the operations, in this order; any other heading comes after them."""

REFERENCE = "#/components/schemas/"
PACKAGES = ("gateway.", "contracts.")

ETAG: Document = {
    "description": "Identifies this version of the resource, for `If-None-Match`.",
    "schema": {"type": "string"},
    "required": True,
}
LOCATION: Document = {"description": "The submission's address.", "schema": {"type": "string"}, "required": True}
RETRY_AFTER: Document = {
    "description": "Seconds to wait before the next request.",
    "schema": {"type": "integer", "minimum": 1},
    "required": True,
}
IF_NONE_MATCH: Document = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of your copy. The response is 304 if the resource has not changed.",
    "required": False,
    "schema": {"type": "string"},
}
DEFAULT_DESCRIPTIONS = {
    "200": "The request succeeded.",
    "202": "Accepted; the work continues.",
    "204": "Done; the response has no body.",
    "206": "The requested range.",
    "304": "The resource has not changed since the version that `If-None-Match` names.",
}


def finish(document: Document) -> Document:
    """Complete the framework's document in place, and return it."""
    for path, item in document["paths"].items():
        for operation in item.values():
            _finish_operation(operation, path)
    document["paths"] = dict(sorted(document["paths"].items(), key=_sort_key))
    document["components"] = {"schemas": _components(document["paths"], document["components"]["schemas"])}
    document["servers"] = [{"url": "/", "description": "Where this document comes from."}]
    _strip_titles(document["paths"])
    return document


def headed(model: type[BaseModel], description: str, **headers: Document) -> dict[str, Any]:
    """Return a response with ``model`` as its body and ``headers``; underscores in their names become dashes."""
    return {
        "description": description,
        "headers": {name.replace("_", "-"): header for name, header in headers.items()},
        "content": {"application/json": {"schema": {"$ref": REFERENCE + model.__name__}}},
    }


def reference(model: type[BaseModel]) -> Document:
    return {"schema": {"$ref": REFERENCE + model.__name__}}


def _sort_key(entry: tuple[str, Document]) -> tuple[int, str]:
    """Return a path's sort key: the position of its first tag in TAGS, then the path itself."""
    path, item = entry
    tags = {tag for operation in item.values() for tag in operation["tags"]}
    return min(TAGS.index(tag) if tag in TAGS else len(TAGS) for tag in tags), path


def _finish_operation(operation: Document, path: str) -> None:
    operation["description"] = operation.get("description", "").replace("<br/>", "\n").replace("``", "`")
    responses = operation["responses"]
    # The framework adds its own kind of 400 where an endpoint describes none.
    if "application/json" in responses.get("400", {}).get("content", {}):
        del responses["400"]
    parameters = operation.setdefault("parameters", [])
    if "requestBody" in operation or any(each["in"] != "path" for each in parameters):
        responses.setdefault("400", described(400)["400"])
    for status in ("403", "500"):
        responses.setdefault(status, described(int(status))[status])
    for parameter in parameters:
        _finish_parameter(parameter)
    if "304" in responses:
        parameters.append(IF_NONE_MATCH)
        for status in ("200", "304"):
            responses[status].setdefault("headers", {})["ETag"] = ETAG
    if not parameters:
        del operation["parameters"]
    for status, response in responses.items():
        if response.get("description") in {None, "", HTTPStatus(int(status)).phrase}:
            response["description"] = DEFAULT_DESCRIPTIONS.get(status, HTTPStatus(int(status)).phrase + ".")
        content = response.get("content", {})
        if MEDIA_TYPE in content:
            content[MEDIA_TYPE]["examples"] = _problems(int(status), path, operation)
        if status in {"429", "503"}:
            response.setdefault("headers", {})["Retry-After"] = RETRY_AFTER
    operation["responses"] = dict(sorted(responses.items()))


def _finish_parameter(parameter: Document) -> None:
    schema = parameter["schema"]
    _never_null(schema)
    for name in ("description", "example"):
        schema.pop(name, None)


def _never_null(schema: Document) -> None:
    """Remove null from the schema of a parameter or form field: those can be absent, but never null."""
    choices = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    if len(choices) == 1:
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    if schema.get("default", "") is None:
        del schema["default"]


def _problems(status: int, path: str, operation: Document) -> Document:
    """Return an example of each kind of problem that this operation may return with this status."""
    return {
        code: {
            "summary": kind.title,
            "value": {
                "type": f"{PAGES}/{code}",
                "title": kind.title,
                "status": status,
                "detail": kind.example,
                "instance": path,
                "code": code,
            },
        }
        for code, kind in problems().items()
        if kind.status == status
        and (not kind.tags or kind.tags & set(operation["tags"]))
        and ("requestBody" in operation or not kind.with_body)
    }


def _components(paths: Document, collected: Document) -> Document:
    """Return the schemas of all models that ``paths`` refer to, directly or through other models.

    A parameter's own type (such as an enum) is not a model: its schema is the one that the framework ``collected``.
    """
    named = {model.__name__: model for model in _models(BaseModel)}
    request_models = {name for body in _requests(paths) for name in _references(body)}
    response_models = set(_references(paths)) - request_models
    schemas: Document = models_json_schema(
        [(named[name], "validation") for name in sorted(request_models)]
        + [(named[name], "serialization") for name in sorted(response_models & named.keys())],
        ref_template=REFERENCE + "{model}",
    )[1].get("$defs", {})
    schemas = {name: collected[name] for name in response_models - named.keys()} | schemas
    _strip_titles(schemas)
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = schema["description"].replace("``", "`")
    for body in _requests(paths):
        for name in _references(body["content"].get("multipart/form-data")):
            for field in schemas[name]["properties"].values():
                _never_null(field)
    return dict(sorted(schemas.items()))


def _requests(paths: Document) -> Iterator[Document]:
    for item in paths.values():
        yield from (operation["requestBody"] for operation in item.values() if "requestBody" in operation)


def _models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in root.__subclasses__():
        if model.__module__.startswith(PACKAGES):
            yield model
        yield from _models(model)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REFERENCE)
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _strip_titles(part: Any) -> None:
    """Remove the titles that pydantic generates from field names, but no property with the name "title"."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str) and part.keys() & {"type", "anyOf", "$ref", "allOf", "enum", "const"}:
            del part["title"]
        for name, value in part.items():
            if name not in {"example", "examples", "default"}:
                _strip_titles(value)
    elif isinstance(part, list):
        for value in part:
            _strip_titles(value)
