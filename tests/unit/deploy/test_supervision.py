"""The supervisor's configuration and the scripts that become the parts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions

from deploy.local.errors import ClusterError
from deploy.local.files import make_private_folder, write_private
from deploy.local.parts import MARKER, Part
from deploy.local.settings import run_folder
from deploy.local.supervision import clean_environment, configuration, write_files

AWKWARD = "a 'quoted' \"value\" with # and ; and %(here)s and $HOME"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A cluster's home under a name that tries the formats; its path is long enough for sockets to lie elsewhere."""
    home = tmp_path / "100 % #1 ;"
    yield home
    shutil.rmtree(run_folder(home))


@pytest.fixture
def part(tmp_path: Path) -> Part:
    show = "import json, os, sys; print(json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]))"
    return Part(
        name="example",
        command=(sys.executable, "-c", show, AWKWARD),
        directory=tmp_path / "work",
        environment={"AWKWARD": AWKWARD},
        files={tmp_path / "work" / "secret": ("password", 0o600)},
        clears=(tmp_path / "temporary folder",),
    )


def test_the_script_hands_every_value_on_unchanged_and_empties_temporary_folders(
    part: Part, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "temporary folder" / "left over").mkdir(parents=True)
    write_files([part], home)
    script = home / "parts" / "example.sh"
    shown = subprocess.run(["/bin/sh", str(script), "digest"], capture_output=True, check=True, text=True).stdout
    directory, environment, arguments = json.loads(shown)
    assert (directory, arguments) == (str(tmp_path / "work"), [AWKWARD])
    assert (environment["AWKWARD"], environment[MARKER]) == (AWKWARD, str(home))
    assert list((tmp_path / "temporary folder").iterdir()) == []
    assert (tmp_path / "work" / "secret").stat().st_mode & 0o777 == 0o600
    assert script.stat().st_mode & 0o077 == 0


def test_the_script_becomes_the_process(part: Part, home: Path) -> None:
    shows_pid = replace(part, command=(sys.executable, "-c", "import os; print(os.getpid())"))
    write_files([shows_pid], home)
    with subprocess.Popen(["/bin/sh", home / "parts" / "example.sh"], stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0].strip() == str(process.pid)


def test_supervisor_accepts_what_is_written_wherever_the_checkout_lies(
    part: Part, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files([part, replace(part, name="other")], home)
    monkeypatch.chdir(home)
    options = ServerOptions()
    options.configfile = str(home / "supervisor.conf")
    options.process_config(do_usage=False)
    groups = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(groups) == {"example", "other"}
    example = groups["example"]
    assert example.command.startswith("/bin/sh parts/example.sh ")
    assert (example.autorestart, example.killasgroup, example.redirect_stderr) == (RestartUnconditionally, True, True)
    assert example.stdout_logfile == "logs/example.log"
    assert example.stdout_logfile_maxbytes == 10 * 1024 * 1024


def _command(part: Part, home: Path) -> str:
    parser = RawConfigParser()
    parser.read_string(configuration([part], home))
    return parser["program:example"]["command"]


def test_a_part_has_another_command_exactly_when_something_it_reads_changed(part: Part, tmp_path: Path) -> None:
    same = _command(part, tmp_path)
    assert _command(replace(part), tmp_path) == same
    path = next(iter(part.files))
    for changed in (
        replace(part, inputs=("another archive",)),
        replace(part, files={path: ("another password", 0o600)}),
        replace(part, environment={"AWKWARD": "no"}),
        replace(part, command=("true",)),
    ):
        assert _command(changed, tmp_path) != same


def test_parts_inherit_nothing_that_would_change_them() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/x", "MAKEFLAGS": "-j", "SHOWCASE_PORT": "1", "OPENBLAS_CORETYPE": "Zen"}
    assert clean_environment(given) == {"PATH": "/bin", "LANG": "C.UTF-8", "OPENBLAS_CORETYPE": "Zen"}


def test_a_private_file_replaces_one_that_may_not_be_written(tmp_path: Path) -> None:
    cookie = tmp_path / "cookie"
    write_private(cookie, "one", 0o400)
    write_private(cookie, "two", 0o400)
    assert (cookie.read_text(), cookie.stat().st_mode & 0o777) == ("two", 0o400)


def test_a_folder_that_is_a_link_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ClusterError, match="belongs to another user"):
        make_private_folder(tmp_path / "link")
