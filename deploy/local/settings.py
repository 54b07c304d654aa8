"""The settings of one local cluster: the folder of its state, its ports, and which parts are embedded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contracts.errors import InvalidSetting
from deploy.local.errors import ClusterError
from deploy.local.files import write_private
from deploy.local.ports import HOST, Ports, choose_ports
from runtime.settings import FILE, values_from_files

CHECKOUT = Path(__file__).resolve().parents[2]
OWN_HOME = CHECKOUT / ".local"
EVERY_MODEL = "*"
# A unix socket's path has at most 107 bytes, "/torchserve/.ts.sock.9000" and the like after this folder included.
LONGEST_RUN_FOLDER = 70
# Read by this program. Every other SHOWCASE_* setting is passed on, also one that names a file (SHOWCASE_…_FILE).
OWN_SETTINGS = (
    "SHOWCASE_PORT",
    "SHOWCASE_MONGO_URL",
    "SHOWCASE_MONGO_DATABASE",
    "SHOWCASE_AMQP_URL",
    "SHOWCASE_MODEL_SERVERS",
    "SHOWCASE_LOG_FORMAT",
)
# For this program and the tests only: never passed on.
CONTROL_SETTINGS = {"SHOWCASE_DATA", "SHOWCASE_PORT_BASE"}
# The client's, and what .env holds for docker compose alone: never passed on.
OTHERS_SETTINGS = {
    "SHOWCASE_BIND",
    "SHOWCASE_CLASSIFICATION_PORT",
    "SHOWCASE_DIGIT_PORT",
    "SHOWCASE_MONGO_PASSWORD",
    "SHOWCASE_RABBITMQ_PASSWORD",
    "SHOWCASE_SEGMENTATION_PORT",
    "SHOWCASE_URL",
}


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """One cluster. Where a URL is None, the part is embedded: this cluster starts and supervises it.

    ``host`` is the gateway's address; every other part listens on the loopback address.
    """

    home: Path
    ports: Ports
    model_store: Path = CHECKOUT / "model-store"
    builds_archives: bool = True
    host: str = HOST
    mongo_url: str | None = None
    mongo_database: str = "showcase"
    amqp_url: str | None = None
    model_servers: str | None = None
    log_format: str = "json"
    only: frozenset[str] = frozenset()
    passed_on: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_folder(self) -> Path:
        """The folder for sockets and temporary files: in ``home``, or a short one where that path is too long."""
        return run_folder(self.home)

    @property
    def embeds_model_server(self) -> bool:
        """Whether this cluster serves any model: none when ``*`` names a server for all of them."""
        return self.model_servers is None or not any(
            entry.split("=", 1)[0].strip() == EVERY_MODEL for entry in self.model_servers.split(",")
        )

    @property
    def model_servers_in_use(self) -> str:
        """`name=url` entries, comma-separated; `*=url` serves every model that has no entry of its own."""
        own = f"{EVERY_MODEL}=http://{HOST}:{self.ports.inference}"
        if self.model_servers is None:
            return own
        return f"{self.model_servers},{own}" if self.embeds_model_server else self.model_servers


def run_folder(home: Path) -> Path:
    """Return the folder of sockets and temporary files of the cluster in ``home``, short enough for a socket's path."""
    inside = home / "run"
    if len(bytes(inside)) <= LONGEST_RUN_FOLDER:
        return inside
    return Path("/tmp") / f"ml-showcase-{hashlib.sha256(bytes(home)).hexdigest()[:12]}"  # noqa: S108 - made 0700 and checked


def _number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ClusterError(f"{name}={text} is not a port number.") from None


def resolve_settings(
    environment: Mapping[str, str],
    *,
    home: Path | None = None,
    port: int | None = None,
    port_base: int | None = None,
    model_store: Path | None = None,
    only: frozenset[str] = frozenset(),
    host: str = HOST,
    remembered: Ports | None = None,
) -> ClusterSettings:
    """Return the settings of a cluster: arguments first, then ``SHOWCASE_*``, then what it had before.

    Raises ClusterError for a port that is not a number or does not exist.
    """
    chosen_home = OWN_HOME if home is None else home
    given = {name: value for name, value in environment.items() if name.startswith("SHOWCASE_") and value}
    try:
        held = values_from_files(given, OWN_SETTINGS)
    except InvalidSetting as error:
        raise ClusterError(error.message) from error
    given = {name: value for name, value in given.items() if name.removesuffix(FILE) not in held} | held
    if port is not None or port_base is not None:
        # Ports as arguments mean another cluster than the one that the environment describes.
        given.pop("SHOWCASE_PORT", None)
        given.pop("SHOWCASE_PORT_BASE", None)
    ports = choose_ports(
        port if port is not None else _number("SHOWCASE_PORT", given.pop("SHOWCASE_PORT", None)),
        port_base if port_base is not None else _number("SHOWCASE_PORT_BASE", given.get("SHOWCASE_PORT_BASE")),
        remembered,
        second_cluster=chosen_home != OWN_HOME,
    )
    return ClusterSettings(
        home=chosen_home,
        ports=ports,
        model_store=CHECKOUT / "model-store" if model_store is None else model_store,
        builds_archives=model_store is None,
        host=host,
        mongo_url=given.pop("SHOWCASE_MONGO_URL", None),
        mongo_database=given.pop("SHOWCASE_MONGO_DATABASE", "showcase"),
        amqp_url=given.pop("SHOWCASE_AMQP_URL", None),
        model_servers=given.pop("SHOWCASE_MODEL_SERVERS", None),
        log_format=given.pop("SHOWCASE_LOG_FORMAT", "json"),
        only=only,
        passed_on={
            name: value
            for name, value in sorted(given.items())
            # These follow from --host and --port, whatever a container's environment says.
            if name not in CONTROL_SETTINGS | OTHERS_SETTINGS | {"SHOWCASE_HOST", "SHOWCASE_PORT"}
        },
    )


def remember_settings(settings: ClusterSettings) -> None:
    """Store the settings of the cluster's last start. URLs may hold passwords: only the owner can read the file."""
    document = asdict(settings) | {
        "home": str(settings.home),
        "model_store": str(settings.model_store),
        "only": sorted(settings.only),
        "passed_on": dict(settings.passed_on),
    }
    write_private(settings.home / "cluster.json", json.dumps(document, indent=2) + "\n")


def recall_settings(home: Path) -> ClusterSettings | None:
    """Return the settings that the cluster in ``home`` was last started with; None without any of this release."""
    try:
        document = json.loads((home / "cluster.json").read_text())
        return ClusterSettings(
            **document
            | {
                "home": home,
                "ports": Ports.recalled(document["ports"]),
                "model_store": Path(document["model_store"]),
                "only": frozenset(document["only"]),
            }
        )
    except (OSError, ValueError, TypeError, LookupError):
        return None
