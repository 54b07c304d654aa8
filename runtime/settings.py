"""Settings: the names that both processes share, and how any process reads, explains and refuses its own."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import InvalidSetting
from contracts.webhooks.policy import parse_secrets
from contracts.webhooks.targets import parse_allowed

PREFIX = "SHOWCASE_"
FILE = "_FILE"
"""SHOWCASE_<NAME>_FILE names a file that holds the setting: how Docker and Kubernetes hand over secrets."""
LONGEST_FILE = 65_536
SLIP = 0.9
"""How like ours a name must be to count as misspelt. Below, LEASE_SECONDS would be a slip of IDLE_SECONDS."""


class ConnectionSettings(BaseSettings):
    """How any process reaches the platform's parts. Each setting is the environment variable SHOWCASE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    mongo_url: str = Field(
        default="mongodb://127.0.0.1:27017",
        pattern=r"^mongodb(\+srv)?://",
        description="Database (MongoDB's protocol), with credentials and TLS in the URL.",
    )
    mongo_database: str = Field(
        default="showcase", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of the database."
    )
    amqp_url: str = Field(
        default="amqp://guest:guest@127.0.0.1:5672/%2F",
        pattern=r"^amqps?://",
        description="Message broker (RabbitMQ), with credentials, virtual host and TLS in the URL.",
    )
    workflows: Path = Field(
        default=Path(__file__).resolve().parent.parent / "workflows",
        description="Folder of workflow files, <name>/<version>.yaml.",
    )
    store_timeout_seconds: float = Field(
        default=5.0, ge=0.1, le=120, description="Seconds that one call to the database may take."
    )


class SharedSettings(ConnectionSettings):
    """What the gateway and the orchestrator have in common."""

    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Log lines: json, console, or auto (console in a terminal, else json)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe log lines that are written."
    )
    webhook_secret: str = Field(
        default="",
        max_length=1024,
        description="Secret that webhooks are signed with: whsec_ and 24 to 64 random bytes in base64. Empty: none are "
        "sent. While you change it, the old and the new one, comma-separated.",
    )
    webhook_allow: str = Field(
        default="",
        max_length=4096,
        description="Networks (10.1.0.0/16), addresses and host names that webhooks may reach although they are not "
        "public, comma-separated.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: str) -> str:
        parse_secrets(value)
        return value

    @field_validator("webhook_allow")
    @classmethod
    def _check_allow(cls, value: str) -> str:
        parse_allowed(value)
        return value


Settings = TypeVar("Settings", bound=BaseSettings)


def variable(field: str) -> str:
    """Return the environment variable of a settings field."""
    return PREFIX + field.upper()


def describe(settings: type[BaseSettings]) -> list[tuple[str, str, str]]:
    """Return (variable, default, meaning with unit) of every setting, in the order of the class."""
    rows = []
    for name, info in settings.model_fields.items():
        default = info.default
        if isinstance(default, Path) and default.is_absolute():
            default = f"{default.parent.name}/{default.name}" if default.suffix else default.name + "/"
        shown = "true" if default is True else "false" if default is False else str(default)
        rows.append((variable(name), shown, info.description or ""))
    return rows


def values_from_files(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the settings among ``names`` (variables) that a file holds, without the line's end.

    Raises InvalidSetting for a file that cannot be read, and for a setting that is given twice.
    """
    values = {}
    for name in names:
        path = environment.get(name + FILE, "")
        if not path:
            continue
        if environment.get(name):
            raise InvalidSetting(f"{name} and {name}{FILE} are both set; unset one of them.")
        try:
            with Path(path).open(encoding="utf-8") as file:
                content = file.read(LONGEST_FILE + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidSetting(f"{name}{FILE} names {path}, which cannot be read: {reason}.") from error
        if len(content) > LONGEST_FILE:
            raise InvalidSetting(f"{name}{FILE} names {path}, which is no setting: it is longer than {LONGEST_FILE}.")
        values[name] = content.rstrip("\r\n")
    return values


def read_settings(settings: type[Settings], program: str, purpose: str, arguments: Sequence[str]) -> Settings:
    """Read the process's settings from its environment, or from the files that it names.

    ``--help`` prints them all and leaves. Leaves with status 2 and one sentence that names the setting when one is
    wrong or misspelt.
    """
    rows = describe(settings)
    width = max(len(name) for name, _, _ in rows)
    table = "\n".join(f"  {name:<{width}}  {meaning} [{default}]" for name, default, meaning in rows)
    argparse.ArgumentParser(
        prog=program,
        description=purpose,
        epilog=f"settings (environment variables, defaults in brackets; each may be read from a file instead, "
        f"which {PREFIX}<NAME>{FILE} names):\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    known = [name for name, _, _ in rows]
    for name in sorted(os.environ):
        # A longer name that starts like one of ours (SHOWCASE_PORT_BASE) is another program's, not a slip.
        if name.startswith(PREFIX) and name not in known and not name.startswith(tuple(f"{k}_" for k in known)):
            close = difflib.get_close_matches(name, known, n=1, cutoff=SLIP)
            if close:
                exit_with_error(program, f"{name} is not a setting. Did you mean {close[0]}?")
    try:
        held = values_from_files(os.environ, known)
    except InvalidSetting as error:
        exit_with_error(program, error.message)
    try:
        values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in held.items()}
        return settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = variable(str(first["loc"][0])) if first["loc"] else PREFIX
        exit_with_error(program, f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}.")


def exit_with_error(program: str, sentence: str) -> NoReturn:
    """End the process with status 2 and one sentence."""
    sys.stderr.write(f"{program}: {sentence}\n")
    raise SystemExit(2)
