"""What follows a failed call: a retry in this thread, a deferral, or the submission's failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import ModelFault, ModelUnavailable
from contracts.messaging.topology import DELAYS_SECONDS, shortest_delay
from runtime.backoff import backoff


@dataclass(frozen=True)
class Policy:
    """How patient the orchestrator is. All in seconds but ``fault_tries``.

    ``budget_seconds``: how long one thread retries a step before it defers the submission.
    ``patience_seconds``: how long a submission waits for a model that cannot be reached.
    ``fault_tries``: after this many crashes of one step the submission fails, and likewise after this many timeouts,
    and after this many calls of a model that is not loaded. Waiting longer rarely helps with these.
    """

    base_seconds: float = 0.2
    cap_seconds: float = 2.0
    budget_seconds: float = 3.0
    patience_seconds: float = 24 * 3600.0
    fault_tries: int = 5


@dataclass(frozen=True)
class Retry:
    """Call again in this thread after a pause."""

    after_seconds: float


@dataclass(frozen=True)
class Defer:
    """Release the thread; the delay queue delivers the job again after ``seconds``."""

    seconds: int


@dataclass(frozen=True)
class GiveUp:
    """Fail the submission: another call would not help."""


def decide(
    fault: ModelFault, *, count: int, elapsed_seconds: float, age_seconds: float, policy: Policy, jitter: float
) -> Retry | Defer | GiveUp:
    """Decide what follows ``fault``.

    ``count`` is the number of the step's calls that ended in this kind of fault, over all owners and including this
    one; faults of other kinds neither use up its tries nor lengthen its delays. ``elapsed_seconds`` is the time that
    this thread has spent on the step, ``age_seconds`` the submission's age, ``jitter`` a random number in [0, 1).
    """
    if not fault.retryable:
        return GiveUp()
    waiting_helps = isinstance(fault, ModelUnavailable)
    if not waiting_helps and count >= policy.fault_tries:
        return GiveUp()
    if age_seconds >= policy.patience_seconds:
        return GiveUp()
    if not waiting_helps and count > 1:
        # A worker takes seconds to restart: a retry at once would only use up the tries.
        return Defer(DELAYS_SECONDS[min(count - 2, len(DELAYS_SECONDS) - 1)])
    wait = backoff(count, policy.base_seconds, policy.cap_seconds, jitter)
    if elapsed_seconds + wait <= policy.budget_seconds:
        return Retry(wait)
    # One budget is enough for about five calls; each further budget that is used up takes the next longer delay.
    return Defer(DELAYS_SECONDS[min((count - 1) // 5, len(DELAYS_SECONDS) - 1)])


LONGEST_LARGE_DELAY_SECONDS = 15


def large_picture_delay(age_seconds: float) -> int:
    """Return after how many seconds a large picture asks again whether its model reads another one.

    The longer it has waited, the less often: many of them must not keep the orchestrator busy with asking.
    """
    return shortest_delay(min(age_seconds / 4, LONGEST_LARGE_DELAY_SECONDS))
