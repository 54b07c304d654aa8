"""The two parts that run this project's code: the gateway and the orchestrator."""

from __future__ import annotations

import sys
from pathlib import Path

from contracts.models.descriptions import FILE_NAME
from deploy.local.parts import Part, digest_of_files, source_files
from deploy.local.settings import CHECKOUT, ClusterSettings
from deploy.local.workflows import workflows_folder

APPLICATIONS = ("orchestrator", "gateway")


def common_environment(settings: ClusterSettings, mongo_url: str, amqp_url: str) -> dict[str, str]:
    """Return the settings that the gateway and the orchestrator share, the user's own ``SHOWCASE_*`` among them."""
    return {
        **settings.passed_on,
        "SHOWCASE_MONGO_URL": mongo_url,
        "SHOWCASE_MONGO_DATABASE": settings.mongo_database,
        "SHOWCASE_AMQP_URL": amqp_url,
        "SHOWCASE_MODEL_SERVERS": settings.model_servers_in_use,
        "SHOWCASE_LOG_FORMAT": settings.log_format,
    }


def public_address(settings: ClusterSettings) -> dict[str, str]:
    """Return where the gateway listens, as settings."""
    return {"SHOWCASE_HOST": settings.host, "SHOWCASE_PORT": str(settings.ports.gateway)}


def _part(
    name: str,
    environment: dict[str, str],
    ports: tuple[int, ...],
    stop_wait_seconds: int,
    niceness: int = 0,
    reads: tuple[Path, ...] = (),
    workflows: Path = CHECKOUT / "workflows",
) -> Part:
    # Read at the start and never again: a running process is stale once one of them changes.
    sources = source_files(*(CHECKOUT / each for each in (name, "contracts", "image_files", "runtime")))
    published = [path for path in workflows.glob("*/*") if path.is_file()]
    others = [digest_of_files([path], path.parent) for path in reads if path.exists()]
    return Part(
        name=name,
        command=("nice", "-n", str(niceness), sys.executable, "-m", name),
        directory=CHECKOUT,
        # Each thread that read a large upload would otherwise keep a heap of its own of that size.
        environment={"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", **environment},
        ports=ports,
        inputs=(digest_of_files(sources, CHECKOUT), digest_of_files(published, workflows), *others),
        # Both would wait for these two anyway; started at the same time, they slow them down and log warnings.
        needs=frozenset({"rabbitmq", "database"}),
        stop_wait_seconds=stop_wait_seconds,
    )


def application_parts(settings: ClusterSettings, mongo_url: str, amqp_url: str) -> list[Part]:
    """Return the parts whose code is in this checkout."""
    common = common_environment(settings, mongo_url, amqp_url)
    descriptions = settings.model_store / FILE_NAME
    public = public_address(settings) | {"SHOWCASE_MODEL_DESCRIPTIONS": str(descriptions)}
    if settings.mongo_url is None:  # the embedded database's disk bounds what may be stored
        public["SHOWCASE_STORE_FOLDER"] = str(settings.home / "database")
    workflows = workflows_folder(settings)
    made = [
        # It drains for SHOWCASE_DRAIN_SECONDS and then gives its submissions back. It has a lower priority than the
        # gateway, because accepted submissions can wait and a client that submits should not.
        _part("orchestrator", common, (), stop_wait_seconds=20, niceness=5, workflows=workflows),
        _part(
            "gateway",
            common | public,
            (settings.ports.gateway,),
            stop_wait_seconds=10,
            reads=(descriptions,),
            workflows=workflows,
        ),
    ]
    return [part for part in made if (CHECKOUT / part.name / "__main__.py").exists()]
