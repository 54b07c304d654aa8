"""The connection's thread outlives whatever its library raises: without it a process would take no work any more."""

import pytest

from contracts.messaging.topology import topology
from orchestrator.adapters.rabbitmq.broker import Broker


@pytest.mark.parametrize("error", [ValueError("Timeout closed before call"), AssertionError(), ConnectionError()])
def test_a_connection_that_breaks_in_any_way_is_made_anew(monkeypatch, error):
    broker = Broker("amqp://nobody:nothing@127.0.0.1:1/", topology(["w"]), ["w"], prefetch=1)
    tries = []

    def connect(_receive):
        tries.append(1)
        if len(tries) == 3:
            broker.stop()
        raise error

    monkeypatch.setattr(broker, "_connect", connect)
    broker.run(lambda _delivery: None, chance=lambda: 0.0)
    assert len(tries) == 3
    assert not broker.connected
