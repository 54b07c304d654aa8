"""The audit log: who changed what, when and why."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from contracts.workflows.registry import AuditEntry
from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.resources.addresses import PREFIX

AUDIT = Tag(name="Audit", description="Every change of the published workflows.")
MAX_LIMIT = 200


class AuditQuery(BaseModel):
    workflow: str | None = Field(default=None, max_length=64, description="Only changes of this workflow.")
    action: str | None = Field(
        default=None, max_length=64, description="Only this kind of change.", json_schema_extra={"example": "alias.set"}
    )
    limit: int = Field(default=50, ge=1, le=MAX_LIMIT, description="The most entries in one page.")
    cursor: int | None = Field(default=None, ge=1, le=2**53, description="The `next` of the page before.")


class AuditResource(BaseModel):
    """One change. Nothing in the log is ever changed or deleted."""

    number: int = Field(description="Its place in the log; later changes have higher numbers.")
    at: datetime = Field(description="When it was made.")
    action: str = Field(
        description="version.published, version.relabelled, version.retired, version.restored, draft.overwritten, "
        "draft.deleted, alias.set, alias.removed, alias.rolled_back, or traffic.split.",
        examples=["alias.set"],
    )
    workflow: str = Field(description="The workflow.", examples=["workflow_001"])
    version: str | None = Field(description="The version, if one is concerned.", examples=["v1.1.0"])
    alias: str | None = Field(description="The alias, if one is concerned.", examples=["stable"])
    before: str | None = Field(description="What was before.", examples=["v1.0.0"])
    after: str | None = Field(description="What is after.", examples=["v1.1.0"])
    reason: str | None = Field(description="Why, if it was said.")
    source: str = Field(description="Where it came from: api, admin, or file (the folder of workflows).")


class AuditList(BaseModel):
    """A page of the audit log, newest first."""

    items: list[AuditResource] = Field(description="The entries. A page may be short, or empty, and not the last.")
    next: int | None = Field(description="The cursor of the next page; null at the end.")


def audit_resource(number: int, entry: AuditEntry) -> AuditResource:
    return AuditResource(number=number, **entry.model_dump(exclude={"id", "tenant"}))


def blueprint(application: Application) -> APIBlueprint:
    publishing = application.catalogue.publishing
    v2 = APIBlueprint("v2_audit", __name__, url_prefix=PREFIX, abp_tags=[AUDIT])

    @v2.get(
        "/audit",
        summary="List changes",
        operation_id="list_audit",
        responses={"200": AuditList, **described(400, 503)},
    )
    def listing(query: AuditQuery) -> Response:
        """Return the changes of the published workflows, newest first."""
        page = publishing.audit(query.workflow, query.action, query.cursor, query.limit)
        found = AuditList(items=[audit_resource(*each) for each in page.entries], next=page.next)
        response = Response(found.model_dump_json(), mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    return v2
