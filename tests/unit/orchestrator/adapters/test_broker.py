"""The broker's connection is made again, whatever ends it."""

from __future__ import annotations

import pytest

from orchestrator.adapters.rabbitmq.broker import Broker


def test_a_connection_that_breaks_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker("amqp://nobody:nothing@127.0.0.1:1/", ["w"], prefetch=1)
    tries = []

    def connect() -> None:
        tries.append(1)
        if len(tries) == 2:
            broker.stop()
        raise ConnectionError

    monkeypatch.setattr(broker, "_connect", connect)
    broker.run(lambda _delivery: None)
    assert len(tries) == 2
    assert not broker.connected
