"""The pages that explain the API: every operation at /docs, every kind of problem at /problems."""

from __future__ import annotations

import json
from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, abort, render_template, send_file

from contracts.errors import problems as problem_kinds

ASSETS_SECONDS = 3600
KINDS = problem_kinds()

_SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
ASSETS = {
    "docs.js": Path(__file__).parent / "static" / "docs.js",
    "swagger-ui.css": _SWAGGER / "css" / "swagger-ui.css",
    "swagger-ui-bundle.js": _SWAGGER / "js" / "swagger-ui-bundle.js",
}
"""The files that the page loads. The gateway serves all of them, so the page works without the internet."""


def blueprint(document: str) -> Blueprint:
    """``document`` is the address of the OpenAPI document."""
    pages = Blueprint("docs", __name__, template_folder="templates")

    @pages.get("/docs", strict_slashes=False)
    def docs() -> str:
        return render_template("docs.html", document=document, kinds=KINDS)

    @pages.get("/docs/assets/<name>")
    def asset(name: str) -> Response:
        if name not in ASSETS:
            abort(404)
        return send_file(ASSETS[name], max_age=ASSETS_SECONDS)

    @pages.get("/problems", strict_slashes=False)
    def problems() -> str:
        return render_template("problems.html", kinds=KINDS)

    @pages.get("/problems/<code>", strict_slashes=False)
    def problem(code: str) -> str:
        if code not in KINDS:
            abort(404)
        return render_template("problem.html", code=code, kind=KINDS[code], example=_example(code))

    return pages


def _example(code: str) -> str:
    kind = KINDS[code]
    body = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.example,
        "instance": "/api/v2/submissions",
        "code": code,
    }
    return json.dumps(body, indent=2)
