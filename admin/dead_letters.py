"""What an operator asks of a running system: ``dead-letters ...`` and ``submissions ...``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from admin.dead_letter_reports import DeadLetterReport, NotRequeueable
from admin.formatting import (
    letter_text,
    letter_values,
    letters_table,
    record_text,
    record_values,
)
from admin.ports import DeadLetter, DeadLetters
from contracts.errors import BrokerUnavailable, InvalidDocument, StoreUnavailable, UnknownSchema, UnknownWorkflow
from contracts.messaging.topology import DEAD_QUEUE_LENGTH
from contracts.submissions.documents import Submission
from runtime.settings import exit_with_error

COMMANDS = """commands (none runs the orchestrator; each has its own --help):
  dead-letters list        what nobody could work with: since when, of whom, and why
  dead-letters show ID     a submission's dead letters and its record
  dead-letters requeue ID  ring again for a queued submission, and take its letter away (or --all)
  submissions show ID      a submission's record: states, times, gates, attempts, errors
"""

REQUEUE = """Rings again for submissions that are still queued, and removes a dead letter only after the broker has
confirmed the new message: no message is lost, at worst one is doubled, which changes nothing.

Whatever else lies there stays, and the command says why. A submission that has failed stays failed, also one that was
given up because too many orchestrators stopped while they had it: states are final, clients were told of them. Submit
its image again; that makes a new submission. One that is running needs no message. The queue keeps the newest 10000
letters and drops the oldest by itself.

Exit status: 0 when something was rung for, or all was looked through (--all); 1 when nothing was, or the broker or the
database is away; 2 for a command that is wrong."""

LIST = """Lists what lies in the dead-letter queue and leaves it there. For a moment it is in this command's hands: a
second one that runs at the same time may see less."""


class Store(Protocol):
    """The part of the store that an operator reads. Raises StoreUnavailable, UnknownSchema, InvalidDocument."""

    def read(self, submission_id: str) -> Submission | None: ...


@dataclass(frozen=True)
class Parts:
    """What the commands work on; ``open_letters`` holds what it reads until its block ends."""

    store: Store
    open_letters: Callable[[], AbstractContextManager[DeadLetters]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        exit_with_error(self.prog, f"{message[:1].upper()}{message[1:]}. {self.prog} --help says more.")


def parse(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line. Leaves with status 2 and a sentence when it is wrong, with 0 for ``--help``."""
    parser = _Parser(prog=program, description=COMMANDS, formatter_class=argparse.RawDescriptionHelpFormatter)
    topics = parser.add_subparsers(dest="topic", required=True, metavar="dead-letters|submissions")
    letters = topics.add_parser("dead-letters", help="what nobody could work with")
    actions = letters.add_subparsers(dest="action", required=True, metavar="list|show|requeue")

    listing = actions.add_parser("list", description=LIST, help="list them")
    listing.add_argument("--limit", type=_count, default=50, help="letters at most, 1 to 10000 (50)")
    listing.add_argument("--newest", action="store_true", help="the newest first; else the oldest")
    listing.add_argument("--json", action="store_true", help="as JSON: {waiting, letters}")
    listing.set_defaults(run=_list)

    shown = actions.add_parser("show", help="show a submission's letters and its record")
    shown.add_argument("id", type=_id, metavar="ID", help="the submission's id")
    shown.add_argument("--json", action="store_true", help="as JSON: {letters, submission}")
    shown.set_defaults(run=_show)

    form = argparse.RawDescriptionHelpFormatter
    again = actions.add_parser("requeue", description=REQUEUE, formatter_class=form, help="put one back to work")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("id", type=_id, nargs="?", metavar="ID", help="the submission's id")
    which.add_argument("--all", action="store_true", help="every letter that lies there")
    again.set_defaults(run=_requeue)

    submissions = topics.add_parser("submissions", help="a submission's record")
    record = submissions.add_subparsers(dest="action", required=True, metavar="show").add_parser("show")
    record.add_argument("id", type=_id, metavar="ID", help="the submission's id")
    record.add_argument("--json", action="store_true", help="as JSON, with the names that the store uses")
    record.set_defaults(run=_record)
    return parser.parse_args(arguments)


