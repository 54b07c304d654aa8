"""What an operator reads and does: nothing is lost by looking, nothing is removed before it was rung for."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from admin.dead_letter_reports import DeadLetterReport, NotRequeueable
from admin.dead_letters import COMMANDS, Parts, parse, run
from admin.formatting import TEXT_KEPT, letters_table, record_text, record_values
from admin.ports import DeadLetter
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import DELIVERY_LIMIT, POISON
from contracts.submissions.documents import SCHEMA, Attempt, Gate, Lease, to_document
from contracts.submissions.states import StepState, SubmissionState
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.support.fakes import FakeLetters, MemoryStore

PROGRAM = "orchestrator"
GARBAGE = DeadLetter(9, b"\x1b[2J", "", "rejected", "showcase.jobs.digits", NOW)


def letter(submission, number=1, **changes) -> DeadLetter:
    job = Job(submission.id, submission.workflow.name, submission.workflow.version)
    values = {"tag": number, "body": encode_job(job), "message_id": submission.id, "reason": POISON}
    return DeadLetter(**values | {"queue": "", "since": NOW + timedelta(minutes=number)} | changes)


class World:
    def __init__(self):
        self.store = MemoryStore()
        self.letters = FakeLetters()

    def keep(self, state=SubmissionState.QUEUED, **changes):
        submission = make_submission(state=state, **changes)
        self.store.documents[submission.id] = to_document(submission)
        self.letters.letters.append(letter(submission, len(self.letters.letters) + 1))
        return submission

    def __call__(self, *arguments: str) -> int:
        return run(PROGRAM, parse(PROGRAM, arguments), Parts(self.store, lambda: self.letters))


@pytest.fixture
def world() -> World:
    return World()


# Looking.


def test_a_list_says_whose_they_are_and_why_and_leaves_them(world, capsys):
    queued, failed = world.keep(), world.keep(SubmissionState.FAILED)
    world.letters.letters.append(GARBAGE)
    before = list(world.letters.letters)
    assert world("dead-letters", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1].strip() for line in lines[1:4]] == [queued.id, failed.id, "-"]
    assert "queued" in lines[1]
    assert "failed" in lines[2]
    assert "given up: too many orchestrators stopped" in lines[2]
    assert "The message is not JSON." in lines[3]
    assert lines[4] == "3 of 3 shown, oldest first."
    assert world.letters.letters == before


@pytest.mark.parametrize(("options", "shown"), [([], [0, 1]), (["--newest"], [3, 2])])
def test_a_list_is_bounded_from_either_end(world, capsys, options, shown):
    ids = [world.keep().id for _ in range(4)]
    assert world("dead-letters", "list", "--json", "--limit", "2", *options) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["waiting"] == 4
    assert [each["submission_id"] for each in told["letters"]] == [ids[number] for number in shown]


def test_nothing_there_is_said(world, capsys):
    assert world("dead-letters", "list") == 0
    assert capsys.readouterr().out == "No dead letters.\n"


def test_a_letter_is_shown_with_the_record_of_its_submission(world, capsys):
    submission = world.keep(SubmissionState.FAILED, reason="It was given up (poison).")
    world.keep()
    assert world("dead-letters", "show", submission.id) == 0
    text = capsys.readouterr().out
    assert text.count("dead letter") == 1
    assert "It was given up (poison)." in text
    assert world("dead-letters", "show", submission.id, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["letters"][0]["state"], told["submission"]["_id"]) == ("failed", submission.id)


def test_a_letter_without_a_record_is_shown_all_the_same(world, capsys):
    submission = world.keep()
    world.store.documents.clear()
    assert world("dead-letters", "show", submission.id) == 0
    assert "No record: not stored." in capsys.readouterr().out


def test_a_newer_releases_submission_is_listed_and_not_read(world, capsys):
    submission = world.keep()
    world.store.documents[submission.id]["schema"] = SCHEMA + 1
    assert world("dead-letters", "list") == 0
    assert "of a newer release" in capsys.readouterr().out
    assert world("submissions", "show", submission.id) == 1
    assert f"schema {SCHEMA + 1}; this release knows {SCHEMA}. Upgrade it." in capsys.readouterr().err


def test_a_record_has_every_steps_gate_attempts_and_errors(world, capsys):
    submission = make_submission(
        make_workflow(GATED), state=SubmissionState.RUNNING, lease=Lease(owner="me", until=NOW)
    )
    first, second = submission.steps
    first.record(Attempt(started_at=NOW, ended_at=NOW + timedelta(seconds=0.25), error="It hung.", server="http://m"))
    first.state, first.output = StepState.SUCCEEDED, {"label": "x"}
    second.gate = Gate(expression="classification.label == 'y'", value=False, inputs={"classification.label": "x"})
    world.store.documents[submission.id] = to_document(submission)
    assert world("submissions", "show", submission.id) == 0
    text = capsys.readouterr().out
    for part in (
        "me until 2026-03-01 12:00:00.000Z",
        "step classification: succeeded, model classifier@1.2.0",
        "0.250 s  http://m  It hung.",
        """classification.label == 'y' -> false, seen: {"classification.label": "x"}""",
    ):
        assert part in text
    assert world("submissions", "show", submission.id, "--json") == 0
    assert json.loads(capsys.readouterr().out) == record_values(submission)


def test_what_strangers_wrote_moves_no_cursor_and_fills_no_screen():
    submission = make_submission(reason="\x1b[2J\n" + "x" * 5000)
    text = record_text(submission)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < TEXT_KEPT + 50
    assert "\x1b" not in letters_table([DeadLetterReport(GARBAGE)], 1, "oldest")


# Putting back to work.


def test_a_queued_one_is_rung_for_and_its_letter_removed(world, capsys):
    submission, other = world.keep(), world.keep()
    assert world("dead-letters", "requeue", submission.id) == 0
    assert world.letters.published == [Job(submission.id, "digits", "v1.0.0")]
    assert [each.message_id for each in world.letters.letters] == [other.id]
    assert capsys.readouterr().out == f"{submission.id}: rung for again.\n"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SubmissionState.FAILED, "retry runs what failed again"),
        (SubmissionState.SUCCEEDED, "nothing is left to do"),
        (SubmissionState.CANCELED, "nothing is left to do"),
        (SubmissionState.RUNNING, "works on it already"),
    ],
)
def test_any_other_state_keeps_its_letter_and_says_why(world, capsys, state, words):
    submission = world.keep(state)
    assert world("dead-letters", "requeue", submission.id) == 1
    written = capsys.readouterr()
    assert words in written.err
    assert written.err.count("\n") == 1
    assert (len(world.letters.letters), world.letters.published) == (1, [])
    assert world.store.fetch(submission.id).state is state


def test_all_are_gone_through_and_what_stays_is_told(world, capsys):
    queued, failed = world.keep(), world.keep(SubmissionState.FAILED)
    world.letters.letters.append(GARBAGE)
    assert world("dead-letters", "requeue", "--all") == 0
    told = capsys.readouterr().out
    assert f"{failed.id} stays: " in told
    assert "a message without an id stays: it names no submission. The message is not JSON." in told
    assert told.endswith("1 requeued, 2 stay.\n")
    assert [job.submission_id for job in world.letters.published] == [queued.id]
    assert len(world.letters.letters) == 2


def test_without_a_queue_that_takes_it_the_letter_stays(world, capsys):
    submission = world.keep()
    world.letters.queues.clear()
    assert world("dead-letters", "requeue", submission.id) == 1
    assert "no queue takes jobs of digits" in capsys.readouterr().err
    assert len(world.letters.letters) == 1


def test_a_store_that_goes_away_between_loses_nothing(world, capsys):
    world.keep()
    world.store.away = True
    assert world("dead-letters", "requeue", "--all") == 1
    assert (len(world.letters.letters), world.letters.published) == (1, [])


def test_a_newer_releases_message_is_left_to_that_release():
    newer = DeadLetter(1, b'{"schema": 2, "id": "x"}', "x", "rejected", "", None)
    assert DeadLetterReport(newer).requeue() == NotRequeueable("a newer release wrote it. Use that release's command.")


@pytest.mark.parametrize(
    ("reason", "words"),
    [(POISON, "given up"), ("delivery_limit", f"{DELIVERY_LIMIT} times"), ("maxlen", "(maxlen)"), ("", "no reason")],
)
def test_the_reason_is_told_in_words(reason, words):
    assert words in DeadLetterReport(letter(make_submission(), reason=reason)).why


# Errors.


@pytest.mark.parametrize(("part", "setting"), [("store", "SHOWCASE_MONGO_URL"), ("letters", "SHOWCASE_AMQP_URL")])
def test_a_part_that_is_away_is_told_in_a_sentence(world, capsys, part, setting):
    world.keep()
    getattr(world, part).away = True
    assert world("dead-letters", "list") == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert setting in written.err


@pytest.mark.parametrize("arguments", ["submissions show x", "dead-letters show x", "dead-letters requeue x"])
def test_what_is_not_there_is_told(world, capsys, arguments):
    assert world(*arguments.split()) == 1
    assert capsys.readouterr().err.startswith(f"{PROGRAM}: No ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dead-letter"],
        ["dead-letters"],
        ["dead-letters", "list", "--limit", "0"],
        ["dead-letters", "list", "--limit", "10001"],
        ["dead-letters", "list", "--limit", "²"],
        ["dead-letters", "requeue"],
        ["dead-letters", "requeue", "x", "--all"],
        ["dead-letters", "show", "\x1b"],
        ["submissions", "show"],
    ],
)
def test_a_wrong_command_is_told_in_a_line(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(PROGRAM, arguments)
    assert caught.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "--help says more" in written.err


def test_help_lists_the_commands_beside_the_settings():
    told = subprocess.run(
        [sys.executable, "-m", "orchestrator", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    for line in COMMANDS.splitlines():
        assert line.rstrip() in told
    assert "SHOWCASE_DRAIN_SECONDS" in told
