"""The catalogue of workflows and models that the server publishes, and its audit log, as typed values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import Field, PrivateAttr

from showcase.resources import ModelRef, Resource, Value


class PublishedVersion(Value):
    version: str
    draft: bool = False
    digest: str = ""
    published_at: datetime | None = None


class WorkflowSummary(Resource):
    """A workflow with its versions, newest first; ``aliases`` maps each alias to a version.

    ``traffic`` is the percent of the submissions without a version that each version gets; empty without a split.
    """

    name: str
    title: str = ""
    aliases: dict[str, str] = Field(default_factory=dict)
    traffic: dict[str, int] = Field(default_factory=dict)
    versions: tuple[PublishedVersion, ...] = ()


class WorkflowStep(Value):
    """A step: the model that it calls, its gate (``when``), and the steps that must end before it (``needs``)."""

    name: str
    model: ModelRef
    when: str | None = None
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    timeout_seconds: float | None = None


class Graph(Value):
    steps: tuple[WorkflowStep, ...] = ()
    output: dict[str, str] = Field(default_factory=dict)


class InputLimits(Value):
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_pixels: int | None = None


class Workflow(Resource):
    """One version of a workflow: its graph and the limits of its input images.

    ``state`` is published or retired. ``content_digest`` leaves out layout, title and description.
    """

    name: str
    version: str
    title: str = ""
    description: str = ""
    state: str = ""
    draft: bool = False
    digest: str = ""
    content_digest: str = ""
    published_at: datetime | None = None
    retired_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    input: InputLimits = InputLimits()
    graph: Graph = Graph()


class PublishedWorkflow(Workflow):
    """A version as publishing it answers; ``created`` says whether it is new."""

    _created: bool = PrivateAttr(default=False)

    @property
    def created(self) -> bool:
        return self._created

    @classmethod
    def of_response(cls, body: Any, *, created: bool) -> Self:
        """Raises UnexpectedAnswer when the body does not fit."""
        read = cls.of(body)
        read._created = created  # noqa: SLF001 - the same class
        return read


class WorkflowFault(Value):
    """An error in a workflow's text, by its line and column from 1."""

    line: int = 1
    column: int = 1
    message: str


class Validation(Resource):
    """What a check found: every error, and the models that no server is known to serve, which make nothing invalid."""

    valid: bool
    errors: tuple[WorkflowFault, ...] = ()
    unserved_models: tuple[ModelRef, ...] = ()


class AuditEntry(Resource):
    """One change of the published workflows: what (``action``), of what to what, when, why, and from where."""

    number: int
    at: datetime
    action: str
    workflow: str
    version: str | None = None
    alias: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    source: str = ""


class ServingStatus(Value):
    """Where a model is served, and the outcome of the last call (``state``): untried, answering or failing.

    ``seen_at`` is when an orchestrator last reported it.
    """

    address: str
    state: str = ""
    seen_at: datetime | None = None


class ModelUse(Value):
    workflow: str
    version: str
    step: str


class Weights(Value):
    digest: str = ""
    bytes: int = 0


class Figure(Value):
    """One measured figure of a model's card, with its unit, and its 95 % confidence interval where there is one."""

    name: str
    value: str
    interval: str | None = None


class ModelCard(Value):
    """What a model is for, how well it does it, and its licence; ``text`` is the whole card in Markdown."""

    title: str = ""
    summary: str = ""
    figures: tuple[Figure, ...] = ()
    licence: str | None = None
    text: str = ""


class ModelVersion(Value):
    """A version of a model that a workflow uses.

    ``served`` is None until an orchestrator has reported it; ``card`` is None in a list of models, and where there is
    none.
    """

    version: str
    used_by: tuple[ModelUse, ...] = ()
    weights: Weights | None = None
    served: ServingStatus | None = None
    card: ModelCard | None = None


class Model(Resource):
    """A model with its versions in use, newest first. ``title`` and ``licence`` are set in a list of models only."""

    name: str
    title: str = ""
    licence: str | None = None
    versions: tuple[ModelVersion, ...] = ()
