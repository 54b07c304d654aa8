"""The catalogue of workflows and models that the server publishes, as typed values."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from showcase.resources import ModelRef, Resource, Value


class PublishedVersion(Value):
    version: str
    digest: str = ""


class WorkflowSummary(Resource):
    """A workflow with its versions, newest first; ``aliases`` maps each alias to a version."""

    name: str
    title: str = ""
    aliases: dict[str, str] = Field(default_factory=dict)
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
    """One published version of a workflow: its graph and the limits of its input images."""

    name: str
    version: str
    title: str = ""
    digest: str = ""
    aliases: tuple[str, ...] = ()
    input: InputLimits = InputLimits()
    graph: Graph = Graph()


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
