"""``submissions show``: one submission's record."""

from __future__ import annotations

import typer

from admin.command_line import EXIT_STATUS, Json, NothingToDo, SubmissionId, command_group, show, show_json, system_of
from admin.formatting import record, record_values

app = command_group("Show what the database holds of a submission.")


@app.callback()
def _keep_the_name() -> None:  # typer leaves out the name of a command that is the only one of its group
    pass


@app.command("show", epilog=EXIT_STATUS)
def show_submission(context: typer.Context, submission_id: SubmissionId, as_json: Json = False) -> None:
    """Show a submission's record: states, times, gates, attempts and errors.

    Times are in UTC, and an attempt's duration is in seconds. --json has the names that the database uses, and every
    value whole.
    """
    submission = system_of(context).submissions().submission(submission_id)
    if submission is None:
        raise NothingToDo(f"No submission {submission_id} is stored: the id is wrong, or it has expired.")
    if as_json:
        show_json(record_values(submission))
    else:
        show(record(submission))
