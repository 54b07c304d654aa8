"""What the API is given: one object a topic, each built once by ``gateway.__main__``."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.workflows.catalogue import Catalogue
from gateway.access.origins import OriginPolicy
from gateway.api.health import Readiness
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import EventBroadcaster
from gateway.events.wait import Waiter
from gateway.submissions.use_cases import SubmissionUseCases


@dataclass(frozen=True)
class Events:
    """How a client learns what happens to a submission."""

    broadcaster: EventBroadcaster
    waiter: Waiter


@dataclass(frozen=True)
class PublishedCatalogue:
    """What is published here."""

    workflows: Catalogue
    models: ModelDirectory


@dataclass(frozen=True)
class Access:
    """Whose requests are accepted."""

    origins: OriginPolicy


@dataclass(frozen=True)
class Application:
    """The use cases behind the API, by topic."""

    submissions: SubmissionUseCases
    events: Events
    catalogue: PublishedCatalogue
    readiness: Readiness
    access: Access