def run(program: str, given: argparse.Namespace, parts: Parts) -> int:
    """Do what was asked and return the exit status; errors are one sentence on standard error."""
    try:
        status: int = given.run(given, parts)
    except _Nothing as nothing:
        return _complain(program, str(nothing))
    except StoreUnavailable:
        # Not the library's words: they run over lines, and tell of topologies and timeouts.
        return _complain(program, "The database does not answer. SHOWCASE_MONGO_URL says where it is looked for.")
    except BrokerUnavailable as error:
        return _complain(program, f"{error.message} SHOWCASE_AMQP_URL says where it is looked for.")
    except (UnknownSchema, InvalidDocument) as error:
        return _complain(program, error.message)
    return status


class _Nothing(Exception):
    """There is nothing to show or to do; says why."""


def _list(given: argparse.Namespace, parts: Parts) -> int:
    with parts.open_letters() as letters:
        waiting = letters.waiting()
        # The newest lie at the end: the queue is read to its end, which its length limits.
        found = letters.read(DEAD_QUEUE_LENGTH if given.newest else given.limit)
    if given.newest:
        found = found[::-1][: given.limit]
    reports = [_report(letter, parts.store) for letter in found]
    if given.json:
        _write(json.dumps({"waiting": waiting, "letters": [letter_values(report) for report in reports]}, indent=2))
    else:
        _write(letters_table(reports, waiting, "newest" if given.newest else "oldest"))
    return 0


def _show(given: argparse.Namespace, parts: Parts) -> int:
    with parts.open_letters() as letters:
        found = letters.read(DEAD_QUEUE_LENGTH)
    reports = [_report(letter, parts.store) for letter in found if _is_about(letter, given.id)]
    if not reports:
        raise _Nothing(f"No dead letter is about {given.id}. `submissions show {given.id}` shows its record.")
    submission = reports[0].submission
    if given.json:
        values = [letter_values(report) for report in reports]
        record = record_values(submission) if submission else None
        _write(json.dumps({"letters": values, "submission": record}, indent=2))
    else:
        record_part = record_text(submission) if submission else f"No record: {reports[0].missing_reason or 'no id'}."
        _write("\n\n".join([*map(letter_text, reports), record_part]))
    return 0


def _requeue(given: argparse.Namespace, parts: Parts) -> int:
    requeued, kept = 0, []
    with parts.open_letters() as letters:
        for letter in letters.read(DEAD_QUEUE_LENGTH):
            if not given.all and not _is_about(letter, given.id):
                continue
            report = _report(letter, parts.store)
            job = report.requeue()
            name = report.submission_id or "a message without an id"
            try:
                if isinstance(job, NotRequeueable):
                    raise _Nothing(job.sentence)
                letters.publish(job)
            except (_Nothing, UnknownWorkflow) as reason:
                kept.append(f"{name} stays: {reason}")
                continue
            letters.remove(letter)  # after the broker has the new message: at worst there are two
            requeued += 1
            _write(f"{name}: rung for again.")
    if not given.all and not requeued:
        raise _Nothing(" ".join(kept) or f"No dead letter is about {given.id}.")
    for sentence in kept:
        _write(sentence)
    if given.all:
        _write(f"{requeued} requeued, {len(kept)} stay.")
    return 0


def _record(given: argparse.Namespace, parts: Parts) -> int:
    submission = parts.store.read(given.id)
    if submission is None:
        raise _Nothing(f"No submission {given.id} is stored: the id is wrong, or it has expired.")
    _write(json.dumps(record_values(submission), indent=2) if given.json else record_text(submission))
    return 0


def _report(letter: DeadLetter, store: Store) -> DeadLetterReport:
    key = DeadLetterReport(letter).submission_id
    if not key:
        return DeadLetterReport(letter)
    try:
        submission = store.read(key)
    except UnknownSchema:
        return DeadLetterReport(letter, missing_reason="of a newer release")
    except InvalidDocument:
        return DeadLetterReport(letter, missing_reason="unreadable")
    return DeadLetterReport(letter, submission, missing_reason="" if submission else "not stored")


def _is_about(letter: DeadLetter, submission_id: str) -> bool:
    return DeadLetterReport(letter).submission_id == submission_id


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= DEAD_QUEUE_LENGTH:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {DEAD_QUEUE_LENGTH}")
    return int(text)


def _id(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("it is no submission's id")
    return text.strip()


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(program: str, sentence: str) -> int:
    sys.stderr.write(f"{program}: {sentence}\n")
    return 1
