"""One step's call with its retries: takes the image, returns the checked answer or what follows the fault."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import ModelFault, ModelUnavailable
from contracts.messaging.topology import shortest_delay
from contracts.models.answers import Binary, read_answer
from contracts.orchestrators.status import BreakerState
from contracts.submissions.documents import Attempt, ModelRef
from contracts.submissions.images import StoredImage
from contracts.submissions.states import ServedState
from contracts.workflows.definition import StepSpec
from image_files.cost import LARGE_SUFFIX, is_large
from orchestrator.execution.circuit_breakers import Breakers
from orchestrator.execution.large_pictures import LargePictures
from orchestrator.planning.retries import Defer, GiveUp, Policy, Retry, decide, large_picture_delay
from orchestrator.ports import Clock, Models


@dataclass
class CallOutcome:
    """The outcome of a step's call: an ``answer`` with its ``images``, or a ``fault`` and what follows it.

    ``faults`` counts the step's failed calls by the fault's code, including those of earlier owners.
    """

    attempts: list[Attempt] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    answer: dict[str, Any] | None = None
    images: list[Binary] = field(default_factory=list)
    fault: ModelFault | None = None
    follows: Defer | GiveUp | None = None


@dataclass
class _Call:
    """What one step's call needs; ``breaker`` is the name of the circuit breaker that it obeys."""

    breaker: str
    spec: StepSpec
    image: StoredImage
    submission_id: str
    age_seconds: float
    outcome: CallOutcome


class Caller:
    def __init__(
        self, models: Models, clock: Clock, policy: Policy, uniform: Callable[[], float] = random.random
    ) -> None:
        self._models = models
        self._clock = clock
        self._policy = policy
        self._uniform = uniform
        self._breakers = Breakers()
        self._large_pictures = LargePictures()

    def state(self, model: ModelRef) -> ServedState:
        """Return the outcome of the model's last call; calls with large pictures count where there is no other."""
        state = self._breakers.state(str(model))
        return self._breakers.state(f"{model}{LARGE_SUFFIX}") if state is ServedState.UNTRIED else state

    def breaker(self, model: ModelRef) -> BreakerState:
        """Return the state of the model's circuit breaker."""
        return self._breakers.breaker(str(model), self._clock.monotonic())

    def call(
        self,
        spec: StepSpec,
        image: StoredImage,
        *,
        submission_id: str,
        faults: Mapping[str, int],
        age_seconds: float,
        renew_lease: Callable[[], None],
    ) -> CallOutcome:
        """Call the step's model until it answers or the retry rule ends the retries. A ModelFault is never raised.

        ``faults`` counts the step's earlier faults by code. The policy's budget bounds the loop. ``renew_lease`` is
        called before each retry; what it raises ends the call. A large picture is deferred while the model has another
        one; its faults have a breaker of their own.
        """
        call = _Call(str(spec.model), spec, image, submission_id, age_seconds, CallOutcome(faults=Counter(faults)))
        if not is_large(image.data):
            return self._call(call, renew_lease)
        call.breaker += LARGE_SUFFIX
        with self._large_pictures.turn(call.breaker) as free:
            if free:
                return self._call(call, renew_lease)
        call.outcome.fault = ModelUnavailable("another large picture is with it.")
        call.outcome.follows = Defer(large_picture_delay(age_seconds))
        return call.outcome

    def _call(self, call: _Call, renew_lease: Callable[[], None]) -> CallOutcome:
        outcome, age_seconds = call.outcome, call.age_seconds
        begun = self._clock.monotonic()
        while True:
            wait = self._breakers.admit(call.breaker, self._clock.monotonic())
            if wait > 0:
                return self._deferred_by_breaker(outcome, wait, age_seconds)
            started = self._clock.now()
            try:
                answer, server = self._predict(call)
                outcome.answer, outcome.images = read_answer(answer)
            except ModelFault as fault:
                outcome.attempts.append(self._attempt(started, fault.message, fault.server))
                outcome.faults[fault.code] += 1
                elapsed = self._clock.monotonic() - begun
                decision = decide(
                    fault,
                    count=outcome.faults[fault.code],
                    elapsed_seconds=elapsed,
                    age_seconds=age_seconds + elapsed,
                    policy=self._policy,
                    jitter=self._uniform(),
                )
                if isinstance(decision, Retry):
                    wait = self._breakers.admit(call.breaker, self._clock.monotonic())
                    if wait == 0 and self._clock.sleep(decision.after_seconds):
                        renew_lease()
                        continue
                    # The breaker opened, or the process is to stop: then any orchestrator may go on at once.
                    decision = Defer(shortest_delay(wait) if wait else 0)
                outcome.fault, outcome.follows = fault, decision
                return outcome
            outcome.attempts.append(self._attempt(started, None, server))
            return outcome

    def _predict(self, call: _Call) -> tuple[object, str]:
        try:
            answered = self._models.predict(call.spec.model, call.image, call.spec.timeout_seconds)
        except ModelFault as fault:
            if fault.retryable:
                now = self._clock.monotonic()
                self._breakers.failed(call.breaker, now, call.submission_id, of_server=fault.of_server)
            else:
                self._breakers.answered(call.breaker)
            raise
        self._breakers.answered(call.breaker)
        return answered

    def _deferred_by_breaker(self, outcome: CallOutcome, wait: float, age_seconds: float) -> CallOutcome:
        """Defer the step without a call: the model does not answer, and trial calls find out when it does again."""
        outcome.fault = ModelUnavailable("it has not answered several calls in a row, so it is not called for a while.")
        waited_enough = age_seconds >= self._policy.patience_seconds
        outcome.follows = GiveUp() if waited_enough else Defer(shortest_delay(wait))
        return outcome

    def _attempt(self, started: Any, error: str | None, server: str) -> Attempt:
        return Attempt(started_at=started, ended_at=self._clock.now(), error=error, server=server)
