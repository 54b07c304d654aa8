"""An address that a library cannot read is refused with a sentence that names the setting, never with its password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.errors import InvalidSetting
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from orchestrator.adapters.rabbitmq.broker import Broker
from orchestrator.settings import parse_servers
from runtime.mongo import connect

WRONG = "u:secret@host:port/"


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: connect(f"mongodb://{WRONG}", "tests", 1.0), "SHOWCASE_MONGO_URL"),
        (lambda: RabbitJobPublisher(f"amqp://{WRONG}", [], print), "SHOWCASE_AMQP_URL"),
        (lambda: Broker(f"amqp://{WRONG}", [], 1), "SHOWCASE_AMQP_URL"),
    ],
    ids=["database", "job publisher", "broker"],
)
def test_a_wrong_address_names_its_setting(make: Callable[[], object], setting: str) -> None:
    with pytest.raises(InvalidSetting, match=setting) as caught:
        make()
    assert "secret" not in caught.value.message


def test_a_wrong_model_server_is_told_by_its_place() -> None:
    with pytest.raises(ValueError, match="entry 2") as caught:
        parse_servers(f"*=http://host, http://{WRONG}")
    assert "secret" not in str(caught.value)
