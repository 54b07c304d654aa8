"""Check, publish and retire versions of workflows while the platform runs."""

from __future__ import annotations

from typing import Annotated

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field, StringConstraints

from contracts.submissions.documents import ModelRef
from contracts.workflows.definition import VERSION_LENGTH
from gateway.api.application import Application
from gateway.api.openapi.schema import reference
from gateway.api.problems import described
from gateway.api.requests.workflow_text import WorkflowDocument, read_workflow_text
from gateway.api.resources.addresses import PREFIX, workflow_url
from gateway.api.resources.workflows import WorkflowVersion, workflow_version
from gateway.api.responses import tagged
from gateway.api.v2.workflows import WORKFLOWS, WorkflowPath

ANY_TEXT = {"required": True, "content": {"application/yaml": {"schema": {}}, "application/json": {"schema": {}}}}
"""A check takes any text, and says what is wrong with it."""

TEXT_BODY = {
    "required": True,
    "content": {"application/yaml": reference(WorkflowDocument), "application/json": reference(WorkflowDocument)},
}


class FaultResource(BaseModel):
    """One error in a workflow's text."""

    line: int = Field(description="Its line, from 1.", examples=[6])
    column: int = Field(description="Its column, from 1.", examples=[12])
    message: str = Field(description="What is wrong, and what would be right.")


class ValidationResource(BaseModel):
    """The outcome of a check."""

    valid: bool = Field(description="Whether the text can be published.")
    errors: list[FaultResource] = Field(description="Every error, by its place in the text.")
    unserved_models: list[ModelRef] = Field(
        description="Models that the text pins and that no model server is known to serve. They do not make it invalid."
    )


class NumberedVersionPath(WorkflowPath):
    version: str = Field(
        description="A version (v1.0.0), or a draft of one (v1.0.0-draft).",
        max_length=VERSION_LENGTH,
        json_schema_extra={"example": "v1.1.0-draft"},
    )


class ReasonQuery(BaseModel):
    reason: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, description="Why, for the audit log."
    )


def blueprint(application: Application) -> APIBlueprint:
    publishing, catalogue = application.catalogue.publishing, application.catalogue.workflows
    acceptance = application.submissions.acceptance
    v2 = APIBlueprint("v2_publishing", __name__, url_prefix=PREFIX, abp_tags=[WORKFLOWS])

    @v2.post(
        "/workflows/validate",
        summary="Check a workflow",
        operation_id="validate_workflow",
        responses={"200": ValidationResource, **described(400, 413, 415, 422)},
        openapi_extensions={"requestBody": ANY_TEXT},
    )
    def validate() -> Response:
        """Check a workflow's text and return every error with its line and column. Nothing is published."""
        found = publishing.validate(read_workflow_text())
        resource = ValidationResource(
            valid=not found.faults,
            errors=[FaultResource(line=each.line, column=each.column, message=each.message) for each in found.faults],
            unserved_models=list(found.unserved),
        )
        response = jsonify(resource.model_dump())
        response.headers["Cache-Control"] = "no-store"
        return response

    @v2.put(
        "/workflows/<name>/<version>",
        summary="Publish a version of a workflow",
        operation_id="publish_workflow_version",
        responses={
            "200": WorkflowVersion,
            "201": WorkflowVersion,
            **described(400, 409, 412, 413, 415, 422, 503),
        },
        openapi_extensions={"requestBody": TEXT_BODY},
    )
    def publish(path: NumberedVersionPath, query: ReasonQuery) -> Response:
        """Publish a version: 201 if it is new, 200 if the same one is published already.

        A published version never changes, except for its title and its description. A draft (v1.1.0-draft) may be
        overwritten, and runs only when a submission names it. The first release of a workflow becomes its stable one;
        later releases run when they are named, until an alias or the traffic points to them. With `If-None-Match: *`,
        a version that exists is left as it is.
        """
        only_new = request.headers.get("If-None-Match", "").strip() == "*"
        text = read_workflow_text()
        _, created = publishing.publish(path.name, path.version, text, query.reason, only_new=only_new)
        workflow = catalogue.version(path.name, path.version)
        response = tagged(
            workflow_version(catalogue, workflow, acceptance.limits_of(workflow)), status=201 if created else 200
        )
        if created:
            response.headers["Location"] = workflow_url(path.name, path.version)
        return response

    @v2.delete(
        "/workflows/<name>/<version>",
        summary="Retire a version of a workflow",
        operation_id="retire_workflow_version",
        responses={"204": None, **described(404, 409, 503)},
    )
    def retire(path: NumberedVersionPath, query: ReasonQuery) -> Response:
        """Hide a version from lists and refuse new submissions of it. A draft is deleted.

        Submissions that it accepted run to their end, and their results stay. Publishing the same text again takes a
        release back from retirement.
        """
        publishing.retire(path.name, path.version, query.reason)
        return Response(status=204)

    return v2
