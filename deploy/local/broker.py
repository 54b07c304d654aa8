"""The embedded RabbitMQ and the Erlang port mapper that it needs."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.files import write_private
from deploy.local.parts import Part
from deploy.local.ports import HOST
from deploy.local.settings import CHECKOUT, ClusterSettings

USER = "showcase"
VIRTUAL_HOST = "showcase"
NODE = "showcase@localhost"
# The real scripts: those on PATH are Debian's wrappers, which change to the user and the folders of a system broker.
SCRIPTS = Path("/usr/lib/rabbitmq/bin")
# By default the port by which Erlang nodes talk to each other listens on all addresses, rabbitmqctl's too.
LOOPBACK_DISTRIBUTION = "-kernel inet_dist_use_interface {127,0,0,1}"
CONFIGURATION = CHECKOUT / "deploy" / "rabbitmq" / "rabbitmq.conf"


@dataclass(frozen=True, kw_only=True)
class BrokerSecrets:
    """The password of the broker's only user, and the cookie that its command-line tools authenticate with."""

    password: str
    cookie: str


def broker_secrets(home: Path) -> BrokerSecrets:
    """Return the secrets of the broker in ``home``; make them the first time, readable by their owner only.

    They are in the broker's own folder, so that they are deleted together with its data, which holds the user.
    """
    path = home / "rabbitmq" / "credentials.json"
    try:
        return BrokerSecrets(**json.loads(path.read_text()))
    except FileNotFoundError:
        pass
    made = BrokerSecrets(password=secrets.token_urlsafe(24), cookie=secrets.token_hex(20))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps(asdict(made)) + "\n")
    return made


def amqp_url(settings: ClusterSettings, known: BrokerSecrets) -> str:
    """Return the URL with credentials of the embedded broker."""
    return f"amqp://{USER}:{known.password}@{HOST}:{settings.ports.amqp}/{VIRTUAL_HOST}"


def broker_environment(settings: ClusterSettings) -> dict[str, str]:
    """Return the environment that the broker shares with its command-line tools."""
    folder = settings.home / "rabbitmq"
    return {
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(settings.ports.epmd),
        "HOME": str(folder),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_NODENAME": NODE,
    }


def broker_parts(settings: ClusterSettings, known: BrokerSecrets) -> list[Part]:
    """Return the port mapper and the broker."""
    folder = settings.home / "rabbitmq"
    environment = broker_environment(settings)
    epmd = Part(
        name="epmd",
        command=("epmd", "-address", HOST, "-port", str(settings.ports.epmd)),
        directory=folder,
        environment={},
        ports=(settings.ports.epmd,),
        stop_wait_seconds=3,
    )
    rabbitmq = Part(
        name="rabbitmq",
        command=(str(SCRIPTS / "rabbitmq-server"),),
        directory=folder,
        environment={
            **environment,
            # Makes the start script exec the Erlang machine instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_DIST_PORT": str(settings.ports.erlang_distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_LOG": "-color",
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": LOOPBACK_DISTRIBUTION,
        },
        ports=(settings.ports.amqp, settings.ports.erlang_distribution),
        folders=(folder / "data",),
        files={
            folder / "rabbitmq.conf": (
                CONFIGURATION.read_text()
                + f"\nlisteners.tcp.1 = {HOST}:{settings.ports.amqp}\n"
                + f"default_user = {USER}\ndefault_pass = {known.password}\ndefault_vhost = {VIRTUAL_HOST}\n",
                0o600,
            ),
            folder / "rabbitmq-env.conf": ("", 0o600),
            folder / "advanced.config": ("[].\n", 0o600),
            folder / "enabled_plugins": ("[].\n", 0o600),
            folder / ".erlang.cookie": (known.cookie, 0o400),
        },
        needs=frozenset({"epmd"}),
    )
    return [epmd, rabbitmq]
