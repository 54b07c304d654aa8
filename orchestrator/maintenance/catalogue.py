"""Follows the registry of workflows: a change reaches this orchestrator by a notification, or by the next look."""

from __future__ import annotations

import threading
from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable

log = structlog.get_logger()

LOOK_SECONDS = 2.0


class Registry(Protocol):
    def refresh(self) -> bool:
        """Bring the registry to the catalogue. Raises StoreUnavailable."""


class CatalogueFollower:
    """``notify`` may be called by any thread; ``run`` belongs to one."""

    def __init__(self, registry: Registry, seconds: float = LOOK_SECONDS) -> None:
        self._registry = registry
        self._seconds = seconds
        self._changed = threading.Event()
        self._stopped = False

    def notify(self) -> None:
        """Look at once."""
        self._changed.set()

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()

    def run(self) -> None:
        while not self._stopped:
            self.once()
            self._changed.wait(self._seconds)
            self._changed.clear()

    def once(self) -> None:
        try:
            if self._registry.refresh():
                log.info("workflows changed")
        except StoreUnavailable as error:
            log.warning("workflows not followed", error=error.message)
        except Exception:
            # A newer release wrote something that this one cannot read. The thread must go on.
            log.exception("workflows cannot be read")
