"""The catalogue's store in memory: published versions, aliases, the status of models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from contracts.errors import InvalidWorkflow
from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.workflow_file import Workflow
from tests.support.fakes import MemoryStore


class MemoryCatalogue:
    """It is away when ``store`` is, and has its clock."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.digests: dict[str, str] = {}
        self.alias_sets: dict[str, dict[str, str]] = {}
        self.served_models: dict[str, ServedModel] = {}

    def now(self) -> datetime:
        return self._store.now()

    def prepare(self) -> None:
        self._store._answer()

    def publish(self, workflows: list[Workflow]) -> None:
        self._store._answer()
        for workflow in workflows:
            if self.digests.setdefault(f"{workflow.name}/{workflow.version}", workflow.digest) != workflow.digest:
                raise InvalidWorkflow(f"{workflow.name}/{workflow.version}: this published version has changed.")

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        self._store._answer()
        return {name: dict(self.alias_sets[name]) for name in workflows if name in self.alias_sets}

    # The operator's side of ``aliases``.

    def set_alias(self, workflow: str, alias: str, version: str) -> None:
        self._store._answer()
        self.alias_sets.setdefault(workflow, {})[alias] = version

    def remove_alias(self, workflow: str, alias: str) -> bool:
        self._store._answer()
        return self.alias_sets.get(workflow, {}).pop(alias, None) is not None

    # The orchestrators' status of the models.

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        self._store._answer()
        return [self.served_models[str(model)] for model in models if str(model) in self.served_models]

    def report(self, served: Iterable[ServedModel]) -> None:
        """The orchestrator's side of ``served``."""
        self._store._answer()
        for each in served:
            known = self.served_models.get(str(each.model))
            untried = known is not None and each.state is ServedState.UNTRIED
            self.served_models[str(each.model)] = replace(each, state=known.state) if known and untried else each
