"""What all commands have in common: options, exit codes, and errors as sentences."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.core import TyperGroup

from showcase import __main__, errors
from showcase.commands import app
from showcase.commands.exit_codes import MEANINGS, exit_code_of
from showcase.commands.files import file_stems
from showcase.commands.options import parse_time
from showcase.commands.output import printable
from showcase.resources import Submission
from showcase.retries import RetryPolicy
from tests.support.checkout import DOCS
from tests.support.client_errors import error_example, kinds
from tests.support.client_servers import submission

PAGE = (DOCS / "client.md").read_text()
CLOSED_PORT = "http://127.0.0.1:9"
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
WORKFLOWS = GROUP.commands["workflows"]
assert isinstance(WORKFLOWS, TyperGroup)
COMMANDS = {name: command for name, command in GROUP.commands.items() if name != "workflows"} | {
    "workflows" if name == "show" else f"workflows {name}": command for name, command in WORKFLOWS.commands.items()
}
"""Every command; ``showcase workflows`` without a further one is its ``show``."""

SHOWN = [
    (f"workflows {second}" if first == "workflows" and second in WORKFLOWS.commands else first, f" {second}{rest}")
    for first, second, rest in re.findall(r"^\$ showcase ([a-z]+) ?(\S*)(.*)$", PAGE, re.MULTILINE)
]
"""The commands of the page, each with its arguments."""


class Run(NamedTuple):
    """What a run of ``showcase`` left: its exit code, standard output and standard error."""

    code: object
    out: str
    err: str


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    """Return the exit code and the output of ``showcase`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["showcase", *arguments])
    with pytest.raises(SystemExit) as ending:
        __main__.main()
    printed = capsys.readouterr()
    return Run(ending.value.code, printed.out, printed.err)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_options_json_and_url(name: str) -> None:
    options = {each for parameter in COMMANDS[name].params for each in parameter.opts}
    assert {"--json", "--url"} <= options
    assert COMMANDS[name].help


def test_the_page_names_every_command_and_no_other() -> None:
    assert {name for name, _ in SHOWN} == set(COMMANDS)


def test_the_page_names_no_option_that_is_not_there() -> None:
    for name, used in SHOWN:
        options = {each for parameter in COMMANDS[name].params for each in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--?[a-z-]+", used)) <= options | {"--help"}, name


def test_the_page_and_the_help_give_every_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run(monkeypatch, capsys, "--help")
    assert printed.code == 0
    shown = " ".join(printed.out.split())
    for number, meaning in MEANINGS.items():
        assert f"| {number} | {meaning} |" in PAGE
        assert f"{number} {meaning}" in shown


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind: type[errors.ShowcaseError]) -> None:
    error = error_example(kind)
    assert exit_code_of(error) in MEANINGS
    assert exit_code_of(error) != 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "x"],
        ["watch", "x"],
        ["cancel", "x"],
        ["retry", "x"],
        ["delete", "x", "--yes"],
        ["download", "x"],
        ["export"],
        ["webhook", "x"],
        ["workflows"],
        ["models"],
        ["workflows", "x"],
        ["workflows", "show", "publish"],
        ["workflows", "validate", __file__],
        ["workflows", "publish", __file__],
        ["workflows", "retire", "x", "v1.0.0"],
        ["workflows", "alias", "x", "stable", "v1.0.0"],
        ["workflows", "rollback", "x"],
        ["workflows", "traffic", "x", "v1.0.0=100"],
        ["workflows", "audit"],
        ["models", "x"],
        ["doctor"],
        ["submit", __file__, "--workflow", "w"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]) if len(arguments) == 2 else arguments[0],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_without_a_server_every_command_says_so_and_exits_with_4(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    as_json: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("showcase.transport.RetryPolicy", one_try)
    monkeypatch.setattr("showcase.watching.RECONNECT_POLICY", one_try())
    monkeypatch.setattr("showcase.client.RECONNECT_POLICY", one_try())
    printed = run(monkeypatch, capsys, *arguments, "--url", CLOSED_PORT, *(["--json"] if as_json else []))
    assert printed.code == 4
    said = printed.out if arguments == ["doctor"] else printed.err
    assert CLOSED_PORT in said
    assert "Traceback" not in printed.err
    if as_json:
        for line in (printed.out + printed.err).splitlines():
            json.loads(line)


def one_try() -> RetryPolicy:
    return RetryPolicy(max_tries=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["submit"],
        ["submit", "x.png"],
        ["submit", "none.png", "--workflow", "w"],
        ["submit", __file__, "--workflow", "w", "--metadata", "novalue"],
        ["list", "--limit", "0"],
        ["list", "--after", "yesterday"],
        ["export", "--before", "999999999d"],
        ["workflows", "one", "two"],
        ["workflows", "--version", "v1.0.0"],
        ["workflows", "validate"],
        ["workflows", "validate", "none.yaml"],
        ["workflows", "publish", "none.yaml"],
        ["workflows", "alias", "x", "stable"],
        ["workflows", "alias", "x", "stable", "v1.0.0", "--remove"],
        ["workflows", "traffic", "x"],
        ["workflows", "traffic", "x", "v1.0.0"],
        ["workflows", "traffic", "x", "v1.0.0=50", "v1.0.0=50"],
        ["workflows", "traffic", "x", "v1.0.0=100", "--end"],
        ["models", "one", "two"],
        ["export", "--format", "xml"],
        ["delete", "x"],
        ["download"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_prints_its_error_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setenv("SHOWCASE_URL", CLOSED_PORT)
    printed = run(monkeypatch, capsys, *arguments)
    assert printed.code == 2
    assert printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (errors.Conflict(409, {"detail": "It has ended."}), 3),
        (PermissionError(13, "Permission denied", "/x"), 2),
        (ZeroDivisionError("oops"), 70),
    ],
)
def test_every_exception_ends_in_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int
) -> None:
    def broken(**_: object) -> None:
        raise raised

    monkeypatch.setattr(__main__, "app", broken)
    assert run(monkeypatch, capsys, "list").code == code


def test_untrusted_text_can_neither_move_the_cursor_nor_fill_the_screen() -> None:
    assert printable("a\x1b[2Jb\nc\u202e") == "a\ufffd[2Jb\ufffdc\ufffd"
    assert len(printable("x" * 10_000)) < 500


def test_images_with_the_same_name_get_different_files() -> None:
    one, other = Submission.of(submission()), Submission.of(submission(id="ffffffff-0000"))
    assert file_stems([(Path("a/x.png"), one), (Path("b/x.png"), other), (Path("y.png"), one)]) == [
        "x.7c9a3c52",
        "x.ffffffff",
        "y",
    ]


def test_a_time_is_a_date_with_or_without_a_time_of_day_or_an_age() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert parse_time("2h", "--after", now) == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert parse_time("7d", "--after", now) == datetime(2026, 1, 24, 12, tzinfo=UTC)
    assert parse_time("2026-01-31T12:00:00+02:00", "--after") == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert parse_time("2026-01-31", "--after") == datetime(2026, 1, 31).astimezone()
    assert parse_time(None, "--after") is None
