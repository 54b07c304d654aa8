"""The resources of the catalogue's models: their schemas, and how they are built. Pure."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from contracts.models.descriptions import ModelCard, Weights
from contracts.submissions.states import ServedState
from gateway.api.resources.addresses import model_url, workflow_url
from gateway.api.resources.workflows import NAME, VERSION
from gateway.catalogue.models import ModelDirectory


class ModelUse(BaseModel):
    """A step of a workflow that calls the model."""

    workflow: str = NAME
    version: str = VERSION
    step: str = Field(description="The step's name.", examples=["segmentation"])
    url: str = Field(description="Address of the workflow's version.")


class Served(BaseModel):
    """Where the orchestrators call the model, and the outcome of the last call; up to half a minute old."""

    address: str = Field(description="The model server's address.", examples=["http://segmentation:8080"])
    state: ServedState = Field(description="The outcome of the last call by any orchestrator.")
    seen_at: datetime = Field(description="When an orchestrator last reported it.")


class ModelVersion(BaseModel):
    """A version of a model that a workflow uses."""

    version: str = Field(description="The version that workflows pin.", examples=["1.0.0"])
    used_by: list[ModelUse] = Field(description="The steps that call this version.")
    weights: Weights | None = Field(description="Its weights; null if this gateway has no description of them.")
    served: Served | None = Field(description="Where it is served; null until an orchestrator has reported it.")


class ModelVersionInFull(ModelVersion):
    """A version of a model that a workflow uses, with its card."""

    card: ModelCard | None = Field(description="Its model card; null if it has none.")


class ModelSummary(BaseModel):
    """A model with its versions in use."""

    name: str = Field(description="The model's name.", examples=["bms_flair_abnormality_segmentation"])
    title: str = Field(description="Its display name, from its card.", examples=["Digit recogniser 1.0.0"])
    licence: str | None = Field(description="The licence of the newest version's weights.")
    versions: list[ModelVersion] = Field(description="The versions that workflows use, newest first.")
    url: str = Field(description="Address of this model, with its cards.")


class ModelList(BaseModel):
    """All models that a workflow uses, by name."""

    items: list[ModelSummary] = Field(description="The models.")


class ModelResource(BaseModel):
    """A model with the cards of its versions in use."""

    name: str = Field(description="The model's name.", examples=["bms_flair_abnormality_segmentation"])
    versions: list[ModelVersionInFull] = Field(description="The versions that workflows use, newest first.")
    url: str = Field(description="Address of this model.")


def model_version(models: ModelDirectory, name: str, version: str) -> ModelVersionInFull:
    described, served = models.description(name, version), models.served(name, version)
    return ModelVersionInFull(
        version=version,
        used_by=[
            ModelUse(
                workflow=use.workflow,
                version=use.version,
                step=use.step,
                url=workflow_url(use.workflow, use.version),
            )
            for use in models.uses(name, version)
        ],
        weights=described.weights if described else None,
        card=described.card if described else None,
        served=served and Served(address=served.address, state=served.state, seen_at=served.seen_at),
    )


def model_summary(models: ModelDirectory, name: str) -> ModelSummary:
    """Raises UnknownModel."""
    versions = [model_version(models, name, version) for version in models.versions(name)]
    card = versions[0].card
    return ModelSummary(
        name=name,
        title=card.title if card and card.title else name,
        licence=card.licence if card else None,
        versions=[ModelVersion(**each.model_dump(exclude={"card"})) for each in versions],
        url=model_url(name),
    )


def model_resource(models: ModelDirectory, name: str) -> ModelResource:
    """Raises UnknownModel."""
    return ModelResource(
        name=name,
        versions=[model_version(models, name, version) for version in models.versions(name)],
        url=model_url(name),
    )
