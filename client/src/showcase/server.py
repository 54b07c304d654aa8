"""A server: its address, its connections, its health and its catalogue."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import Any, Self

import httpx

from showcase.address import default_url, own_checkout
from showcase.answers import json_body, json_object, list_items
from showcase.catalogue import Model, Workflow, WorkflowSummary
from showcase.errors import Unavailable, UnexpectedAnswer
from showcase.queries import WORKFLOWS, path_segment, workflow_path
from showcase.retries import RetryPolicy
from showcase.transport import Transport
from showcase.version import VERSION


class Server:
    """The server itself and its catalogue. ``Registry`` adds the calls that change workflows, ``Client`` the rest."""

    def __init__(
        self,
        url: str | None = None,
        *,
        retry_policy: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        agent = f"ml-showcase-client/{VERSION}"
        self._transport = Transport(
            url or default_url(os.environ, own_checkout()),
            headers={"User-Agent": agent, "Accept": "application/json, application/problem+json;q=0.9, */*;q=0.1"},
            retry_policy=retry_policy,
            http=transport,
        )
        self.url = self._transport.url
        self._finalizer = weakref.finalize(self, self._transport.close)

    def close(self) -> None:
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def workflows(self) -> list[WorkflowSummary]:
        """Return every workflow with its versions and aliases."""
        body = json_body(self._transport.request("GET", WORKFLOWS))
        return [WorkflowSummary.of(each) for each in list_items(body)]

    def workflow(self, name: str, version: str = "stable") -> Workflow:
        """Return one version of a workflow, with its graph; ``version`` may be an alias."""
        return Workflow.of(json_body(self._transport.request("GET", workflow_path(name, version))))

    def models(self) -> list[Model]:
        """Return every model that a workflow uses, with its versions, its licence and where they are served."""
        body = json_body(self._transport.request("GET", "/api/v2/models"))
        return [Model.of(each) for each in list_items(body)]

    def model(self, name: str) -> Model:
        """Return one model: its versions in use with their cards."""
        return Model.of(json_body(self._transport.request("GET", f"/api/v2/models/{path_segment(name)}")))

    def live(self) -> None:
        """Return when a gateway answers; ``health`` checks what it depends on. Raises UnexpectedAnswer otherwise."""
        body = json_object(json_body(self._transport.request("GET", "/health/live", retry=False)))
        if body.get("status") != "alive":
            raise UnexpectedAnswer(f"{self.url}/health/live does not say that it is alive.")

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether every part of the server is ready, and the report on each part."""
        try:
            return True, json_object(json_body(self._transport.request("GET", "/health/ready", retry=False)))
        except Unavailable as error:
            return False, error.problem

    def openapi(self) -> dict[str, Any]:
        """Return the API's description (OpenAPI 3.1)."""
        return json_object(json_body(self._transport.request("GET", "/api/v2/openapi.json")))
