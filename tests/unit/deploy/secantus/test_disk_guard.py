"""The database stops before its disk is full and starts when there is space."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.secantus import disk_guard
from tests.support.checkout import CHECKOUT


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sets how many megabytes are free."""
    free = [0]
    monkeypatch.setattr(disk_guard, "free_megabytes", lambda folder: free[0])
    return free


def test_it_starts_at_once_where_there_is_space(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "deploy.local.secantus.disk_guard",
            "--folder",
            str(tmp_path),
            "--",
            "/bin/echo",
            "started",
            "--now",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "started --now\n"


def test_it_waits_for_space_and_says_why_once_a_minute(
    disk: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 1100:
            disk[0] = disk_guard.START_MEGABYTES

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    disk_guard.wait_for_space(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "0 MB free" in lines[0]
    assert "Free some space" in lines[0]


def test_it_stops_before_it_could_not_start(disk: list[int], tmp_path: Path) -> None:
    assert disk_guard.STOP_MEGABYTES < disk_guard.START_MEGABYTES
    disk[0] = disk_guard.STOP_MEGABYTES
    assert not disk_guard.missing_space(tmp_path, disk_guard.STOP_MEGABYTES)
    assert disk_guard.missing_space(tmp_path, disk_guard.START_MEGABYTES)
    disk[0] -= 1
    assert disk_guard.missing_space(tmp_path, disk_guard.STOP_MEGABYTES)
