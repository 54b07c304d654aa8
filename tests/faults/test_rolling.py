"""An old release and the new one side by side on one queue and one database, and then without the old one."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.support.checkout import CHECKOUT
from tests.support.extra_processes import extra
from tests.support.faults.load import Load, doubled
from tests.support.faults.waits import final_records, until_back
from tests.support.local_cluster import free_ports, running
from tests.support.patience import PATIENCE

OLD = "14afafbb85b0de3139519863fbcf35411dbb1784"
"""An earlier release with the same schema version: of another version, a process refuses to start beside this one."""

TOGETHER_SECONDS = 8.0
START_SECONDS = PATIENCE


def unpacked(commit: str, folder: Path) -> Path:
    """Return a checkout of an earlier commit. Needs the history: a clone that is not shallow."""
    packed = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, capture_output=True, check=False)
    assert packed.returncode == 0, f"{packed.stderr.decode()} Fetch the history: git fetch --unshallow"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def alive(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.mark.timeout(500)
def test_a_rolling_upgrade_under_load_loses_and_fails_nothing(tmp_path: Path) -> None:
    checkout = unpacked(OLD, tmp_path / "old")
    (tmp_path / "home").mkdir()
    with running(tmp_path / "home") as cluster:
        settings = cluster.environment()
        port = str(free_ports(1))
        url = f"http://127.0.0.1:{port}"
        with (
            extra("orchestrator", settings, tmp_path / "back.log", checkout=checkout) as back,
            extra("gateway", settings | {"SHOWCASE_PORT": port}, tmp_path / "front.log", checkout=checkout) as front,
        ):
            until(lambda: back.lines("broker connected") and alive(url), "the old release did not start")
            until_back(cluster)
            with Load(cluster.url) as to_new:
                with Load(url) as to_old:
                    time.sleep(TOGETHER_SECONDS)
                    assert back.stop() == 0
                    time.sleep(TOGETHER_SECONDS / 2)
                    assert front.stop() == 0
                time.sleep(TOGETHER_SECONDS / 2)
            ran = {line["submission_id"] for line in back.lines("submission succeeded")}
        by_old, by_new = set(to_old.accepted), set(to_new.accepted)
        records = final_records(cluster, to_old.accepted + to_new.accepted)

    figures = {
        "accepted by the old gateway": len(by_old),
        "by the new one": len(by_new),
        "of those run by the old orchestrator": f"{len(ran & by_old)} and {len(ran & by_new)}",
        "refused": sum(each.retryable for each in [*to_old.sent, *to_new.sent]),
        "ended": dict(Counter(record.state.value for record in records)),
    }
    sys.stdout.write(f"\n{figures}\n")
    assert {record.state.value for record in records} == {"succeeded"}, [each.reason for each in records if each.reason]
    assert doubled(records) == 0
    assert not any(record.lost_leases for record in records)
    assert ran & by_old, "the old orchestrator ran nothing of its own gateway's"
    assert ran & by_new, "the old orchestrator ran nothing of the new gateway's"
    assert by_old - ran, "the new orchestrator ran nothing of the old gateway's"
    # A request may fail only at the old gateway after its stop, and only if no id was returned.
    assert not any(each.retryable for each in to_new.sent)
    assert all(each.submission_id or each.retryable for each in [*to_old.sent, *to_new.sent])
