"""Every command explains itself, every error is one sentence, and what a program reads stays plain."""

from __future__ import annotations

import json
import re
import sys

import pytest

from admin.__main__ import RunningSystem, main, run
from admin.command_line import PROGRAM, show
from admin.dead_letter_reports import DeadLetterReport
from admin.formatting import TEXT_KEPT, letters_table, plain, record
from contracts.errors import InvalidSetting
from runtime.settings import ConnectionSettings, describe
from tests.support.factories import make_submission
from tests.unit.admin.conftest import MemorySystem
from tests.unit.admin.test_dead_letters import GARBAGE

Captured = pytest.CaptureFixture[str]

GROUPS = ["", "aliases", "dead-letters", "submissions", "workflows"]
COMMANDS = [
    "aliases list",
    "aliases set",
    "aliases rollback",
    "aliases remove",
    "dead-letters list",
    "dead-letters show",
    "dead-letters requeue",
    "submissions show",
    "workflows validate",
    "workflows list",
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Captured:
    """Standard output as a terminal of 60 columns that shows colours."""
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)  # pytest replaces the stream before the test
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return capsys


def text_of(printed: str) -> str:
    """Return what was printed without the frames and line ends of a help page."""
    return " ".join(printed.replace("│", " ").split())


# Help.


@pytest.mark.parametrize("words", GROUPS + COMMANDS)
def test_every_command_says_what_it_does_and_with_which_exit_status(words: str, capsys: Captured) -> None:
    assert run([*words.split(), "--help"], RunningSystem()) == 0
    page = text_of(capsys.readouterr().out)
    assert f"Usage: {PROGRAM} {words}".strip() in page
    assert "Exit status: 0 when it is done; 1 when" in page


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_is_in_its_groups_list(group: str, capsys: Captured) -> None:
    run([*group.split(), "--help"], RunningSystem())
    page = capsys.readouterr().out
    named = re.findall(r"^│ ([a-z][a-z-]*) +[A-Z]", page, re.MULTILINE)  # and not --help, which may stand there too
    below = [name for name in GROUPS[1:] + COMMANDS if name.rpartition(" ")[0] == group]
    assert named == [name.split()[-1] for name in below]


def test_help_names_every_setting_with_its_default(capsys: Captured) -> None:
    run(["--help"], RunningSystem())
    page = text_of(capsys.readouterr().out)
    for name, default, meaning in describe(ConnectionSettings):
        assert f"{name}: {meaning} Default: {default}" in page


# Errors.


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dead-letter"],
        ["dead-letters"],
        ["dead-letters", "list", "--limit", "0"],
        ["dead-letters", "list", "--limit", "10001"],
        ["dead-letters", "list", "--limit", "²"],
        ["dead-letters", "list", "--\x1b"],
        ["dead-letters", "requeue"],
        ["dead-letters", "requeue", "x", "--all"],
        ["dead-letters", "show", "\x1b"],
        ["submissions", "show"],
        ["submissions", "show", " "],
        ["aliases", "list", "x"],
    ],
)
def test_a_wrong_command_is_one_line(words: list[str], capsys: Captured) -> None:
    assert run(words, RunningSystem()) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert re.fullmatch(rf"{PROGRAM}: [^\x1b\n]+[.?] {PROGRAM}[a-z -]* --help says more\.\n", written.err)


@pytest.mark.parametrize(("part", "setting"), [("store", "SHOWCASE_MONGO_URL"), ("letters", "SHOWCASE_AMQP_URL")])
def test_a_part_that_is_away_is_one_sentence_that_names_its_setting(
    system: MemorySystem, capsys: Captured, part: str, setting: str
) -> None:
    system.keep()
    getattr(system, part).away = True
    assert system("dead-letters", "list") == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert setting in written.err


@pytest.mark.parametrize(
    "words", ["aliases list", "aliases set digits stable v1.0.0", "submissions show x", "workflows list"]
)
def test_every_command_survives_that_the_database_is_away(system: MemorySystem, capsys: Captured, words: str) -> None:
    system.store.away = True
    assert system(*words.split()) == 1
    assert "SHOWCASE_MONGO_URL" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["submissions show x", "dead-letters show x", "dead-letters requeue x"])
def test_what_is_not_there_is_one_sentence(system: MemorySystem, capsys: Captured, words: str) -> None:
    assert system(*words.split()) == 1
    assert capsys.readouterr().err.startswith(f"{PROGRAM}: No ")


@pytest.mark.parametrize(
    ("name", "value", "words", "sentence"),
    [
        ("SHOWCASE_MONGOURL", "x", "aliases list", "Did you mean SHOWCASE_MONGO_URL?"),
        ("SHOWCASE_STORE_TIMEOUT_SECONDS", "soon", "submissions show x", "SHOWCASE_STORE_TIMEOUT_SECONDS is wrong: "),
        ("SHOWCASE_MONGO_URL", "mongodb://a:%", "submissions show x", "SHOWCASE_MONGO_URL is not a MongoDB address."),
        ("SHOWCASE_AMQP_URL", "amqp://a@:x/", "dead-letters list", "SHOWCASE_AMQP_URL is not an AMQP address."),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, name: str, value: str, words: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["admin", *words.split()])
    monkeypatch.setattr("logging.disable", lambda: None)  # other tests read logs
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    written = capsys.readouterr()
    assert (written.out, written.err.count("\n")) == ("", 1)
    assert sentence in written.err


def test_a_command_that_needs_no_broker_reads_no_address_of_one(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("SHOWCASE_AMQP_URL", "amqp://a@:x/")
    system = RunningSystem()
    system.submissions()
    system.close()
    with pytest.raises(InvalidSetting):
        system.open_letters()


# Output.


def test_json_is_whole_and_plain_on_a_terminal_too(system: MemorySystem, terminal: Captured) -> None:
    submission = system.keep(reason="x" * 5000 + "[red]")
    assert system("submissions", "show", submission.id, "--json") == 0
    text = terminal.readouterr().out
    assert "\x1b" not in text
    assert json.loads(text)["reason"] == "x" * 5000 + "[red]"


def test_a_program_reads_no_colours_and_one_line_a_row(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    submission = system.keep()
    system.letters.letters.append(GARBAGE)
    assert system("dead-letters", "list") == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert len(text.splitlines()) == 4
    assert all(line == line.rstrip() for line in text.splitlines())
    assert submission.id in text


def test_a_terminal_gets_colours_and_whole_ids(system: MemorySystem, terminal: Captured) -> None:
    submission = system.keep()
    assert system("dead-letters", "list") == 0
    text = terminal.readouterr().out
    assert "\x1b[1m" in text
    assert submission.id in text
    assert "…" not in text


def test_what_strangers_wrote_moves_no_cursor_and_fills_no_screen(capsys: Captured) -> None:
    show(record(make_submission(reason="\x1b[2J\n" + "x" * 5000)), letters_table([DeadLetterReport(GARBAGE)]))
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < TEXT_KEPT + 50


def test_square_brackets_are_text_and_no_markup(capsys: Captured) -> None:
    show(record(make_submission(reason="[red]:smile:[/red]")), "[bold]")
    text = capsys.readouterr().out
    assert "[red]:smile:[/red]" in text
    assert text.endswith("[bold]\n")


def test_a_long_value_says_how_long_it_is() -> None:
    assert plain("a" * 401) == "a" * 400 + "… (401 characters)"
    assert plain("a\tb\u2028c") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
