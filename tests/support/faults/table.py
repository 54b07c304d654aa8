"""What became of the submissions around each fault, as the rows of docs/faults.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.submissions.documents import Submission
from tests.support.faults.load import Sent, doubled

HEAD = """\
# What was broken, and what became of it

`make test-faults` makes this table. It fails when a submission is lost, doubled or failed.

Each part of a local cluster is killed (`kill -9`) at each moment in the life of a submission, and stopped for
{stopped:.0f} s (SIGSTOP: the process exists and does not answer), while {rate} submissions a second of both workflows
arrive. A proxy in front of the database recognises the moments by the calls that mark them. It holds one submission at
each of the short moments until the part is dead or stopped, and it recognises when two models are working. For the rest
of its {stopped:.0f} s, a stopped part meets whatever arrives, in both steps. The model workers are all six.

| column | meaning |
|---|---|
| accepted | submissions whose client got an id: those since the fault, in a part's first row also those before |
| final | of the accepted ones, those in a final state at the end |
| lost | accepted, and not in a final state at the end |
| doubled | steps that succeeded twice |
| refused | answered with 503, or the connection broke, so that the client knows to try again |
| back, s | seconds until `make status` sees the part ready again, with the time for which it was stopped |
| normal again, s | seconds from `back` until about as many results come in a second as submissions do ({normal}) |
| caught up, s | seconds from `back` until the first result of a submission that was sent after it |

A submission that is sent when the part is back waits behind all that arrived before. Where the next fault came first,
the last column is empty.

"""


@dataclass
class Fault:
    """One thing that was broken: when, and when everything was ready again."""

    part: str
    kind: str
    moment: str
    at: datetime
    back: datetime
    normal_seconds: float


@dataclass
class Row:
    """One line of the table."""

    fault: Fault
    accepted: int
    final: int
    doubled: int
    refused: int
    caught_up_seconds: float | None

    def cells(self) -> list[str]:
        fault, lost = self.fault, self.accepted - self.final
        return [
            *(fault.part, fault.kind, fault.moment),
            *map(str, (self.accepted, self.final, lost, self.doubled, self.refused)),
            f"{(fault.back - fault.at).total_seconds():.1f}",
            f"{fault.normal_seconds:.1f}",
            "" if self.caught_up_seconds is None else f"{self.caught_up_seconds:.1f}",
        ]


HEADING = [
    *("part", "fault", "at the moment", "accepted", "final", "lost", "doubled", "refused"),
    *("back, s", "normal again, s", "caught up, s"),
]


def seconds_until_newcomer(records: list[Submission], back: datetime) -> float:
    """Return the seconds from ``back`` until the first result of a submission that came after it."""
    ends = [record.ended_at for record in records if record.created_at >= back and record.ended_at]
    return (min(ends) - back).total_seconds() if ends else float("inf")


def rows_of(faults: list[Fault], sent: list[Sent], records: list[Submission]) -> list[Row]:
    """Return a row a fault, which answers for what was sent from then on; the first one also for what was before."""
    known = {record.id: record for record in records}  # whatever is not stored at all is not there
    begins = [datetime.min.replace(tzinfo=UTC), *(each.at for each in faults[1:])]
    ends = [*begins[1:], datetime.max.replace(tzinfo=UTC)]
    rows = []
    for fault, begin, end in zip(faults, begins, ends, strict=True):
        ours = [each for each in sent if begin <= each.sent < end]
        accepted = [each.submission_id for each in ours if each.submission_id]
        stored = [known[each] for each in accepted if each in known]
        rows.append(
            Row(
                fault=fault,
                accepted=len(accepted),
                final=sum(record.state.terminal for record in stored),
                doubled=doubled(stored),
                refused=sum(each.retryable for each in ours),
                # Before the last one there is no time to catch up: the next fault comes first.
                caught_up_seconds=seconds_until_newcomer(records, fault.back) if fault is faults[-1] else None,
            )
        )
    return rows
