"""The API's resources as typed values. Unknown fields of a newer server cause no error and are kept in ``raw``."""

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
        """The JSON as the server sent it."""
        return self._raw

    @classmethod
    def of(cls, body: Any) -> Self:
        """Return the resource in a response's body. Raises UnexpectedAnswer when it does not fit."""
        try:
            read = cls.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the whole body"
            raise UnexpectedAnswer(
                f"The server's answer is not a valid {cls.__name__.lower()} for this client ({place}: {first['msg']}). "
                "Compare the versions: showcase doctor"
            ) from error
        read._raw = body  # noqa: SLF001 - the same class
        return read


class WorkflowRef(Value):
    name: str
    version: str
    digest: str = ""


class VersionRun(WorkflowRef):
    """The version that a submission runs; a ``draft`` may have been overwritten since, ``digest`` is what ran."""

    draft: bool = False


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
    """Why a step ran or was skipped: the expression, its value (None: not computable), and the inputs it read."""

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
    """A step of a submission; only a record fills ``gate``, ``attempts`` and ``output``."""

    name: str
    model: ModelRef
    state: str
    tries: int = 0
    gate: Gate | None = None
    attempts: tuple[Attempt, ...] = ()
    output: dict[str, Any] | None = None


class Artifact(Resource):
    """A picture; ``bytes`` is None when the server draws the picture on request."""

    name: str
    media_type: str = ""
    bytes: int | None = None
    url: str = ""


class Queue(Value):
    """How many submissions are before a queued one, and the server's estimate of the seconds until it has ended."""

    position: int | None = None
    estimated_seconds: float | None = None


class Submission(Resource):
    """One image submitted to one version of a workflow. Times are aware datetimes in UTC."""

    id: str
    workflow: VersionRun
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
        """Whether the submission has ended: only a retry can still change its state."""
        return self.state in FINAL_STATES

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"

    def raise_for_state(self) -> Self:
        """Return the submission, or raise SubmissionFailed when it failed or was canceled."""
        if self.final and not self.succeeded:
            message = f"Submission {self.id} {self.state}: {self.reason or 'no reason given'}"
            raise SubmissionFailed(message, self.id, self.state, self.reason)
        return self


class Record(Resource):
    """Which steps ran, which were skipped and why: steps with gates, attempts and outputs. ``raw`` has every field."""

    id: str
    workflow: VersionRun
    state: str
    reason: str | None = None
    steps: tuple[Step, ...] = ()


class Delivery(Value):
    """One attempt to deliver a webhook; ``status`` is the receiver's HTTP status."""

    id: str
    started_at: datetime
    ended_at: datetime | None = None
    status: int | None = None
    error: str | None = None


class Webhook(Resource):
    """A submission's webhook; ``state`` is none, waiting, due, sent or given_up."""

    url: str | None = None
    state: str
    id: str | None = None
    due_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: tuple[Delivery, ...] = ()


class Event(Resource):
    """A change of state of a submission (``submission.running``) or of a step (``step.skipped``, with its gate).

    ``id`` is the event's number in the submission's history; ``Client.events(after=id)`` resumes there. While a
    submission is queued, events of type ``queue`` also report its ``position`` and ``estimated_seconds``.
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
        """Return a server-sent event as an Event. Raises UnexpectedAnswer when it does not fit."""
        body = data if isinstance(data, dict) else {"data": data}
        return cls.of({**body, "id": identifier, "type": type_})

    @property
    def numbered(self) -> bool:
        """Whether ``id`` belongs to this event. A stream repeats the last id with events that have none (``queue``)."""
        return self.id.isdigit() and self.type.partition(".")[0] in {"submission", "step"}

    @property
    def ends(self) -> bool:
        """Whether the submission ended with this event."""
        subject, _, state = self.type.rpartition(".")
        return subject == "submission" and state in FINAL_STATES
