"""The catalogue's models: versions in use, cards, weights, and where they are served."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.resources.addresses import PREFIX
from gateway.api.resources.models import ModelList, ModelResource, model_resource, model_summary
from gateway.api.responses import tagged

MODELS = Tag(name="Models", description="The models that the workflows call, with their versions, cards and servers.")


class ModelPath(BaseModel):
    name: str = Field(description="The model's name.", json_schema_extra={"example": "digit_recognizer"})


def blueprint(application: Application) -> APIBlueprint:
    models = application.catalogue.models
    v2 = APIBlueprint("v2_models", __name__, url_prefix=PREFIX, abp_tags=[MODELS])

    @v2.get(
        "/models",
        summary="List the models",
        operation_id="list_models",
        responses={"200": ModelList, "304": None, **described(412)},
    )
    def listing() -> Response:
        """Return every model that a workflow uses, with its versions in use, licence, weights and server."""
        return tagged(ModelList(items=[model_summary(models, name) for name in models.names]))

    @v2.get(
        "/models/<name>",
        summary="Get a model",
        operation_id="get_model",
        responses={"200": ModelResource, "304": None, **described(404, 412)},
    )
    def show(path: ModelPath) -> Response:
        """Return its versions in use, each with its card: intended use, quality and limits."""
        return tagged(model_resource(models, path.name))

    return v2
