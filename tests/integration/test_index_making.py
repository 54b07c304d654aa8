"""Making indexes may take long; finding out that there is no database may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient

import gateway.mongo
import orchestrator.mongo
from contracts.errors import StoreUnavailable
from gateway.adapters.mongo import submissions as gateway_submissions
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from tests.support.local_cluster import free_ports

SIDES = {
    "gateway": (
        gateway.mongo.connect,
        lambda client: gateway_submissions.MongoStore(client, "x").publish([]),
    ),
    "orchestrator": (
        orchestrator.mongo.connect,
        lambda client: orchestrator_submissions.MongoStore(client, "x").prepare(),
    ),
}


@pytest.mark.timeout(30)  # the time that an index may take is a quarter of an hour
@pytest.mark.parametrize(("connect", "prepare"), SIDES.values(), ids=SIDES)
def test_a_database_that_is_away_is_told_under_the_usual_bound(
    connect: Callable[[str, float], MongoClient[Any]], prepare: Callable[[MongoClient[Any]], None]
) -> None:
    with (
        connect(f"mongodb://127.0.0.1:{free_ports(1)}/?directConnection=true", 0.2) as client,
        pytest.raises(StoreUnavailable),
    ):
        prepare(client)
