"""Settings: those that every process has, and how a process reads, describes and refuses its own."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from contracts.errors import InvalidSetting
from contracts.webhooks.policy import parse_secrets
from contracts.webhooks.targets import parse_allowed

PREFIX = "SHOWCASE_"
FILE = "_FILE"
"""SHOWCASE_<NAME>_FILE names a file that contains the setting, as Docker and Kubernetes provide secrets."""
MAX_FILE_CHARACTERS = 65_536
MISSPELLING_CUTOFF = 0.9
"""How similar a variable must be to one of our names to count as a misspelling of it. With a lower cutoff,
LEASE_SECONDS would be taken for a misspelt IDLE_SECONDS."""


class FileSettingsSource(PydanticBaseSettingsSource):
    """Settings from the files that SHOWCASE_<NAME>_FILE names. Raises InvalidSetting, as values_from_files does."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = variable(field_name)
        return values_from_files(os.environ, [name]).get(name), field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {name: value for value, name, _ in found if value is not None}


class ConnectionSettings(BaseSettings):
    """How a process reaches the platform's parts. Each setting is the environment variable SHOWCASE_<NAME>, or in the
    file that SHOWCASE_<NAME>_FILE names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # that one reads a whole folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, FileSettingsSource(settings_cls), env_settings, dotenv_settings

    mongo_url: str = Field(
        default="mongodb://127.0.0.1:27017",
        pattern=r"^mongodb(\+srv)?://",
        description="URL of the database (MongoDB protocol), with credentials and TLS options.",
    )
    mongo_database: str = Field(
        default="showcase", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of the database."
    )
    amqp_url: str = Field(
        default="amqp://guest:guest@127.0.0.1:5672/%2F",
        pattern=r"^amqps?://",
        description="URL of the message broker (RabbitMQ), with credentials, virtual host and TLS options.",
    )
    workflows: Path = Field(
        default=Path(__file__).resolve().parent.parent / "workflows",
        description="Folder with the workflow files, <name>/<version>.yaml.",
    )
    store_timeout_seconds: float = Field(
        default=5.0, ge=0.1, le=120, description="Seconds that one call to the database may take."
    )


class SharedSettings(ConnectionSettings):
    """What the gateway and the orchestrator have in common."""

    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="Format of log lines: json, console, or auto (console in a terminal, otherwise json).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level of the log lines that are written."
    )
    webhook_secret: str = Field(
        default="",
        max_length=1024,
        description="Secret that signs webhooks: whsec_ followed by 24 to 64 random bytes in base64. Without it no "
        "webhooks are sent. While you change it, set the old and the new secret, separated by a comma.",
    )
    webhook_allow: str = Field(
        default="",
        max_length=4096,
        description="Networks (10.1.0.0/16), addresses and host names, separated by commas, that webhooks may reach "
        "although they are not public.",
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


Settings = TypeVar("Settings", bound=ConnectionSettings)


def variable(field: str) -> str:
    """Return the environment variable of a settings field."""
    return PREFIX + field.upper()


def describe(settings: type[ConnectionSettings]) -> list[tuple[str, str, str]]:
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
    """Return the settings among ``names`` (variables) that files contain, without line breaks at the end.

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
                content = file.read(MAX_FILE_CHARACTERS + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise InvalidSetting(f"{name}{FILE} names {path}, which cannot be read: {reason}.") from error
        if len(content) > MAX_FILE_CHARACTERS:
            raise InvalidSetting(
                f"{name}{FILE} names {path}, which is no setting: it has more than {MAX_FILE_CHARACTERS} characters."
            )
        values[name] = content.rstrip("\r\n")
    return values


def read_settings(
    settings: type[Settings], program: str, purpose: str, arguments: Sequence[str], env_files: Sequence[Path] = ()
) -> Settings:
    """Return the process's settings, read from its environment and the files that it names.

    ``env_files``, in the format of ``.env``, complete the environment, a later file before an earlier one; those that
    do not exist are left out.

    With ``--help`` it prints all settings and exits. If a setting is wrong or misspelt, it exits with status 2 and one
    sentence that names the setting.
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
        # A longer name that begins like one of ours (SHOWCASE_PORT_BASE) is another program's, not a misspelling.
        if name.startswith(PREFIX) and name not in known and not name.startswith(tuple(f"{k}_" for k in known)):
            similar = difflib.get_close_matches(name, known, n=1, cutoff=MISSPELLING_CUTOFF)
            if similar:
                exit_with_error(program, f"{name} is not a setting. Did you mean {similar[0]}?")
    try:
        return settings(_env_file=tuple(env_files))
    except InvalidSetting as error:
        exit_with_error(program, error.message)
    except ValidationError as error:
        first = error.errors()[0]
        name = variable(str(first["loc"][0])) if first["loc"] else PREFIX
        exit_with_error(program, f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}.")


def exit_with_error(program: str, sentence: str) -> NoReturn:
    """End the process with status 2 and one sentence."""
    sys.stderr.write(f"{program}: {sentence}\n")
    raise SystemExit(2)
