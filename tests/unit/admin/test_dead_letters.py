"""What an operator reads and does: nothing is lost by looking, nothing is removed before it was published again."""

from __future__ import annotations

import json

import pytest

from admin.dead_letter_reports import DeadLetterReport, NotRequeueable
from admin.ports import DeadLetter
from contracts.messaging.jobs import Job
from contracts.messaging.topology import DELIVERY_LIMIT, POISON
from contracts.submissions.documents import SCHEMA
from contracts.submissions.states import SubmissionState
from tests.support.factories import NOW, make_submission
from tests.unit.admin.conftest import MemorySystem, make_letter

Captured = pytest.CaptureFixture[str]

GARBAGE = DeadLetter(9, b"\x1b[2J", "", "rejected", "showcase.jobs.digits", NOW)


# Looking.


def test_a_list_says_whose_they_are_and_why_and_leaves_them(system: MemorySystem, capsys: Captured) -> None:
    queued, failed = system.keep(), system.keep(SubmissionState.FAILED)
    system.letters.letters.append(GARBAGE)
    before = list(system.letters.letters)
    assert system("dead-letters", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["WHEN", "SUBMISSION", "WORKFLOW", "STATE", "WHY"]
    assert [line.split("  ")[1].strip() for line in lines[1:4]] == [queued.id, failed.id, "-"]
    assert "queued" in lines[1]
    assert "failed" in lines[2]
    assert "given up: too many orchestrators stopped" in lines[2]
    assert "The message is not JSON." in lines[3]
    assert lines[4] == "3 of 3 shown, oldest first."
    assert system.letters.letters == before


@pytest.mark.parametrize(("options", "shown"), [([], [0, 1]), (["--newest"], [3, 2])])
def test_a_list_is_bounded_from_either_end(
    system: MemorySystem, capsys: Captured, options: list[str], shown: list[int]
) -> None:
    ids = [system.keep().id for _ in range(4)]
    assert system("dead-letters", "list", "--json", "--limit", "2", *options) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["waiting"] == 4
    assert [each["submission_id"] for each in printed["letters"]] == [ids[number] for number in shown]


def test_an_empty_queue_is_a_sentence(system: MemorySystem, capsys: Captured) -> None:
    assert system("dead-letters", "list") == 0
    assert capsys.readouterr().out == "No dead letters.\n"


def test_a_letter_is_shown_with_the_record_of_its_submission(system: MemorySystem, capsys: Captured) -> None:
    submission = system.keep(SubmissionState.FAILED, reason="It was given up (poison).")
    system.keep()
    assert system("dead-letters", "show", submission.id) == 0
    text = capsys.readouterr().out
    assert text.count("dead letter") == 1
    assert "It was given up (poison)." in text
    assert system("dead-letters", "show", submission.id, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["letters"][0]["state"], printed["submission"]["_id"]) == ("failed", submission.id)


def test_a_letter_without_a_record_is_shown_all_the_same(system: MemorySystem, capsys: Captured) -> None:
    submission = system.keep()
    system.store.documents.clear()
    assert system("dead-letters", "show", submission.id) == 0
    assert "No record: not stored." in capsys.readouterr().out
    assert system("dead-letters", "show", submission.id, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["letters"][0]["missing_reason"], printed["submission"]) == ("not stored", None)


@pytest.mark.parametrize(
    ("changes", "words"), [({"schema": SCHEMA + 1}, "of a newer release"), ({"state": "odd"}, "unreadable")]
)
def test_a_record_that_cannot_be_read_is_listed_with_the_reason(
    system: MemorySystem, capsys: Captured, changes: dict[str, object], words: str
) -> None:
    submission = system.keep()
    system.store.documents[submission.id] |= changes
    assert system("dead-letters", "list") == 0
    assert words in capsys.readouterr().out


# Requeuing.


def test_a_queued_submissions_job_is_published_and_its_letter_removed(system: MemorySystem, capsys: Captured) -> None:
    submission, other = system.keep(), system.keep()
    assert system("dead-letters", "requeue", submission.id) == 0
    assert system.letters.published == [Job(submission.id, "digits", "v1.0.0")]
    assert [each.message_id for each in system.letters.letters] == [other.id]
    assert capsys.readouterr().out == f"Published the job of {submission.id} again.\n"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SubmissionState.FAILED, "retry runs what failed again"),
        (SubmissionState.SUCCEEDED, "is succeeded, and nothing is left to do"),
        (SubmissionState.CANCELED, "is canceled, and nothing is left to do"),
        (SubmissionState.RUNNING, "an orchestrator works on it"),
    ],
)
def test_any_other_state_keeps_its_letter_and_says_why(
    system: MemorySystem, capsys: Captured, state: SubmissionState, words: str
) -> None:
    submission = system.keep(state)
    assert system("dead-letters", "requeue", submission.id) == 1
    written = capsys.readouterr()
    assert words in written.err
    assert written.err.count("\n") == 1
    assert (len(system.letters.letters), system.letters.published) == (1, [])
    stored = system.store.fetch(submission.id)
    assert stored is not None
    assert stored.state is state


