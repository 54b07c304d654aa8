"""The catalogue's port: the store of published workflows, aliases and the models' status."""

from __future__ import annotations

from typing import Protocol

from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.workflows.workflow_file import Workflow


class CatalogueStore(Protocol):
    """Every method raises StoreUnavailable."""

    def prepare(self) -> None:
        """Create the indexes. Raises IncompatibleData when an older release wrote the stored data."""

    def publish(self, workflows: list[Workflow]) -> None:
        """Store the workflows' digests. Raises InvalidWorkflow when a published version has changed."""

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        """Return the version that each alias of each workflow points to."""

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        """Return the orchestrators' latest report on each of these models, where there is one."""
