"""The command line's frame: what every command has, and that nothing but sentences comes out."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from showcase import __main__, errors
from showcase.commands import app
from showcase.commands.exit_codes import MEANINGS, exit_code_of
from showcase.commands.files import file_stems
from showcase.commands.options import parse_time
from showcase.commands.output import printable
from showcase.resources import Submission
from tests.support.checkout import DOCS
from tests.support.client_errors import error_example, kinds
from tests.support.client_servers import submission

COMMANDS = typer.main.get_command(app).commands
PAGE = (DOCS / "client.md").read_text()
CLOSED_PORT = "http://127.0.0.1:9"


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["showcase", *arguments])
    with pytest.raises(SystemExit) as ending:
        __main__.main()
    return ending.value.code, capsys.readouterr()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json_and_takes_an_address(name):
    options = {each for parameter in COMMANDS[name].params for each in parameter.opts}
    assert {"--json", "--url"} <= options
    assert COMMANDS[name].help


def test_the_page_names_every_command_and_no_other():
    named = set(re.findall(r"^\$ showcase ([a-z]+)", PAGE, re.MULTILINE))
    assert named == set(COMMANDS)


def test_the_page_names_no_option_that_is_not_there():
    for name, used in re.findall(r"^\$ showcase ([a-z]+)(.*)$", PAGE, re.MULTILINE):
        options = {each for parameter in COMMANDS[name].params for each in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--?[a-z-]+", used)) <= options | {"--help"}, name


def test_the_page_and_the_help_give_every_exit_code(monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, "--help")
    assert code == 0
    shown = " ".join(printed.out.split())
    for number, meaning in MEANINGS.items():
        assert f"| {number} | {meaning} |" in PAGE
        assert f"{number} {meaning}" in shown


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind):
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
        ["doctor"],
        ["submit", __file__, "--workflow", "w"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_where_nobody_answers_every_command_says_so_and_exits_with_4(monkeypatch, capsys, tmp_path, arguments, as_json):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("showcase.transport.RetryPolicy", one_try)
    monkeypatch.setattr("showcase.watching.RECONNECT_POLICY", one_try())
    monkeypatch.setattr("showcase.client.RECONNECT_POLICY", one_try())
    code, printed = run(monkeypatch, capsys, *arguments, "--url", CLOSED_PORT, *(["--json"] if as_json else []))
    assert code == 4
    said = printed.out if arguments == ["doctor"] else printed.err
    assert CLOSED_PORT in said
    assert "Traceback" not in printed.err
    if as_json:
        for line in (printed.out + printed.err).splitlines():
            json.loads(line)


def one_try():
    from showcase.retries import RetryPolicy

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
        ["export", "--format", "xml"],
        ["delete", "x"],
        ["download"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_is_told_and_exits_with_2(monkeypatch, capsys, arguments):
    monkeypatch.setenv("SHOWCASE_URL", CLOSED_PORT)
    code, printed = run(monkeypatch, capsys, *arguments)
    assert code == 2
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
def test_whatever_is_raised_ends_in_a_sentence_and_a_code(monkeypatch, capsys, raised, code):
    def broken(**_):
        raise raised

    monkeypatch.setattr(__main__, "app", broken)
    assert run(monkeypatch, capsys, "list")[0] == code


def test_a_strangers_text_can_neither_move_the_cursor_nor_fill_the_screen():
    assert printable("a\x1b[2Jb\nc\u202e") == "a\ufffd[2Jb\ufffdc\ufffd"
    assert len(printable("x" * 10_000)) < 500


def test_images_of_one_name_get_files_of_two():
    one, other = Submission.of(submission()), Submission.of(submission(id="ffffffff-0000"))
    assert file_stems([(Path("a/x.png"), one), (Path("b/x.png"), other), (Path("y.png"), one)]) == [
        "x.7c9a3c52",
        "x.ffffffff",
        "y",
    ]


def test_times_are_moments_days_or_so_long_ago():
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert parse_time("2h", "--after", now) == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert parse_time("7d", "--after", now) == datetime(2026, 1, 24, 12, tzinfo=UTC)
    assert parse_time("2026-01-31T12:00:00+02:00", "--after") == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert parse_time("2026-01-31", "--after") == datetime(2026, 1, 31).astimezone()
    assert parse_time(None, "--after") is None
