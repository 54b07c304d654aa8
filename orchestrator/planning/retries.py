"""What follows a failed call: again, later, or never. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import ModelFault, ModelUnavailable
from contracts.messaging.topology import DELAYS_SECONDS
from runtime.backoff import backoff


@dataclass(frozen=True)
class Policy:
    """How patient the orchestrator is. All in seconds but ``fault_tries``.

    ``budget_seconds``: how long one thread goes on trying a step before it sets the submission aside.
    ``patience_seconds``: how long a submission waits for a model that cannot be reached.
    ``fault_tries``: calls of one step after which a fault that more waiting rarely mends (a crash, a timeout, a model
    that is not loaded) fails it. Each of these kinds is counted by itself.
    """

    base_seconds: float = 0.2
    cap_seconds: float = 2.0
    budget_seconds: float = 3.0
    patience_seconds: float = 24 * 3600.0
    fault_tries: int = 5


@dataclass(frozen=True)
class Retry:
    """Call once more, in this thread, after so many seconds."""

    after_seconds: float


@dataclass(frozen=True)
class Defer:
    """Give the thread back and ring again after so many seconds."""

    seconds: int


@dataclass(frozen=True)
class GiveUp:
    """Fail the submission: nothing is gained by another call."""


def decide(
    fault: ModelFault, *, count: int, elapsed_seconds: float, age_seconds: float, policy: Policy, jitter: float
) -> Retry | Defer | GiveUp:
    """Decide what follows ``fault``.

    ``count`` is how many calls of the step ended in this kind of fault, this one included, over all owners: what other
    kinds did neither uses up its tries nor lengthens its waits. ``elapsed_seconds`` is the time that this thread has
    spent on the step, ``age_seconds`` the submission's age.
    """
    if not fault.retryable:
        return GiveUp()
    waiting_helps = isinstance(fault, ModelUnavailable)
    if not waiting_helps and count >= policy.fault_tries:
        return GiveUp()
    if age_seconds >= policy.patience_seconds:
        return GiveUp()
    if not waiting_helps and count > 1:
        # A worker takes seconds to start again: the same call at once would only use up its tries.
        return Defer(DELAYS_SECONDS[min(count - 2, len(DELAYS_SECONDS) - 1)])
    wait = backoff(count, policy.base_seconds, policy.cap_seconds, jitter)
    if elapsed_seconds + wait <= policy.budget_seconds:
        return Retry(wait)
    # The more often it was tried, the longer it waits; each budget's worth of tries is some five calls.
    return Defer(DELAYS_SECONDS[min((count - 1) // 5, len(DELAYS_SECONDS) - 1)])
