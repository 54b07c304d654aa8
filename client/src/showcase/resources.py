"""What the API answers, typed. Fields that a newer server added are kept in ``raw`` and stop nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from showcase.errors import SubmissionFailed, UnexpectedAnswer

FINAL_STATES = frozenset({"succeeded", "failed", "canceled"})


class Value(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Resource(Value):
    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def raw(self) -> dict[str, Any]:
        """The answer as it came."""
        return self._raw

    @classmethod
    def of(cls, body: Any) -> Self:
        """Read an answer's body. Raises UnexpectedAnswer."""
        try:
            read = cls.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the whole"
            raise UnexpectedAnswer(
                f"The server's answer is no {cls.__name__.lower()} as this client knows it ({place}: {first['msg']}). "
                "Compare the versions of both: showcase doctor"
            ) from error
        read._raw = body  # noqa: SLF001 - its own class
        return read


class WorkflowRef(Value):
    name: str
    version: str
    digest: str = ""


class ModelRef(Value):
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


class InputInfo(Value):
    media_type: str = ""
    bytes: int = 0
    width: int | None = None
    height: int | None = None
    file_name: str = ""
    sha256: str = ""


class Gate(Value):
    """Why a step ran or was skipped: the expression, what it came to (None: it cannot be told), what it saw."""

    expression: str
    value: bool | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = None


class Attempt(Value):
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    server: str | None = None


class Step(Value):
    """A step as a submission shows it; ``gate``, ``attempts`` and ``output`` are filled in a record alone."""

    name: str
    model: ModelRef
    state: str
    tries: int = 0
    gate: Gate | None = None
    attempts: tuple[Attempt, ...] = ()
    output: dict[str, Any] | None = None


class Artifact(Resource):
    """A picture; ``bytes`` is None for what is drawn when it is asked for."""

    name: str
    media_type: str = ""
    bytes: int | None = None
    url: str = ""


class Queue(Value):
    """Where a queued submission stands, and the server's estimate of the seconds until it has ended."""

    position: int | None = None
    estimated_seconds: float | None = None


class Submission(Resource):
    """One image on its way through one version of a workflow. Times are aware UTC."""

    id: str
    workflow: WorkflowRef
    state: str
    reason: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    input: InputInfo = InputInfo()
    metadata: dict[str, str] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    result: dict[str, Any] | None = None
    artifacts: tuple[Artifact, ...] = ()
    queue: Queue | None = None
    urls: dict[str, str | None] = Field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether it has ended: nothing but a retry moves it any more."""
        return self.state in FINAL_STATES

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"

    def raise_for_state(self) -> Self:
        """Return itself, or raise SubmissionFailed when it ended as failed or canceled."""
        if self.final and not self.succeeded:
            message = f"Submission {self.id} {self.state}: {self.reason or 'no reason given'}"
            raise SubmissionFailed(message, self.id, self.state, self.reason)
        return self


class Record(Resource):
    """What ran, what was skipped and why: the steps with their gates, attempts and outputs. ``raw`` has all of it."""

    id: str
    workflow: WorkflowRef
    state: str
    reason: str | None = None
    steps: tuple[Step, ...] = ()


class Delivery(Value):
    """One attempt to tell a webhook's receiver."""

    id: str
    started_at: datetime
    ended_at: datetime | None = None
    status: int | None = None
    error: str | None = None


class Webhook(Resource):
    """Who is told of a submission's end, and what became of it: none, waiting, due, sent or given_up."""

    url: str | None = None
    state: str
    id: str | None = None
    due_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: tuple[Delivery, ...] = ()


class Event(Resource):
    """One move of a submission (``submission.running``) or of one of its steps (``step.skipped``, with its gate).

    ``id`` is its number in the submission's history, from which watching can be taken up again. While a submission is
    queued, events of the type ``queue`` tell its place besides, in ``position`` and ``estimated_seconds``.
    """

    id: str = ""
    type: str = ""
    at: datetime | None = None
    step: str | None = None
    gate: Gate | None = None
    reason: str | None = None
    position: int | None = None
    estimated_seconds: float | None = None

    @classmethod
    def from_stream(cls, identifier: str, type_: str, data: Any) -> Event:
        """Return the event that a stream told. Raises UnexpectedAnswer."""
        body = data if isinstance(data, dict) else {"data": data}
        return cls.of({**body, "id": identifier, "type": type_})

    @property
    def numbered(self) -> bool:
        """Whether ``id`` is its own. A stream repeats the last one with what has none, as its place in the queue."""
        return self.id.isdigit() and self.type.partition(".")[0] in {"submission", "step"}

    @property
    def ends(self) -> bool:
        """Whether the submission has ended with it."""
        subject, _, state = self.type.rpartition(".")
        return subject == "submission" and state in FINAL_STATES
