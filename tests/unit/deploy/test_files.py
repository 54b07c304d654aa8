"""A cluster's folder is its owner's alone, also one that an earlier release left open."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local.errors import ClusterError
from deploy.local.files import close_to_others, private_opener


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_that_was_open_is_closed_and_what_is_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    data = home / "database" / "data"
    data.mkdir(parents=True)
    (data / "images.wt").write_text("PNG")
    (data / "images.wt").chmod(0o644)
    (home / "script.sh").write_text("")
    (home / "script.sh").chmod(0o755)
    (home / "link").symlink_to(tmp_path)
    tmp_path.chmod(0o755)
    for folder in (home, home / "database", data):
        folder.chmod(0o755)
    close_to_others(home)
    assert [_mode(path) for path in (home, home / "database", data)] == [0o700] * 3
    assert (_mode(data / "images.wt"), _mode(home / "script.sh")) == (0o600, 0o700)
    assert _mode(tmp_path) == 0o755, "a link leads out of the folder"


def test_a_folder_that_is_missing_is_made_closed(tmp_path: Path) -> None:
    close_to_others(tmp_path / "home")
    assert _mode(tmp_path / "home") == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="home cannot be made private"):
        close_to_others(tmp_path / "file" / "home")


def test_a_private_file_is_private_from_the_start(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open(tmp_path / "log", "w", opener=private_opener):
            pass
    finally:
        os.umask(before)
    assert _mode(tmp_path / "log") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
def test_another_user_reads_nothing(tmp_path: Path) -> None:
    # pytest's own folders are closed already.
    home = Path("/tmp") / f"showcase-test-{os.getpid()}"
    home.mkdir(mode=0o755)
    try:
        (home / "picture").write_text("PNG")
        (home / "picture").chmod(0o644)
        search = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "grep", "-r", "PNG", str(home)]
        assert subprocess.run(search, capture_output=True, check=False).returncode == 0
        close_to_others(home)
        assert subprocess.run(search, capture_output=True, check=False).stdout == b""
    finally:
        (home / "picture").unlink()
        home.rmdir()
