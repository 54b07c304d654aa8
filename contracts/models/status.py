"""Where a model is served and how its last call ended: orchestrators report it, the catalogue shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState


@dataclass(frozen=True)
class ServedModel:
    """``address`` contains no credentials; ``seen_at`` is when an orchestrator reported it, by the database's time."""

    model: ModelRef
    address: str
    state: ServedState
    seen_at: datetime


def to_document(served: ServedModel) -> dict[str, Any]:
    """Return what is stored under the model's name and version."""
    return {"address": served.address, "state": served.state.value, "seen_at": served.seen_at}


def read_served(model: ModelRef, document: dict[str, Any]) -> ServedModel:
    """Read a stored status. Raises KeyError and ValueError for a document that no release wrote."""
    return ServedModel(model, document["address"], ServedState(document["state"]), document["seen_at"])


def shown_address(url: str) -> str:
    """Return a model server's address without user, password, query and fragment; empty if it is no URL.

    An operator may have put a password into it, and clients may read it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
