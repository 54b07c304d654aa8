"""The registry of workflows: check, publish and retire versions, move the traffic, and read the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from showcase.answers import json_body, json_object, list_items
from showcase.catalogue import AuditEntry, PublishedWorkflow, Validation, WorkflowSummary
from showcase.errors import UnexpectedAnswer
from showcase.queries import AUDIT, WORKFLOWS, workflow_path
from showcase.server import Server
from showcase.workflow_files import WorkflowSource, read_workflow

AUDIT_PAGE_SIZE = 100
"""Entries in one page of the audit log."""

UNNAMED = "unnamed"
"""The address of a text that does not name its workflow or version: the server refuses it, with every error."""


class RolledBack(NamedTuple):
    """The stable version before a rollback and after it."""

    from_version: str
    to_version: str


class Registry(Server):
    """The calls that change the published workflows. ``reason`` is kept in the audit log."""

    def validate_workflow(self, workflow: WorkflowSource) -> Validation:
        """Check a workflow (its text, or a path) and return every error with its place. Nothing is published.

        Raises FileUnreadable.
        """
        file = read_workflow(workflow)
        response = self._transport.request(
            "POST", f"{WORKFLOWS}/validate", content=file.content, headers={"Content-Type": file.media_type}
        )
        return Validation.of(json_body(response))

    def publish_workflow(
        self, workflow: WorkflowSource, *, only_new: bool = False, reason: str | None = None
    ) -> PublishedWorkflow:
        """Publish a workflow (its text, or a path) under the name and the version that it gives itself.

        The same content again changes nothing. ``created`` of the result says whether the version is new; with
        ``only_new`` one that exists raises PreconditionFailed. Raises Invalid (``problem["errors"]``), Conflict when
        the version is published with another content (``problem["diff"]``), and FileUnreadable.
        """
        file = read_workflow(workflow)
        headers = {"Content-Type": file.media_type} | ({"If-None-Match": "*"} if only_new else {})
        response = self._transport.request(
            "PUT",
            workflow_path(file.name or UNNAMED, file.version or UNNAMED),
            # With the header, a repeated request would be refused because of the first one.
            idempotent=not only_new,
            content=file.content,
            headers=headers,
            params=_why(reason),
        )
        return PublishedWorkflow.of_response(json_body(response), created=response.status_code == 201)

    def retire_workflow(self, name: str, version: str, reason: str | None = None) -> None:
        """Refuse new submissions of a version and hide it from lists; a draft is deleted. Old results stay."""
        self._transport.request("DELETE", workflow_path(name, version), idempotent=False, params=_why(reason))

    def set_alias(self, name: str, alias: str, version: str, reason: str | None = None) -> WorkflowSummary:
        """Point an alias to a release. Setting ``stable`` ends a split. Raises Gone when the version is retired."""
        response = self._transport.request(
            "PUT", workflow_path(name, "aliases", alias), json={"version": version}, params=_why(reason)
        )
        return WorkflowSummary.of(json_body(response))

    def remove_alias(self, name: str, alias: str, reason: str | None = None) -> None:
        """Remove an alias. Raises Conflict for ``stable``, which every workflow has."""
        self._transport.request("DELETE", workflow_path(name, "aliases", alias), idempotent=False, params=_why(reason))

    def roll_back(self, name: str, reason: str | None = None) -> RolledBack:
        """Point ``stable`` to its version before, and return the old version and the new one. Ends a split.

        A second rollback goes back one version further, so the client repeats the request only when the server
        certainly has not processed it. Raises Conflict when there is no version to go back to.
        """
        response = self._transport.request(
            "POST", workflow_path(name, "rollback"), idempotent=False, params=_why(reason)
        )
        body = json_object(json_body(response))
        if not isinstance(body.get("from"), str) or not isinstance(body.get("to"), str):
            raise UnexpectedAnswer("The server answered a rollback without versions. Compare them: showcase doctor")
        return RolledBack(body["from"], body["to"])

    def split_traffic(self, name: str, percents: Mapping[str, int], reason: str | None = None) -> WorkflowSummary:
        """Split the submissions that name no version: whole percents by version, which sum to 100."""
        response = self._transport.request(
            "PUT", workflow_path(name, "traffic"), json=dict(percents), params=_why(reason)
        )
        return WorkflowSummary.of(json_body(response))

    def end_split(self, name: str, reason: str | None = None) -> None:
        """Let every submission that names no version run the stable one again."""
        self._transport.request("DELETE", workflow_path(name, "traffic"), params=_why(reason))

    def audit(
        self, workflow: str | None = None, action: str | None = None, *, page_size: int = AUDIT_PAGE_SIZE
    ) -> Iterator[AuditEntry]:
        """Yield the changes of the published workflows, newest first. Fetches a page only when it is needed."""
        chosen = {name: value for name, value in (("workflow", workflow), ("action", action)) if value is not None}
        cursor: int | None = None
        while True:
            query: dict[str, Any] = {**chosen, "limit": page_size, **({} if cursor is None else {"cursor": cursor})}
            body = json_body(self._transport.request("GET", AUDIT, params=query))
            yield from map(AuditEntry.of, list_items(body))
            following = body.get("next")
            if following is None:
                return
            if not isinstance(following, int) or (cursor is not None and following >= cursor):
                raise UnexpectedAnswer("The server's audit log does not go on to earlier changes.")
            cursor = following


def _why(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}
