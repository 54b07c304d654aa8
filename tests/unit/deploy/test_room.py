"""The database is kept away from a full disk."""

import subprocess
import sys

import pytest

from deploy.local import room
from tests.support.checkout import CHECKOUT


@pytest.fixture
def disk(monkeypatch):
    """Sets how many megabytes are free."""
    free = [0]
    monkeypatch.setattr(room, "free_megabytes", lambda folder: free[0])
    return free


def test_it_starts_at_once_where_there_is_room(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.local.room", "--folder", str(tmp_path), "--", "/bin/echo", "started", "--now"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "started --now\n"


def test_it_waits_for_room_and_says_why_once_a_minute(disk, monkeypatch, tmp_path, capsys):
    now = [1000.0]

    def sleep(seconds):
        now[0] += seconds
        if now[0] > 1100:
            disk[0] = room.START_MEGABYTES

    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(room.time, "sleep", sleep)
    room.until_there_is_room(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "0 MB free" in lines[0]
    assert "Make room" in lines[0]


def test_it_stops_before_it_could_not_start(disk, tmp_path):
    assert room.STOP_MEGABYTES < room.START_MEGABYTES
    disk[0] = room.STOP_MEGABYTES
    assert not room.lack(tmp_path, room.STOP_MEGABYTES)
    assert room.lack(tmp_path, room.START_MEGABYTES)
    disk[0] -= 1
    assert room.lack(tmp_path, room.STOP_MEGABYTES)
