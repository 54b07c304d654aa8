"""A health check sees a file grow old, and one that never came."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestrator.health import MAX_AGE_SECONDS, problem, touch
from tests.support.checkout import CHECKOUT


def test_a_fresh_file_is_well_and_an_old_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "health"
    assert "no sweep has succeeded yet" in str(problem(path, 0))
    touch(path)
    os.utime(path, (1000, 1000))
    assert problem(path, 1000 + MAX_AGE_SECONDS) is None
    assert "21 s ago" in str(problem(path, 1000 + MAX_AGE_SECONDS + 1))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    def check(**environment: str) -> subprocess.CompletedProcess[str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
        command = [sys.executable, "-m", "orchestrator.health"]
        return subprocess.run(
            command, cwd=CHECKOUT, env=ours | environment, capture_output=True, text=True, check=False
        )

    assert "SHOWCASE_HEALTH_FILE names no file" in check().stderr
    path = tmp_path / "health"
    assert check(SHOWCASE_HEALTH_FILE=str(path)).returncode == 1
    touch(path)
    assert check(SHOWCASE_HEALTH_FILE=str(path)).returncode == 0
