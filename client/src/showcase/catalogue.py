"""The catalogue: workflows and models as the server publishes them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from showcase.resources import Part, Resource


class WorkflowStep(Part):
    """A step of a workflow: the model that it calls and the gate that decides whether."""

    name: str
    model: Any = None
    when: str | None = None
    after: tuple[str, ...] = ()


class Workflow(Resource):
    name: str
    title: str = ""
    version: str = ""
    digest: str = ""
    steps: tuple[WorkflowStep, ...] = ()


class Model(Resource):
    name: str
    version: str = ""
    licence: str | None = Field(default=None)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name
