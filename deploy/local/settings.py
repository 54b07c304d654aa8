"""What one local cluster is asked to be: where it keeps its state, its ports, and what of it is embedded."""

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
# A unix socket's path has at most 107 bytes; to the folder come "/torchserve/.ts.sock.9000" and the like.
LONGEST_RUN_FOLDER = 70
# Meant for this program and for the tests, and for no other process.
# Which this program reads itself; every other one is handed on, and with it the name of a file that may hold it.
OWN_SETTINGS = (
    "SHOWCASE_PORT",
    "SHOWCASE_MONGO_URL",
    "SHOWCASE_MONGO_DATABASE",
    "SHOWCASE_AMQP_URL",
    "SHOWCASE_MODEL_SERVERS",
    "SHOWCASE_LOG_FORMAT",
)
CONTROL_SETTINGS = {"SHOWCASE_DATA", "SHOWCASE_PORT_BASE"}


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """One cluster. A URL that is None means that the part is embedded: started and looked after by this cluster.

    ``host`` is the gateway's; every other part listens on the loopback address.
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
        """Whether some model is served by this cluster: one named server for all means that none is."""
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

    @property
    def mongo_url_in_use(self) -> str:
        """The named database, or the embedded one."""
        return self.mongo_url or f"mongodb://{HOST}:{self.ports.mongo}/?directConnection=true"


def run_folder(home: Path) -> Path:
    """Return where sockets and temporary files of the cluster in ``home`` lie: always short enough for a socket."""
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
    """Put the settings of a cluster together: arguments first, then ``SHOWCASE_*``, then what it had before.

    Raises ClusterError for a port that is none.
    """
    chosen_home = OWN_HOME if home is None else home
    given = {name: value for name, value in environment.items() if name.startswith("SHOWCASE_") and value}
    try:
        held = values_from_files(given, OWN_SETTINGS)
    except InvalidSetting as error:
        raise ClusterError(error.message) from error
    given = {name: value for name, value in given.items() if name.removesuffix(FILE) not in held} | held
    if port is not None or port_base is not None:
        # Whoever names ports as arguments means a cluster apart from the one that the environment describes.
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
            # The cluster is on the loopback address, whatever a container's environment says.
            if name not in CONTROL_SETTINGS | {"SHOWCASE_HOST", "SHOWCASE_PORT"}
        },
    )


def remember_settings(settings: ClusterSettings) -> None:
    """Keep how the cluster was brought up. Its URLs may hold passwords: only its owner may read the file."""
    document = asdict(settings) | {
        "home": str(settings.home),
        "model_store": str(settings.model_store),
        "only": sorted(settings.only),
        "passed_on": dict(settings.passed_on),
    }
    write_private(settings.home / "cluster.json", json.dumps(document, indent=2) + "\n")


def recall_settings(home: Path) -> ClusterSettings | None:
    """Return how the cluster in ``home`` was brought up last; None when it never was, or by another release."""
    try:
        document = json.loads((home / "cluster.json").read_text())
        return ClusterSettings(
            **document
            | {
                "home": home,
                "ports": Ports(**document["ports"]),
                "model_store": Path(document["model_store"]),
                "only": frozenset(document["only"]),
            }
        )
    except (OSError, ValueError, TypeError, LookupError):
        return None
