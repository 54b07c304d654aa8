"""The catalogue's workflows, with their versions, aliases and graphs."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.resources.addresses import PREFIX
from gateway.api.resources.workflows import (
    WorkflowList,
    WorkflowSummary,
    WorkflowVersion,
    workflow_summary,
    workflow_version,
)
from gateway.api.responses import tagged

WORKFLOWS = Tag(name="Workflows", description="The published workflows, with their versions, aliases and graphs.")


class WorkflowPath(BaseModel):
    name: str = Field(description="The workflow's name.", json_schema_extra={"example": "workflow_001"})


class WorkflowVersionPath(WorkflowPath):
    version: str = Field(description="A version or an alias.", json_schema_extra={"example": "stable"})


def blueprint(application: Application) -> APIBlueprint:
    catalogue, acceptance = application.catalogue.workflows, application.submissions.acceptance
    v2 = APIBlueprint("v2_workflows", __name__, url_prefix=PREFIX, abp_tags=[WORKFLOWS])

    @v2.get(
        "/workflows",
        summary="List the workflows",
        operation_id="list_workflows",
        responses={"200": WorkflowList, "304": None, **described(412)},
    )
    def listing() -> Response:
        """Return every workflow with its versions and aliases."""
        return tagged(WorkflowList(items=[workflow_summary(catalogue, name) for name in catalogue.names]))

    @v2.get(
        "/workflows/<name>",
        summary="Get a workflow",
        operation_id="get_workflow",
        responses={"200": WorkflowSummary, "304": None, **described(404, 412)},
    )
    def show(path: WorkflowPath) -> Response:
        """Return its versions, newest first, and the versions that its aliases point to."""
        return tagged(workflow_summary(catalogue, path.name))

    @v2.get(
        "/workflows/<name>/<version>",
        summary="Get a version of a workflow",
        operation_id="get_workflow_version",
        responses={"200": WorkflowVersion, "304": None, **described(404, 412)},
    )
    def show_version(path: WorkflowVersionPath) -> Response:
        """Return its graph (steps with their pinned models, gates and dependencies) and the images that it accepts."""
        workflow = catalogue.find(path.name, path.version)
        return tagged(workflow_version(catalogue, workflow, acceptance.limits_of(workflow)))

    return v2
