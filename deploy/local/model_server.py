"""The embedded TorchServe: one server for all the archives in the model store."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from deploy.local.parts import Part
from deploy.local.settings import ClusterSettings
from deploy.torchserve.archives import Archive
from deploy.torchserve.launch import LOGGING, Launch


def refused_models(output: str, patience: int = 3) -> dict[str, str]:
    """Return the models that failed to load ``patience`` times, with the reason, from TorchServe's ``output``.

    TorchServe retries for five minutes, and its management API never gives the reason.
    """
    failures = re.findall(r"Failed to load model (\S+), exception (.*)", output)
    reasons = dict(failures)
    counts = Counter(name for name, _reason in failures)
    return {name: reasons[name] for name, count in counts.items() if count >= patience}


def model_server_temporary(settings: ClusterSettings) -> Path:
    """Return the folder of TorchServe's temporary files and sockets, which a start of it makes private."""
    return settings.run_folder / "torchserve"


def model_server_part(settings: ClusterSettings, archives: list[Archive], java: str) -> Part:
    """Return the TorchServe that serves the cluster's archives."""
    folder = settings.home / "torchserve"
    ports = settings.ports
    launch = Launch(
        archives=archives,
        model_store=settings.model_store,
        state=folder,
        temporary=model_server_temporary(settings),
        logs=settings.home / "logs",
        inference=ports.inference,
        grpc_inference=ports.grpc_inference,
        grpc_management=ports.grpc_management,
    )
    return Part(
        name="torchserve",
        # A lower priority than the gateway and the database: accepting a submission must not wait for a model.
        command=("nice", "-n", "10", *launch.command(java)),
        directory=folder,
        environment=launch.environment(),
        ports=(ports.inference, ports.grpc_inference, ports.grpc_management),
        files={path: (text, 0o600) for path, text in launch.files.items()},
        inputs=(LOGGING.read_text(), *(archive.digest for archive in archives)),
        # Unpacked archives and sockets, which a killed server does not delete.
        clears=(launch.temporary,),
    )
