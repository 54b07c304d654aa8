"""The orchestrator's settings."""

from __future__ import annotations

from pydantic import Field, field_validator

from runtime.settings import SharedSettings


class OrchestratorSettings(SharedSettings):
    """Settings of ``python -m orchestrator``."""

    model_servers: str = Field(
        default="*=http://127.0.0.1:8080",
        description="Where models are served: name=url, comma-separated; * stands for every other model.",
    )
    threads: int = Field(default=8, ge=1, le=256, description="Submissions worked on at the same time.")
    lease_seconds: float = Field(
        default=8.0, ge=1, le=600, description="Seconds after which a silent orchestrator's submissions are taken over."
    )
    sweep_seconds: float = Field(
        default=2.0, gt=0, le=60, description="Seconds between two looks for submissions that nobody rang for."
    )
    republish_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="Seconds that a rung-for submission may stay queued in an idle queue."
    )
    lost_leases_limit: int = Field(
        default=5, ge=1, le=100, description="Orchestrators that may die on one submission before it fails."
    )
    retry_budget_seconds: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="Seconds that a thread tries a step before it sets the submission aside.",
    )
    patience_seconds: float = Field(
        default=86400.0, ge=1, description="Seconds that a submission waits for a model that cannot be reached."
    )
    fault_tries: int = Field(
        default=5, ge=1, le=100, description="Calls of one step that may crash the model or time out before it fails."
    )
    health_file: str = Field(
        default="", description="File that is touched while all is well, for health checks; empty for none."
    )
    drain_seconds: float = Field(
        default=12.0, ge=0, le=300, description="Seconds that work under way may take to finish when asked to stop."
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
