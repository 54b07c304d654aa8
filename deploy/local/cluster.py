"""Assembles a cluster from its settings: its parts, their readiness probes, and the settings that clients need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.application import APPLICATIONS, application_parts, common_environment, public_address
from deploy.local.broker import amqp_url, broker_parts, broker_secrets
from deploy.local.errors import ClusterError
from deploy.local.model_server import model_server_part, model_server_temporary
from deploy.local.parts import Part
from deploy.local.readiness import Probe, broker_ready, database_ready, gateway_ready, listens, models_ready
from deploy.local.secantus.database import database_part, database_url, watchdog_part
from deploy.local.settings import CHECKOUT, ClusterSettings, recall_settings
from deploy.torchserve.archives import Archive, BrokenArchive, read_archives
from deploy.torchserve.java import find_java
from deploy.torchserve.launch import management_socket
from deploy.torchserve.management import Management

PART_NAMES = ("rabbitmq", "database", "torchserve", *APPLICATIONS)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The parts of one cluster in the order they are shown, and the settings that its clients need."""

    settings: ClusterSettings
    parts: tuple[Part, ...]
    archives: tuple[Archive, ...]
    client_environment: Mapping[str, str]

    def probe(self, name: str) -> Probe:
        """Return the part's readiness probe. The orchestrator has no port: it is ready as soon as it runs."""
        ports, environment = self.settings.ports, self.client_environment
        folder = model_server_temporary(self.settings)
        probes: dict[str, Probe] = {
            "epmd": lambda: listens(ports.epmd),
            "rabbitmq": lambda: broker_ready(environment["SHOWCASE_AMQP_URL"]),
            "database": lambda: database_ready(environment["SHOWCASE_MONGO_URL"]),
            "torchserve": lambda: models_ready(Management(management_socket(folder)), self.archives),
            "gateway": lambda: gateway_ready(ports.gateway),
        }
        return probes.get(name, lambda: None)


def embedded_parts(settings: ClusterSettings) -> frozenset[str]:
    """Return which parts this cluster runs itself: of the wanted ones, those that no URL replaces."""
    named_elsewhere = {
        "rabbitmq": settings.amqp_url is not None,
        "database": settings.mongo_url is not None,
        "torchserve": not settings.embeds_model_server,
    }
    present = {name for name in APPLICATIONS if (CHECKOUT / name / "__main__.py").exists()}
    wanted = settings.only or (present | named_elsewhere.keys())
    if unknown := wanted - set(PART_NAMES):
        raise ClusterError(f"There is no part named {', '.join(sorted(unknown))}; there are {', '.join(PART_NAMES)}.")
    return frozenset(name for name in wanted if not named_elsewhere.get(name))


def assemble(settings: ClusterSettings, java: str | None) -> Cluster:
    """Assemble the cluster; make the broker's and the database's secrets where there are none.

    Raises ClusterError for a file in the model store that is not an archive, and for an unknown part.
    """
    wanted = embedded_parts(settings)
    known = broker_secrets(settings.home)
    url = settings.amqp_url or amqp_url(settings, known)
    mongo_url = settings.mongo_url or database_url(settings)
    parts: list[Part] = []
    archives: list[Archive] = []
    if "rabbitmq" in wanted:
        parts += broker_parts(settings, known)
    if "database" in wanted:
        parts += [database_part(settings), watchdog_part(settings, mongo_url)]
    if "torchserve" in wanted and java is not None:
        try:
            archives = read_archives(settings.model_store)
        except BrokenArchive as error:
            raise ClusterError(str(error)) from error
        parts.append(model_server_part(settings, archives, java))
    parts += [part for part in application_parts(settings, mongo_url, url) if part.name in wanted]
    return Cluster(
        settings=settings,
        parts=tuple(parts),
        archives=tuple(archives),
        client_environment=common_environment(settings, mongo_url, url) | public_address(settings),
    )


def recall_cluster(home: Path) -> Cluster:
    """Return the cluster that was started in ``home``. Raises ClusterError when there is none."""
    settings = recall_settings(home)
    if settings is None:
        raise ClusterError(f"There is no cluster in {home}; start one: make up")
    return assemble(settings, find_java())
