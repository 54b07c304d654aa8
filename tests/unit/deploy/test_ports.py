"""Which ports a cluster gets, and what is said when one is taken."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, replace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.errors import ClusterError
from deploy.local.ports import Ports, choose_ports, is_free, listener, taken_sentence


def test_defaults_put_the_gateway_at_8100_and_the_rest_from_8110_on() -> None:
    ports = choose_ports(None, None, None, second_cluster=False)
    assert (ports.gateway, ports.amqp) == (8100, 8110)


def test_moving_the_gateway_moves_the_rest_with_it() -> None:
    assert choose_ports(8200, None, None, second_cluster=False).amqp == 8210


def test_moving_the_rest_leaves_the_gateway_of_the_own_cluster() -> None:
    assert choose_ports(None, 9000, None, second_cluster=False).gateway == 8100


def test_a_second_cluster_stays_away_from_the_users_gateway() -> None:
    assert choose_ports(None, 21000, None, second_cluster=True).gateway == 21009


def test_ports_are_remembered_until_others_are_named() -> None:
    first = choose_ports(8200, 9000, None, second_cluster=False)
    assert choose_ports(None, None, first, second_cluster=False) == first
    assert choose_ports(None, 9100, first, second_cluster=False).gateway == 8200
    assert choose_ports(8300, None, first, second_cluster=False).amqp == 8310


@given(base=st.integers(1, 65500), gateway=st.integers(1, 65535))
def test_no_two_parts_share_a_port(base: int, gateway: int) -> None:
    try:
        ports = Ports.counted_from(base, gateway)
    except ClusterError:
        assert base <= gateway < base + 9
        return
    used = list(asdict(ports).values())
    assert len(set(used)) == len(used)


@pytest.mark.parametrize(("base", "gateway"), [(65530, 8100), (0, 8100), (8110, 70000)])
def test_a_port_that_does_not_exist_is_refused(base: int, gateway: int) -> None:
    with pytest.raises(ClusterError, match="does not exist"):
        Ports.counted_from(base, gateway)


def test_a_taken_port_is_seen_with_its_owner() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        owner = listener(port)
        assert owner is not None
        assert owner.pid == os.getpid()
    assert is_free(port)


def test_the_sentence_names_part_port_owner_and_the_way_out() -> None:
    ports = Ports.counted_from(8110, 8100)
    own = psutil.Process()
    sentence = taken_sentence("gateway", 8100, own, ports)
    assert f"Port 8100 (gateway) is taken by pid {own.pid} ({own.name()})" in sentence
    assert sentence.endswith("make up SHOWCASE_PORT=8200")
    assert taken_sentence("rabbitmq", 8110, None, ports).endswith("make up SHOWCASE_PORT_BASE=8210")
    assert "SHOWCASE_PORT_BASE" in taken_sentence("database", 8113, None, replace(ports, gateway=8300))
