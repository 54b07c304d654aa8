"""The embedded TorchServe: one server for all the archives in the model store."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.parts import Part
from deploy.local.ports import HOST
from deploy.local.settings import CHECKOUT, ClusterSettings

CONFIGURATION = CHECKOUT / "deploy" / "torchserve" / "config.properties"
LOGGING = CHECKOUT / "deploy" / "torchserve" / "log4j2.xml"
MANIFEST = "MAR-INF/MANIFEST.json"


@dataclass(frozen=True, order=True)
class Archive:
    """One built model: a ``.mar`` file, the name and version it is served under, and a digest of what is in it."""

    name: str
    version: str
    path: Path
    digest: str


def read_archive(path: Path) -> Archive:
    """Read name, version and digest of an archive. The time it was built at does not count as content.

    Raises ClusterError when it is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            entries = sorted((entry.filename, entry.CRC) for entry in archive.infolist() if entry.filename != MANIFEST)
        manifest.pop("createdOn", None)
        name, version = manifest["model"]["modelName"], manifest["model"]["modelVersion"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ClusterError(f"{path} is not a model archive ({error}); delete it and run: make models") from error
    content = json.dumps([manifest, entries], sort_keys=True)
    return Archive(name, version, path, hashlib.sha256(content.encode()).hexdigest()[:16])


def read_archives(model_store: Path) -> list[Archive]:
    """Read every archive of the model store, by name and version."""
    return sorted(read_archive(path) for path in model_store.glob("*.mar"))


def refused_models(said: str, patience: int = 3) -> dict[str, str]:
    """Return the models that could not be loaded ``patience`` times, with the reason, from what TorchServe printed.

    It tries again for five minutes and never gives the reason on its management port.
    """
    failures = re.findall(r"Failed to load model (\S+), exception (.*)", said)
    reasons = dict(failures)
    counts = Counter(name for name, _reason in failures)
    return {name: reasons[name] for name, count in counts.items() if count >= patience}


def model_server_part(settings: ClusterSettings, archives: list[Archive], java: str) -> Part:
    """Return TorchServe's Java side, run directly: the ``torchserve`` command would leave it to itself."""
    folder = settings.home / "torchserve"
    temporary = settings.run_folder / "torchserve"
    packages = Path(sys.executable).parents[1] / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    common = CONFIGURATION.read_text()
    vmargs = next(line.split("=", 1)[1].split() for line in common.splitlines() if line.startswith("vmargs="))
    ports = settings.ports
    own = {
        "inference_address": f"http://{HOST}:{ports.inference}",
        "management_address": f"http://{HOST}:{ports.management}",
        "metrics_address": f"http://{HOST}:{ports.metrics}",
        # gRPC cannot be switched off.
        "grpc_inference_address": HOST,
        "grpc_inference_port": str(ports.grpc_inference),
        "grpc_management_address": HOST,
        "grpc_management_port": str(ports.grpc_management),
        "model_store": str(settings.model_store),
    }
    if archives:
        own["load_models"] = ",".join(archive.path.name for archive in archives)
    return Part(
        name="torchserve",
        command=(
            # Behind the gateway and the database: accepting must not wait for a model to think.
            *("nice", "-n", "10"),
            java,
            f"-Dmodel_server_home={packages}",
            f"-Dlog4j.configurationFile=file://{LOGGING}",
            f"-Djava.io.tmpdir={temporary}",
            *vmargs,
            *("-cp", str(packages / "ts" / "frontend" / "*")),
            "org.pytorch.serve.ModelServer",
            *("--python", sys.executable),
            *("-f", str(folder / "config.properties")),
            *("-s", str(settings.model_store)),
            "-ncs",
        ),
        directory=folder,
        environment={
            "LOG_LOCATION": str(settings.home / "logs"),
            "METRICS_LOCATION": str(settings.home / "logs"),
            # One worker a model; more threads would only take turns on the same cores.
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "TEMP": str(temporary),
            "TMPDIR": str(temporary),
        },
        ports=(ports.inference, ports.management, ports.metrics, ports.grpc_inference, ports.grpc_management),
        files={
            folder / "config.properties": (
                common + "\n" + "".join(f"{name}={value}\n" for name, value in own.items()),
                0o644,
            )
        },
        inputs=(LOGGING.read_text(), *(archive.digest for archive in archives)),
        # Unpacked archives and the workers' sockets: a server that was killed leaves them behind.
        clears=(temporary,),
    )
