"""The embedded TorchServe: one server for all the archives in the model store."""

from __future__ import annotations

import re
from collections import Counter

from deploy.local.parts import Part
from deploy.local.settings import ClusterSettings
from deploy.torchserve.archives import Archive
from deploy.torchserve.launch import LOGGING, Launch


def refused_models(output: str, patience: int = 3) -> dict[str, str]:
    """Return the models that failed to load ``patience`` times, with the reason, from TorchServe's ``output``.

    TorchServe retries for five minutes, and its management port never gives the reason.
    """
    failures = re.findall(r"Failed to load model (\S+), exception (.*)", output)
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
        # A lower priority than the gateway and the database: accepting a submission must not wait for a model.
        command=("nice", "-n", "10", *launch.command(java)),
        directory=folder,
        environment=launch.environment(),
        ports=(ports.inference, ports.management, ports.metrics, ports.grpc_inference, ports.grpc_management),
        files={launch.configuration_path: (launch.configuration(), 0o644)},
        inputs=(LOGGING.read_text(), *(archive.digest for archive in archives)),
        # Unpacked archives and the workers' sockets, which a killed server does not delete.
        clears=(launch.temporary,),
    )
