"""Move the submissions of a workflow between its versions: aliases, a split of the traffic, and rolling back."""

from __future__ import annotations

from typing import Annotated

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, TypeAdapter, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from contracts.errors import InvalidRequest
from contracts.workflows.definition import VERSION_LENGTH
from gateway.api.application import Application
from gateway.api.openapi.schema import reference
from gateway.api.problems import described
from gateway.api.requests.json_body import read_json
from gateway.api.requests.parsing import checked, sentence
from gateway.api.resources.addresses import PREFIX
from gateway.api.resources.workflows import WorkflowSummary, workflow_summary
from gateway.api.responses import tagged
from gateway.api.v2.publishing import ReasonQuery
from gateway.api.v2.workflows import WORKFLOWS, WorkflowPath

MAX_SHARES = 10
Version = Annotated[str, StringConstraints(min_length=1, max_length=VERSION_LENGTH)]
_PERCENTS: TypeAdapter[dict[str, int]] = TypeAdapter(
    Annotated[dict[Version, Annotated[StrictInt, Field(ge=0, le=100)]], Field(max_length=MAX_SHARES)]
)


class AliasPath(WorkflowPath):
    alias: str = Field(
        description="stable, or a name of your own.",
        json_schema_extra={"example": "stable", "pattern": "^[a-z][a-z0-9-]{0,31}$"},
    )


class AliasBody(BaseModel):
    """Where an alias points."""

    model_config = ConfigDict(extra="forbid")

    version: Version = Field(description="A published version.", examples=["v1.1.0"])


class RolledBack(BaseModel):
    """What a rollback changed."""

    model_config = ConfigDict(populate_by_name=True)

    from_version: str = Field(serialization_alias="from", description="The stable version before.", examples=["v1.1.0"])
    to_version: str = Field(serialization_alias="to", description="The stable version now.", examples=["v1.0.0"])


TRAFFIC_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "Percent by version; they sum to 100.",
                "propertyNames": {"minLength": 1, "maxLength": VERSION_LENGTH},
                "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100},
                "minProperties": 1,
                "maxProperties": MAX_SHARES,
            },
            "example": {"v1.0.0": 90, "v1.1.0": 10},
        }
    },
}


def _body(example: str) -> object:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return read_json(request.get_data(cache=False), "The body", example)


def blueprint(application: Application) -> APIBlueprint:
    publishing, catalogue = application.catalogue.publishing, application.catalogue.workflows
    v2 = APIBlueprint("v2_traffic", __name__, url_prefix=PREFIX, abp_tags=[WORKFLOWS])

    @v2.put(
        "/workflows/<name>/aliases/<alias>",
        summary="Point an alias to a version",
        operation_id="set_workflow_alias",
        responses={"200": WorkflowSummary, **described(400, 404, 409, 410, 413, 415, 503)},
        openapi_extensions={"requestBody": {"required": True, "content": {"application/json": reference(AliasBody)}}},
    )
    def set_alias(path: AliasPath, query: ReasonQuery) -> Response:
        """Point an alias to a release. `stable` is what submissions without a version run; moving it ends a split."""
        body = checked(AliasBody, _body("""an object, as {"version": "v1.1.0"}"""))
        publishing.set_alias(path.name, path.alias, body.version, query.reason)
        return tagged(workflow_summary(catalogue, path.name))

    @v2.delete(
        "/workflows/<name>/aliases/<alias>",
        summary="Remove an alias",
        operation_id="remove_workflow_alias",
        responses={"204": None, **described(404, 409, 503)},
    )
    def remove_alias(path: AliasPath, query: ReasonQuery) -> Response:
        """Remove an alias of your own. Every workflow has `stable`."""
        publishing.remove_alias(path.name, path.alias, query.reason)
        return Response(status=204)

    @v2.post(
        "/workflows/<name>/rollback",
        summary="Roll back to the stable version before",
        operation_id="roll_back_workflow",
        responses={"200": RolledBack, **described(404, 409, 503)},
    )
    def roll_back(path: WorkflowPath, query: ReasonQuery) -> Response:
        """Point `stable` to the version that it pointed to before, and end a split of the traffic.

        It holds at once on the gateway that answers, and within two seconds on the others.
        """
        before, after = publishing.roll_back(path.name, query.reason)
        response = jsonify(RolledBack(from_version=before, to_version=after).model_dump(by_alias=True))
        response.headers["Cache-Control"] = "no-store"
        return response

    @v2.put(
        "/workflows/<name>/traffic",
        summary="Split a workflow's traffic",
        operation_id="split_workflow_traffic",
        responses={"200": WorkflowSummary, **described(400, 404, 410, 413, 415, 503)},
        openapi_extensions={"requestBody": TRAFFIC_BODY},
    )
    def split(path: WorkflowPath, query: ReasonQuery) -> Response:
        """Split the submissions that name no version, by a hash of their ids.

        Each keeps the version that it was accepted with. Moving `stable` or rolling back ends the split.
        """
        body = _body("""an object, as {"v1.0.0": 90, "v1.1.0": 10}""")
        try:
            percents = _PERCENTS.validate_python(body)
        except ValidationError as error:
            raise InvalidRequest(sentence(error)) from error
        if not percents:
            raise InvalidRequest("The body names no version. DELETE this address to end the split.")
        publishing.split_traffic(path.name, percents, query.reason)
        return tagged(workflow_summary(catalogue, path.name))

    @v2.delete(
        "/workflows/<name>/traffic",
        summary="End the split of a workflow's traffic",
        operation_id="end_workflow_split",
        responses={"204": None, **described(404, 503)},
    )
    def end_split(path: WorkflowPath, query: ReasonQuery) -> Response:
        """Let every submission that names no version run the stable one again."""
        publishing.split_traffic(path.name, {}, query.reason)
        return Response(status=204)

    return v2
