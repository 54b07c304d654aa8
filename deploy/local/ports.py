"""The port of each part, and which process holds a port that is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from deploy.local.errors import ClusterError
from deploy.torchserve.ports import listening_fault

HOST = "127.0.0.1"
DEFAULT_GATEWAY_PORT = 8100
# The other parts' ports begin this far after the gateway's when only that is named: a few stay free between them.
BASE_AFTER_GATEWAY = 10
# The gateway's port in a second cluster (--home) that names only a base.
GATEWAY_AFTER_BASE = 9
HIGHEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The TCP ports of one cluster, all on the loopback address."""

    gateway: int
    amqp: int
    erlang_distribution: int
    epmd: int
    mongo: int
    inference: int
    grpc_inference: int
    grpc_management: int

    @classmethod
    def recalled(cls, stored: Mapping[str, int]) -> Ports:
        """Return stored ports. Those that only an earlier release had are left out; raises TypeError if one lacks."""
        return cls(**{name: port for name, port in dict(stored).items() if name in cls.__dataclass_fields__})

    @classmethod
    def counted_from(cls, base: int, gateway: int) -> Ports:
        """Number the parts' ports from ``base`` on; ``gateway`` is the public one.

        Raises ClusterError when one would lie outside 1..65535 or the gateway's is also another part's.
        """
        names = [name for name in cls.__dataclass_fields__ if name != "gateway"]
        others = {name: base + offset for offset, name in enumerate(names)}
        for port in (gateway, base, base + len(names) - 1):
            if not 1 <= port <= HIGHEST_PORT:
                raise ClusterError(f"Port {port} does not exist; choose SHOWCASE_PORT and SHOWCASE_PORT_BASE lower.")
        if gateway in others.values():
            raise ClusterError(
                f"SHOWCASE_PORT={gateway} lies among the ports {base} to {base + len(names) - 1} of the other parts; "
                "choose another SHOWCASE_PORT or SHOWCASE_PORT_BASE."
            )
        return cls(gateway=gateway, **others)


def choose_ports(gateway: int | None, base: int | None, remembered: Ports | None, *, second_cluster: bool) -> Ports:
    """Choose the ports: those that are named, or else those that this cluster had before, or else the defaults.

    A second cluster (its home is not the checkout's own) that names only its base counts its gateway's port from
    there too, since 8100 is the port of the checkout's own cluster.
    """
    if gateway is None and base is None and remembered is not None:
        return remembered
    if gateway is None:
        if second_cluster and base is not None:
            gateway = base + GATEWAY_AFTER_BASE
        else:
            gateway = remembered.gateway if remembered else DEFAULT_GATEWAY_PORT
    if base is None:
        base = gateway + BASE_AFTER_GATEWAY
    return Ports.counted_from(base, gateway)


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of the loopback address now."""
    return listening_fault(HOST, port) is None


def listener(port: int) -> psutil.Process | None:
    """Return the process that listens on ``port``, or None when there is none or it may not be seen."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.pid
            and connection.laddr
            and connection.laddr.port == port
        ):
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                return None
    return None


def taken_sentence(part: str, port: int, owner: psutil.Process | None, ports: Ports) -> str:
    """Return a sentence that names the process on the port that ``part`` needs, and how to choose another port."""
    holder = "something else"
    if owner is not None:
        try:
            holder = f"pid {owner.pid} ({owner.name()})"
        except psutil.Error:
            holder = f"pid {owner.pid}"
    change = f"SHOWCASE_PORT={port + 100}" if port == ports.gateway else f"SHOWCASE_PORT_BASE={ports.amqp + 100}"
    return f"Port {port} ({part}) is taken by {holder}; end it or choose another: make up {change}"
