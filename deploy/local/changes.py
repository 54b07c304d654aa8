"""What `up` would change in the settings of a cluster, in lines that hide secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.models.status import shown_address
from deploy.local.settings import ClusterSettings

SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL")


@dataclass(frozen=True)
class Change:
    """A setting with its value before and after; None where it is not set."""

    name: str
    before: str | None
    after: str | None

    def line(self) -> str:
        """Return the change as a line for people. A secret is not shown, nor are the passwords of URLs."""
        if SECRET.search(self.name) and self.before and self.after:
            return f"{self.name}: another value (not shown)"
        return f"{self.name}: {_shown(self.name, self.before)} -> {_shown(self.name, self.after)}"


def changes(before: ClusterSettings, after: ClusterSettings) -> list[Change]:
    """Return every setting that differs, by name."""
    old, new = _flat(before), _flat(after)
    return [
        Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(settings: ClusterSettings) -> Mapping[str, str]:
    own = {
        "--host": settings.host,
        "--model-store": str(settings.model_store),
        "--only": ",".join(sorted(settings.only)),
        "SHOWCASE_PORT": str(settings.ports.gateway),
        "SHOWCASE_PORT_BASE": str(settings.ports.amqp),
        "SHOWCASE_MONGO_URL": settings.mongo_url,
        "SHOWCASE_MONGO_DATABASE": settings.mongo_database,
        "SHOWCASE_AMQP_URL": settings.amqp_url,
        "SHOWCASE_MODEL_SERVERS": settings.model_servers,
        "SHOWCASE_LOG_FORMAT": settings.log_format,
    }
    return {name: value for name, value in {**settings.passed_on, **own}.items() if value}


def _shown(name: str, value: str | None) -> str:
    if value is None:
        return "not set"
    if SECRET.search(name):
        return "set (not shown)"
    if "://" not in value:
        return value
    # One URL, or name=url pairs separated by commas.
    entries = [entry.rpartition("=") if "=http" in entry else ("", "", entry) for entry in value.split(",")]
    return ",".join(f"{key}{equals}{shown_address(url.strip())}" for key, equals, url in entries)
