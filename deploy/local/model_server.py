"""The embedded TorchServe: one server for all the archives in the model store."""

from __future__ import annotations

import re
from collections import Counter

from deploy.local.parts import Part
from deploy.local.settings import ClusterSettings
from deploy.torchserve.archives import Archive
from deploy.torchserve.launch import LOGGING, Launch


def refused_models(said: str, patience: int = 3) -> dict[str, str]:
    """Return the models that could not be loaded ``patience`` times, with the reason, from what TorchServe printed.

    It tries again for five minutes and never gives the reason on its management port.
    """
    failures = re.findall(r"Failed to load model (\S+), exception (.*)", said)
    reasons = dict(failures)
    counts = Counter(name for name, _reason in failures)
    return {name: reasons[name] for name, count in counts.items() if count >= patience}


def model_server_part(settings: ClusterSettings, archives: list[Archive], java: str) -> Part:
    """Return the TorchServe that serves the cluster's archives."""
    folder = settings.home / "torchserve"
    ports = settings.ports
    launch = Launch(
        archives=archives,
        model_store=settings.model_store,
        state=folder,
        temporary=settings.run_folder / "torchserve",
        logs=settings.home / "logs",
        inference=ports.inference,
        management=ports.management,
        metrics=ports.metrics,
        grpc_inference=ports.grpc_inference,
        grpc_management=ports.grpc_management,
    )
    return Part(
        name="torchserve",
        # Behind the gateway and the database: accepting must not wait for a model to think.
        command=("nice", "-n", "10", *launch.command(java)),
        directory=folder,
        environment=launch.environment(),
        ports=(ports.inference, ports.management, ports.metrics, ports.grpc_inference, ports.grpc_management),
        files={launch.configuration_path: (launch.configuration(), 0o644)},
        inputs=(LOGGING.read_text(), *(archive.digest for archive in archives)),
        # Unpacked archives and the workers' sockets: a server that was killed leaves them behind.
        clears=(launch.temporary,),
    )
