"""Generates the OpenAPI document of v2 from the endpoints, and serves it."""

from __future__ import annotations

from flask import Response, json
from flask_openapi3 import APIBlueprint, Info, OpenAPI
from pydantic import ValidationError

from contracts.errors import InvalidRequest
from contracts.version import VERSION
from gateway.api.openapi.schema import finish
from gateway.api.problems import Problem, problem
from gateway.api.requests.parsing import sentence
from gateway.api.resources.addresses import PREFIX
from gateway.api.responses import conditional

INFO = Info(
    title="ML Showcase",
    version=VERSION,
    summary="Multi-model machine-learning workflows over images.",
    description="Send an image, name a workflow, follow its steps, and get the result with the reasons for it.\n\n"
    "Addresses in responses are paths; use them as they are. Times are RFC 3339 in UTC. Errors are problems "
    "(RFC 9457); the `type` of each is a page that explains it. [/problems](/problems) lists these pages.",
)
ADDRESS = f"{PREFIX}/openapi.json"


class ApiDocument(OpenAPI):
    """The framework's application, corrected: two blueprints may have operations at the same address."""

    def register_api(self, api: APIBlueprint, **options: object) -> None:
        for path, item in self.paths.items():
            if path in api.paths:
                more = api.paths[path]
                api.paths[path] = item.model_copy(update={name: getattr(more, name) for name in more.model_fields_set})
        super().register_api(api, **options)


def refuse(error: ValidationError) -> Response:
    """Return the response to a request whose path, query or body does not match its schema."""
    return problem(InvalidRequest, sentence(error))


def make_app(name: str) -> OpenAPI:
    """Return a Flask application that collects the description of every v2 endpoint registered with it."""
    app = ApiDocument(
        name,
        info=INFO,
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse,
        static_folder=None,
    )
    finished: list[bytes] = []

    @app.get(ADDRESS, doc_ui=False)
    def openapi() -> Response:
        if not finished:
            finished.append(json.dumps(finish(app.api_doc)).encode())
        response = Response(finished[0], mimetype="application/json")
        response.add_etag()
        return conditional(response)

    return app
