"""How TorchServe is started, alone, in a container and in the local cluster: configuration, environment, command."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.torchserve import without_grpc
from deploy.torchserve.archives import Archive
from deploy.torchserve.management import LONGEST_SOCKET_PATH

HERE = Path(__file__).resolve().parent
CONFIGURATION = HERE / "config.properties"
LOGGING = HERE / "log4j2.xml"
LOOPBACK = "127.0.0.1"


def management_socket(temporary: Path) -> Path:
    """Return the socket of the management API of a server whose temporary files are in ``temporary``."""
    return temporary / "management.sock"


def metrics_socket(temporary: Path) -> Path:
    """Return the socket of the metrics API: ``curl --unix-socket … http://localhost/metrics``."""
    return temporary / "metrics.sock"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One server. ``state`` holds its configuration, ``temporary`` unpacked archives and sockets, ``logs`` its logs.

    Only the inference port listens on ``host``. A client of the management API can load code, so that is a socket in
    ``temporary``, which must be a folder that only its owner can enter.
    """

    archives: Sequence[Archive]
    model_store: Path
    state: Path
    temporary: Path
    logs: Path
    host: str = LOOPBACK
    inference: int = 8080
    grpc_inference: int = 7070
    grpc_management: int = 7071

    @property
    def files(self) -> dict[Path, str]:
        """The files in ``state`` that the server reads, with their texts."""
        return {self.configuration_path: self.configuration(), **without_grpc.files(self.state)}

    @property
    def configuration_path(self) -> Path:
        return self.state / "config.properties"

    def configuration(self) -> str:
        """Return the whole ``config.properties``."""
        own = {
            "inference_address": f"http://{self.host}:{self.inference}",
            "management_address": f"unix:{management_socket(self.temporary)}",
            "metrics_address": f"unix:{metrics_socket(self.temporary)}",
            # gRPC has no switch: its ports are on the loopback address and refuse every connection.
            "grpc_inference_address": LOOPBACK,
            "grpc_inference_port": str(self.grpc_inference),
            "grpc_management_address": LOOPBACK,
            "grpc_management_port": str(self.grpc_management),
            **without_grpc.configuration(self.state),
            "model_store": str(self.model_store),
        }
        if self.archives:
            own["load_models"] = ",".join(archive.path.name for archive in self.archives)
        return CONFIGURATION.read_text() + "\n" + "".join(f"{name}={value}\n" for name, value in own.items())

    def prepare(self) -> None:
        """Make the folders, the one with the sockets for this user alone, and write the files.

        Raises OSError when that cannot be, for instance because the folder is another user's or its path is too long.
        """
        if len(bytes(management_socket(self.temporary))) > LONGEST_SOCKET_PATH:
            raise OSError(errno.ENAMETOOLONG, "its path is too long for a socket")
        for folder in (self.state, self.logs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        # An earlier release may have made it for everybody. Only its owner may change this.
        self.temporary.chmod(0o700)
        for path, text in self.files.items():
            path.write_text(text)

    def environment(self) -> dict[str, str]:
        """Return the variables that are added to the process's environment."""
        return {
            "LOG_LOCATION": str(self.logs),
            "METRICS_LOCATION": str(self.logs),
            # Each model has a worker; more threads would only compete for the same cores.
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "TEMP": str(self.temporary),
            "TMPDIR": str(self.temporary),
        }

    def command(self, java: str) -> tuple[str, ...]:
        """Return the command of TorchServe's Java process; the ``torchserve`` command would detach from it."""
        packages = Path(sys.executable).parents[1] / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        common = CONFIGURATION.read_text()
        vmargs = next(line.split("=", 1)[1].split() for line in common.splitlines() if line.startswith("vmargs="))
        return (
            java,
            f"-Dmodel_server_home={packages}",
            f"-Dlog4j.configurationFile=file://{LOGGING}",
            f"-Djava.io.tmpdir={self.temporary}",
            *without_grpc.java_options(self.state),
            *vmargs,
            *("-cp", str(packages / "ts" / "frontend" / "*")),
            "org.pytorch.serve.ModelServer",
            *("--python", sys.executable),
            *("-f", str(self.configuration_path)),
            *("-s", str(self.model_store)),
            "-ncs",
        )
