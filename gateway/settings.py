"""The gateway's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from contracts.models.descriptions import FILE_NAME
from runtime.settings import SharedSettings


class GatewaySettings(SharedSettings):
    """Settings of ``python -m gateway``."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 is every network interface."
    )
    port: int = Field(default=8100, ge=1, le=65535, description="Port to listen on.")
    allowed_hosts: str = Field(
        default="",
        max_length=4096,
        description="Host names by which the gateway may be reached, separated by commas; `*.example.com` is every "
        "name under one. IP addresses, names without a dot and `*.localhost` need no entry.",
    )
    cors_origins: str = Field(
        default="",
        max_length=4096,
        description="Origins (`https://app.example.com`), separated by commas, whose web pages may use the API from a "
        "browser. Pages of the gateway's own host always may.",
    )
    threads: int = Field(default=12, ge=1, le=256, description="Requests that the gateway processes at the same time.")
    connections: int = Field(
        default=1000, ge=10, le=4096, description="Connections that may be open at the same time, each with a thread."
    )
    header_seconds: float = Field(
        default=5.0, ge=1, le=600, description="Seconds that the header of a request may take to arrive."
    )
    slow_seconds: float = Field(
        default=10.0,
        ge=1,
        le=600,
        description="Seconds that a client may pause within a body, or while it reads a response.",
    )
    least_bytes_per_second: float = Field(
        default=4096.0,
        ge=1,
        description="Bytes per second that a client has to send or read after SHOWCASE_SLOW_SECONDS of pauses.",
    )
    watchers: int = Field(
        default=400,
        ge=1,
        le=4096,
        description="Clients that may wait for events or a result at the same time.",
    )
    idle_seconds: int = Field(
        default=60, ge=1, le=3600, description="Seconds after which an idle connection is closed."
    )
    upload_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1024, le=15 * 1024 * 1024, description="Largest accepted image, in bytes."
    )
    body_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=32 * 1024 * 1024,
        description="Bytes of request bodies that may be arriving at the same time, on all connections together. They "
        "are kept in memory and in the folder for temporary files.",
    )
    upload_pixels: int = Field(
        default=40_000_000, ge=1, le=178_956_970, description="Largest accepted image, in pixels."
    )
    queue_limit: int = Field(
        default=10_000,
        ge=0,
        le=10_000_000,
        description="Submissions of one workflow that may wait; the gateway refuses further ones. 0 means no limit.",
    )
    stored_bytes: int = Field(
        default=0,
        ge=0,
        description="Bytes of submissions and images that may be stored; the gateway refuses further ones. 0 means "
        "four fifths of what the database's disk has for it, or 100 GiB where the database does not tell its disk.",
    )
    stored_submissions: int = Field(
        default=1_000_000,
        ge=0,
        description="Submissions of all workflows that may be stored; the gateway refuses further ones. 0 means no "
        "limit.",
    )
    store_folder: str = Field(
        default="",
        max_length=4096,
        description="Folder of the database's files, if it is on this machine: its disk gives SHOWCASE_STORED_BYTES "
        "its default.",
    )
    model_descriptions: Path = Field(
        default=Path(__file__).resolve().parent.parent / "model-store" / FILE_NAME,
        description="File that describes the models; building the model archives writes it.",
    )
    retention_days: float = Field(
        default=30.0,
        ge=0,
        le=36_500,
        description="Days to keep a submission and its images; 0 keeps them forever.",
    )
