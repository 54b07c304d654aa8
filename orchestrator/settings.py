"""The orchestrator's settings."""

from __future__ import annotations

from pydantic import Field, field_validator

from runtime.settings import SharedSettings


class OrchestratorSettings(SharedSettings):
    """Settings of ``python -m orchestrator``."""

    model_servers: str = Field(
        default="*=http://127.0.0.1:8080",
        description="Model servers: name=url pairs, separated by commas; the name * stands for every other model.",
    )
    threads: int = Field(default=8, ge=1, le=256, description="Submissions that are processed at the same time.")
    lease_seconds: float = Field(
        default=8.0,
        ge=1,
        le=600,
        description="Seconds that a lease lasts. If it is not renewed, another orchestrator takes the submission over.",
    )
    sweep_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds between two sweeps, which find submissions whose job message was lost.",
    )
    republish_seconds: float = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="Seconds after which a queued submission's job is published again if its queue is empty.",
    )
    lost_leases_limit: int = Field(
        default=5,
        ge=1,
        le=100,
        description="A submission fails after this many orchestrators that held it have stopped unexpectedly.",
    )
    retry_budget_seconds: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="Seconds that a thread retries a step before it defers the submission.",
    )
    patience_seconds: float = Field(
        default=86400.0,
        ge=1,
        description="Seconds that a submission waits for a model that cannot be reached before it fails.",
    )
    fault_tries: int = Field(
        default=5,
        ge=1,
        le=100,
        description="A step fails after this many calls that ended in the same fault: a crash, a timeout, or a model "
        "that is not loaded.",
    )
    health_file: str = Field(
        default="",
        description="File that the orchestrator touches while it is healthy, for health checks; empty for none.",
    )
    drain_seconds: float = Field(
        default=12.0,
        ge=0,
        le=300,
        description="Seconds that a stopping orchestrator waits for its running work to finish.",
    )

    @field_validator("model_servers")
    @classmethod
    def _check_servers(cls, value: str) -> str:
        parse_servers(value)
        return value


def parse_servers(value: str) -> dict[str, str]:
    """Read ``name=url,name=url``. Raises ValueError with what is wrong."""
    servers: dict[str, str] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in value.split(","))), start=1):
        name, equals, url = entry.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            # Not the entry itself: its URL may hold a password.
            raise ValueError(f"entry {number} is not name=http://host:port")
        servers[name.strip()] = url.strip()
    if not servers:
        raise ValueError("no model server is named; write *=http://host:port")
    return servers
