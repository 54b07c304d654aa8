"""Where a cluster can be reached, in files that the client and ``python -m admin`` of the same checkout read."""

from __future__ import annotations

from dotenv import set_key

from deploy.local.cluster import Cluster
from deploy.local.files import write_private
from deploy.local.ports import HOST
from deploy.local.settings import ClusterSettings

ADDRESS = "address"
ENVIRONMENT = "environment"
OPERATORS_SETTINGS = ("SHOWCASE_MONGO_URL", "SHOWCASE_MONGO_DATABASE", "SHOWCASE_AMQP_URL")


def url_of(settings: ClusterSettings) -> str:
    """Return the gateway's URL, as this machine reaches it."""
    host = HOST if settings.host in {"0.0.0.0", "::", ""} else settings.host  # noqa: S104 - every interface is also this one
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.ports.gateway}"


def write_address(cluster: Cluster) -> None:
    """Write the gateway's URL to ``address``, and the operator's settings to ``environment``, as a ``.env`` has them.

    Both stay when the cluster stops, so that the client never talks to another one at the usual port meanwhile. The
    URLs may hold passwords: only the owner can read the files.
    """
    home = cluster.settings.home
    if any(part.name == "gateway" for part in cluster.parts):
        write_private(home / ADDRESS, url_of(cluster.settings) + "\n")
    path = home / ENVIRONMENT
    write_private(path, "")
    for name in OPERATORS_SETTINGS:
        set_key(path, name, cluster.client_environment[name])
