"""The OpenAPI document of v2, generated from the endpoints, and where it is served."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Info, OpenAPI
from flask_openapi3.models import Schema
from pydantic import ValidationError

from gateway.api.problems import Problem, problem
from gateway.api.v2 import PREFIX
from gateway.api.v2.parsing import sentence

VERSION = "2.0.0"
INFO = Info(
    title="ML Showcase",
    version=VERSION,
    summary="Multi-model machine-learning workflows over images.",
    description="Send an image, name a workflow, follow its steps, and get the result with the reasons for it.",
)
ADDRESS = f"{PREFIX}/openapi.json"


class Described(OpenAPI):
    """Keeps what several blueprints say of one address: the library's own lets the last one stand for all."""

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        before = {path: self.paths[path] for path in api.paths if path in self.paths}
        super().register_api(api, **options)
        for path, methods in before.items():
            added = self.paths[path].model_dump(exclude_unset=True, exclude_none=True)
            self.paths[path] = methods.model_copy(update={name: getattr(self.paths[path], name) for name in added})


def refuse(error: ValidationError) -> Response:
    """Return what a request gets whose path, query or body does not fit its description."""
    return problem("invalid-request", sentence(error), 400)


def make_app(name: str) -> OpenAPI:
    """Return a Flask application that collects the description of every v2 endpoint registered with it."""
    app = Described(
        name,
        info=INFO,
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse,
        static_folder=None,
    )
    app.components_schemas["Problem"] = Schema(**Problem.model_json_schema())

    @app.get(ADDRESS, doc_ui=False)
    def openapi() -> Response:
        return jsonify(app.api_doc)

    return app
