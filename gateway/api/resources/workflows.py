"""The resources of the catalogue's workflows: their schemas, and how they are built. Pure."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from contracts.errors import UnknownWorkflow
from contracts.submissions.documents import ModelRef
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.definition import Workflow
from contracts.workflows.registry import VersionState
from gateway.api.resources.addresses import model_url, workflow_url
from gateway.images.validation import MAX_SIDE, Limits

NAME = Field(description="The workflow's name.", examples=["workflow_001"])
VERSION = Field(description="A published version, which never changes.", examples=["v1.0.0"])
DRAFT = Field(description="A draft may be overwritten, and runs only when a submission names it.")
PUBLISHED_AT = Field(description="When this content was published.")
DIGEST = Field(description="SHA-256 of the version's file.", examples=["sha256:" + "0" * 64])


class StepNode(BaseModel):
    """One call of a model. Steps that do not wait for each other run at the same time."""

    name: str = Field(description="The step's name, which expressions use.", examples=["segmentation"])
    model: ModelRef = Field(description="The model that it calls, with the exact version.")
    model_url: str = Field(description="Address of the model in the catalogue.")
    when: str | None = Field(
        description="Its gate, a CEL expression: the step is skipped when it is false; null means that it always runs.",
        examples=["classification.label == 'abnormality'"],
    )
    after: list[str] = Field(description="Steps that it waits for without reading their outputs.")
    needs: list[str] = Field(
        description="All steps that it waits for: those of `after`, and those that its gate reads.",
        examples=[["classification"]],
    )
    timeout_seconds: float = Field(description="How long one call may take.", examples=[20.0])


class Graph(BaseModel):
    """The steps, their dependencies, and the output."""

    steps: list[StepNode] = Field(description="The steps, in the order of the workflow's file.")
    output: dict[str, str] = Field(
        description="The result's fields, each a CEL expression over the steps' answers.",
        examples=[{"label": "classification.label", "image": "segmentation.mask"}],
    )


class InputLimits(BaseModel):
    """Which images the workflow accepts."""

    kind: str = Field(description="The kind of input.", examples=["image"])
    formats: list[str] = Field(
        description="File formats, recognised by content, not by file name.", examples=[["png", "jpeg"]]
    )
    media_types: list[str] = Field(description="Their media types.", examples=[["image/png", "image/jpeg"]])
    max_bytes: int = Field(description="Largest file.", examples=[10485760])
    max_pixels: int = Field(description="Largest image, width times height.", examples=[40000000])
    max_decoded_bytes: int | None = Field(
        description="Largest PNG by its pixels times channels times bytes a channel; null is no bound.",
        examples=[64000000],
    )
    max_jpeg_decoded_bytes: int | None = Field(
        description="Largest JPEG by the samples that its scans pass over, and 2 bytes a sample where it has several "
        "scans; null is no bound.",
        examples=[450000000],
    )
    max_side: int = Field(description="Largest width and largest height, in pixels.", examples=[65535])


class VersionSummary(BaseModel):
    """A published version of a workflow, in short."""

    version: str = VERSION
    draft: bool = DRAFT
    digest: str = DIGEST
    published_at: datetime = PUBLISHED_AT
    url: str = Field(description="Address of the full version, with its graph.")


class WorkflowSummary(BaseModel):
    """A workflow with its versions and aliases."""

    name: str = NAME
    title: str = Field(description="What its stable version does.", examples=["FLAIR abnormality in brain MRI"])
    aliases: dict[str, str] = Field(
        description="Version by alias. Without a version, a request means `stable`.", examples=[{"stable": "v1.0.0"}]
    )
    traffic: dict[str, int] = Field(
        description="Percent of the submissions without a version that each version gets; empty without a split.",
        examples=[{"v1.0.0": 90, "v1.1.0": 10}],
    )
    versions: list[VersionSummary] = Field(description="The versions that accept submissions, newest first.")
    url: str = Field(description="Address of this workflow.")


class WorkflowList(BaseModel):
    """All workflows, by name."""

    items: list[WorkflowSummary] = Field(description="The workflows.")


class WorkflowVersion(BaseModel):
    """One published version of a workflow: its graph, and which images it accepts."""

    name: str = NAME
    version: str = VERSION
    title: str = Field(description="What it does.", examples=["FLAIR abnormality in brain MRI"])
    description: str = Field(description="More about it; empty if nothing is said.")
    state: VersionState = Field(description="A retired version accepts no submissions; its results stay.")
    draft: bool = DRAFT
    digest: str = DIGEST
    content_digest: str = Field(
        description="SHA-256 of what the version does, without its layout, its title and its description.",
        examples=["sha256:" + "0" * 64],
    )
    published_at: datetime = PUBLISHED_AT
    retired_at: datetime | None = Field(description="When it was retired; null if it accepts submissions.")
    aliases: list[str] = Field(description="The aliases that point to this version now.", examples=[["stable"]])
    input: InputLimits = Field(description="Which images it accepts.")
    graph: Graph = Field(description="Its steps and its output.")
    url: str = Field(description="Address of this version.")


def workflow_summary(catalogue: Catalogue, name: str) -> WorkflowSummary:
    """Raises UnknownWorkflow when no version accepts submissions."""
    entry = catalogue.entry(name)
    published = {each.version: each.published_at for each in entry.record.versions}
    return WorkflowSummary(
        name=name,
        title=catalogue.shown(name).title,
        aliases=catalogue.aliases(name),
        traffic={share.version: share.percent for share in entry.record.traffic},
        versions=[
            VersionSummary(
                version=each.version,
                draft=each.is_draft,
                digest=each.digest,
                published_at=published[each.version],
                url=workflow_url(name, each.version),
            )
            for each in entry.listed
        ],
        url=workflow_url(name),
    )


def workflow_version(catalogue: Catalogue, workflow: Workflow, limits: Limits) -> WorkflowVersion:
    """Raises UnknownWorkflow."""
    known = catalogue.entry(workflow.name).record.version(workflow.version)
    if known is None:
        raise UnknownWorkflow(f"There is no workflow {workflow.name!r} in version {workflow.version!r} here.")
    meaning = catalogue.aliases(workflow.name)
    return WorkflowVersion(
        name=workflow.name,
        version=workflow.version,
        title=workflow.title,
        description=workflow.description,
        state=known.state,
        draft=workflow.is_draft,
        digest=workflow.digest,
        content_digest=workflow.content_digest,
        published_at=known.published_at,
        retired_at=known.retired_at,
        aliases=[alias for alias, version in meaning.items() if version == workflow.version],
        input=InputLimits(
            kind="image",
            formats=list(workflow.formats),
            media_types=[f"image/{each}" for each in workflow.formats],
            max_bytes=limits.bytes,
            max_pixels=limits.pixels,
            max_decoded_bytes=limits.decoded_bytes,
            max_jpeg_decoded_bytes=limits.jpeg_decoded_bytes,
            max_side=MAX_SIDE,
        ),
        graph=Graph(
            steps=[
                StepNode(
                    name=step.name,
                    model=step.model,
                    model_url=model_url(step.model.name),
                    when=step.when.source if step.when else None,
                    after=sorted(step.after),
                    needs=sorted(step.needs),
                    timeout_seconds=step.timeout_seconds,
                )
                for step in workflow.steps
            ],
            output={name: expression.source for name, expression in workflow.output.items()},
        ),
        url=workflow_url(workflow.name, workflow.version),
    )
