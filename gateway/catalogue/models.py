"""The models that the published workflows call: the steps that use them, their cards, and where they are served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.errors import UnknownModel
from contracts.models.descriptions import ModelDescription, Overlay
from contracts.models.status import ServedModel
from contracts.models.versions import version_order
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue, Entry
from contracts.workflows.definition import Workflow


@dataclass(frozen=True)
class Use:
    """A step that calls a model."""

    workflow: str
    version: str
    step: str


Uses = Mapping[str, Mapping[str, list[Use]]]
"""The uses by the model's name and version."""


def _uses_in(workflows: Iterable[Workflow]) -> Uses:
    uses: dict[str, dict[str, list[Use]]] = {}
    for workflow in workflows:
        for step in workflow.steps:
            versions = uses.setdefault(step.model.name, {})
            versions.setdefault(step.model.version, []).append(Use(workflow.name, workflow.version, step.name))
    return uses


class ModelDirectory:
    """``served`` returns the latest report on a version. ``follow`` replaces all reports at once, so needs no lock."""

    def __init__(self, catalogue: Catalogue, descriptions: Iterable[ModelDescription] = ()) -> None:
        self._catalogue = catalogue
        self._described = {(each.name, each.version): each for each in descriptions}
        self._served: dict[tuple[str, str], ServedModel] = {}
        self._counted: tuple[Mapping[str, Entry], Uses] | None = None

    @property
    def _uses(self) -> Uses:
        """Where each version of each model is used; counted again when the catalogue has changed."""
        entries = self._catalogue.entries
        if self._counted is None or self._counted[0] is not entries:
            self._counted = entries, _uses_in(self._catalogue.all())
        return self._counted[1]

    @property
    def names(self) -> list[str]:
        return sorted(self._uses)

    @property
    def pins(self) -> list[ModelRef]:
        """Every version of every model that a workflow calls, by name."""
        uses = sorted(self._uses.items())
        return [ModelRef(name=name, version=version) for name, versions in uses for version in versions]

    @property
    def unreported(self) -> bool:
        """Whether there is a model that no orchestrator has reported yet, or none has called or looked at yet."""
        found = [self._served.get((pin.name, pin.version)) for pin in self.pins]
        return any(each is None or each.state is ServedState.UNTRIED for each in found)

    def decode_bounds(self) -> dict[tuple[str, str], tuple[int | None, int | None]]:
        """Return the bounds of the described models by name and version, each of a PNG and of a JPEG; None is none."""
        return {name: (each.decode_bytes, each.jpeg_decode_bytes) for name, each in self._described.items()}

    def follow(self, served: Iterable[ServedModel]) -> None:
        self._served = {(each.model.name, each.model.version): each for each in served}

    def versions(self, name: str) -> list[str]:
        """Return the versions in use, newest first. Raises UnknownModel."""
        uses = self._uses
        if name not in uses:
            raise UnknownModel(f"No workflow here uses a model {name[:64]!r}. There are: {', '.join(sorted(uses))}.")
        return sorted(uses[name], key=version_order, reverse=True)

    def uses(self, name: str, version: str) -> list[Use]:
        return self._uses.get(name, {}).get(version, [])

    def is_known(self, model: ModelRef) -> bool:
        """Return whether this version is described here, or an orchestrator has reported it."""
        key = model.name, model.version
        return key in self._described or key in self._served

    def description(self, name: str, version: str) -> ModelDescription | None:
        return self._described.get((name, version))

    def overlay(self, model: ModelRef) -> Overlay | None:
        """Return how the model's mask is drawn; None where it declares no overlay or is not described here.

        Of a model that no published workflow calls any more, a field ``mask`` is drawn in the default colours: its
        results outlive its description.
        """
        described = self.description(model.name, model.version)
        if described is None and model.version not in self._uses.get(model.name, {}):
            return Overlay(mask="mask")
        return described.overlay if described else None

    def served(self, name: str, version: str) -> ServedModel | None:
        return self._served.get((name, version))
