"""The use cases that the API calls: one object for each topic, each built once by ``gateway.__main__``."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.workflows.catalogue import Catalogue
from gateway.access.origins import OriginPolicy
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.publishing import Publishing
from gateway.events.subscriptions import EventBroadcaster
from gateway.events.wait import Waiter
from gateway.readiness.health import Readiness
from gateway.submissions.use_cases import SubmissionUseCases


@dataclass(frozen=True)
class Events:
    """The use cases that notify clients of a submission's changes."""

    broadcaster: EventBroadcaster
    waiter: Waiter


@dataclass(frozen=True)
class PublishedCatalogue:
    """The published workflows, the models that they call, and the changes of both."""

    workflows: Catalogue
    models: ModelDirectory
    publishing: Publishing


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