def test_all_letters_are_looked_at_and_each_kept_one_has_its_sentence(system: MemorySystem, capsys: Captured) -> None:
    queued, failed = system.keep(), system.keep(SubmissionState.FAILED)
    system.letters.letters.append(GARBAGE)
    assert system("dead-letters", "requeue", "--all") == 0
    text = capsys.readouterr().out
    assert f"Kept the dead letter of {failed.id}: the submission has failed. " in text
    assert "Kept the dead letter of a message without an id: it names no submission. The message is not JSON." in text
    assert text.endswith("1 requeued, 2 kept.\n")
    assert [job.submission_id for job in system.letters.published] == [queued.id]
    assert len(system.letters.letters) == 2


def test_without_a_queue_that_takes_it_the_letter_stays(system: MemorySystem, capsys: Captured) -> None:
    submission = system.keep()
    system.letters.queues.clear()
    assert system("dead-letters", "requeue", submission.id) == 1
    assert "no queue takes jobs of digits" in capsys.readouterr().err
    assert len(system.letters.letters) == 1


def test_a_database_that_goes_away_meanwhile_loses_nothing(system: MemorySystem) -> None:
    system.keep()
    system.store.away = True
    assert system("dead-letters", "requeue", "--all") == 1
    assert (len(system.letters.letters), system.letters.published) == (1, [])


def test_a_newer_releases_message_is_left_to_that_release() -> None:
    newer = DeadLetter(1, b'{"schema": 2, "id": "x"}', "x", "rejected", "", None)
    assert DeadLetterReport(newer).requeue() == NotRequeueable("a newer release wrote it. Use that release's command.")


def test_every_state_says_something() -> None:
    for state in SubmissionState:
        submission = make_submission(state=state)
        asked = DeadLetterReport(make_letter(submission), submission).requeue()
        assert isinstance(asked, Job if state is SubmissionState.QUEUED else NotRequeueable)


def test_a_reason_with_braces_is_kept_as_it_is() -> None:
    submission = make_submission(state=SubmissionState.FAILED, reason="{id} {0} {")
    asked = DeadLetterReport(make_letter(submission), submission).requeue()
    assert isinstance(asked, NotRequeueable)
    assert asked.sentence.endswith("It failed with: {id} {0} {")


@pytest.mark.parametrize(
    ("reason", "words"),
    [(POISON, "given up"), ("delivery_limit", f"{DELIVERY_LIMIT} times"), ("maxlen", "(maxlen)"), ("", "no reason")],
)
def test_the_reason_is_explained_in_words(reason: str, words: str) -> None:
    assert words in DeadLetterReport(make_letter(make_submission(), reason=reason)).why
