"""``dead-letters list|show|requeue``: the messages that no orchestrator could process."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from admin.command_line import (
    EXIT_STATUS,
    Json,
    NothingToDo,
    OptionalSubmissionId,
    SubmissionId,
    command_group,
    show,
    show_json,
    system_of,
)
from admin.dead_letter_reports import DeadLetterReport, NotRequeueable
from admin.formatting import letter, letter_values, letters_table, plain, record, record_values
from admin.ports import DeadLetter, DeadLetters, SubmissionReader
from contracts.errors import InvalidDocument, UnknownSchema, UnknownWorkflow
from contracts.messaging.topology import DEAD_QUEUE_LENGTH

app = command_group("Show the messages that no orchestrator could process, and requeue them.")

Limit = Annotated[
    int,
    typer.Option(
        min=1, max=DEAD_QUEUE_LENGTH, metavar="NUMBER", help=f"Dead letters to show at most, 1 to {DEAD_QUEUE_LENGTH}."
    ),
]
Newest = Annotated[bool, typer.Option("--newest", help="Show the newest first, else the oldest.")]
All = Annotated[bool, typer.Option("--all", help="Requeue every dead letter whose submission is queued.")]


@app.command("list", epilog=EXIT_STATUS)
def list_(context: typer.Context, limit: Limit = 50, newest: Newest = False, as_json: Json = False) -> None:
    """List the dead letters and leave them in their queue.

    Shows since when (UTC) each is there, its submission with workflow and state, and why it is there. For a moment this
    command holds the letters: a second one that runs at the same time may see fewer. --json prints {waiting, letters}.
    """
    system = system_of(context)
    with system.open_letters() as queue:
        waiting = queue.waiting()
        # The newest are at the end: the queue is read to its end, which its length limits.
        found = queue.read(DEAD_QUEUE_LENGTH if newest else limit)
    if newest:
        found = found[::-1][:limit]
    submissions = system.submissions()
    reports = [_report(each, submissions) for each in found]
    if as_json:
        show_json({"waiting": waiting, "letters": [letter_values(report) for report in reports]})
    elif not reports:
        show("No dead letters.")
    else:
        order = "newest" if newest else "oldest"
        show(letters_table(reports), f"{len(reports)} of {max(waiting, len(reports))} shown, {order} first.")


@app.command("show", epilog=EXIT_STATUS)
def show_letters(context: typer.Context, submission_id: SubmissionId, as_json: Json = False) -> None:
    """Show a submission's dead letters in full, with its record.

    Times are in UTC. --json prints {letters, submission}; submission is null when no record can be read.
    """
    system = system_of(context)
    with system.open_letters() as queue:
        found = [each for each in queue.read(DEAD_QUEUE_LENGTH) if _is_about(each, submission_id)]
    if not found:
        raise NothingToDo(
            f"No dead letter is about {submission_id}. `submissions show {submission_id}` shows its record."
        )
    submissions = system.submissions()
    reports = [_report(each, submissions) for each in found]
    submission = reports[0].submission
    if as_json:
        values = [letter_values(report) for report in reports]
        show_json({"letters": values, "submission": record_values(submission) if submission else None})
        return
    for report in reports:
        show(letter(report), "")
    show(record(submission) if submission else f"No record: {reports[0].missing_reason or 'no id'}.")


@app.command(epilog=EXIT_STATUS)
def requeue(context: typer.Context, submission_id: OptionalSubmissionId = None, every: All = False) -> None:
    """Publish the job of a queued submission again, and remove its dead letter.

    Give an ID or --all. A letter is removed only after the broker has confirmed the new message: no message is lost, at
    worst one is doubled, which changes nothing.

    Any other letter stays in the queue, and the command says why. A failed submission stays failed, because clients
    were told so; its retry over the API runs it again. A running one needs no message. The queue keeps the newest 10000
    letters and drops the oldest.

    With --all the exit status is 0 once every letter was looked at, also when none was requeued.
    """
    if every == (submission_id is not None):
        raise typer.BadParameter("give either an ID or --all.")
    system = system_of(context)
    submissions = system.submissions()
    requeued, kept = 0, []
    with system.open_letters() as queue:
        for each in queue.read(DEAD_QUEUE_LENGTH):
            if submission_id is not None and not _is_about(each, submission_id):
                continue
            report = _report(each, submissions)
            name = plain(report.submission_id) or "a message without an id"
            reason = _requeue(report, queue)
            if reason:
                kept.append(f"Kept the dead letter of {name}: {reason}")
            else:
                requeued += 1
                show(Text(f"Published the job of {name} again."))
    if not every and not requeued:
        raise NothingToDo(" ".join(kept) or f"No dead letter is about {submission_id}.")
    for sentence in kept:
        show(Text(plain(sentence)))
    if every:
        show(f"{requeued} requeued, {len(kept)} kept.")


def _requeue(report: DeadLetterReport, queue: DeadLetters) -> str:
    """Publish the report's job and remove its letter. Returns why the letter is kept, or nothing."""
    job = report.requeue()
    if isinstance(job, NotRequeueable):
        return job.sentence
    try:
        queue.publish(job)
    except UnknownWorkflow as error:
        return error.message
    queue.remove(report.letter)  # after the broker has the new message: at worst there are two
    return ""


def _report(found: DeadLetter, submissions: SubmissionReader) -> DeadLetterReport:
    key = DeadLetterReport(found).submission_id
    if not key:
        return DeadLetterReport(found)
    try:
        submission = submissions.submission(key)
    except UnknownSchema:
        return DeadLetterReport(found, missing_reason="of a newer release")
    except InvalidDocument:
        return DeadLetterReport(found, missing_reason="unreadable")
    return DeadLetterReport(found, submission, missing_reason="" if submission else "not stored")


def _is_about(found: DeadLetter, submission_id: str) -> bool:
    return DeadLetterReport(found).submission_id == submission_id
