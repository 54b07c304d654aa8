"""Reports to the catalogue where each model is served and how its last call ended, as the circuit breakers know it.

No server is called for the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.models.status import ServedModel, shown_address
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue

REPORT_SECONDS = 10.0


class Store(Protocol):
    """Where reports are stored. Every method raises StoreUnavailable."""

    def now(self) -> datetime: ...

    def report(self, served: Iterable[ServedModel]) -> None: ...


@dataclass(frozen=True)
class ServedPin:
    """A model that a workflow calls, and the address that its calls go to."""

    model: ModelRef
    url: str


def served_pins(catalogue: Catalogue, server: Callable[[str], str | None]) -> list[ServedPin]:
    """Return each model that the workflows call now and that has a server, once."""
    pins = {str(step.model): step.model for workflow in catalogue.all() for step in workflow.steps}
    return [ServedPin(model, url) for model in pins.values() if (url := server(model.name))]


class ModelStatusReporter:
    """Used by one thread. ``server`` returns a model's address, or None if none is configured; ``state`` its state."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        server: Callable[[str], str | None],
        state: Callable[[ModelRef], ServedState],
        monotonic: Callable[[], float],
    ) -> None:
        self._catalogue = catalogue
        self._server = server
        self._store = store
        self._state = state
        self._monotonic = monotonic
        self._reported: dict[str, ServedState] = {}
        self._due = 0.0

    def once(self) -> None:
        """Report when a state has changed, and at least every REPORT_SECONDS. Raises StoreUnavailable."""
        pins = served_pins(self._catalogue, self._server)
        states = {str(pin.model): self._state(pin.model) for pin in pins}
        if states == self._reported and self._monotonic() < self._due:
            return
        now = self._store.now()
        self._store.report(ServedModel(pin.model, shown_address(pin.url), states[str(pin.model)], now) for pin in pins)
        self._reported, self._due = states, self._monotonic() + REPORT_SECONDS
