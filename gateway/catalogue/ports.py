"""What the catalogue needs from the world: where it is published, and where the models' status is kept."""

from __future__ import annotations

from typing import Protocol

from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.workflows.workflow_file import Workflow


class CatalogueStore(Protocol):
    """Published workflows, aliases, the status of models. Every method raises StoreUnavailable."""

    def prepare(self) -> None:
        """Make the indexes. Raises IncompatibleData when an older release wrote what is stored."""

    def publish(self, workflows: list[Workflow]) -> None:
        """Keep the workflows' digests. Raises InvalidWorkflow when a published version has changed."""

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        """Return the version that each alias of each workflow means."""

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        """Return what orchestrators told of these models."""
