"""Find out over HTTP alone which parts of a server run, which are missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from showcase.catalogue import Model
from showcase.client import Client
from showcase.errors import NotFound, ShowcaseError, Unavailable, Unreachable
from showcase.version import VERSION

START = (
    "Start it in its checkout with `make up` (or `docker compose up --build --wait`), or name another address: --url."
)
LOGS = "In the checkout: `make status`, then `make logs PART={part}`; `make up` starts what is stopped."
REMEDIES = {
    "store": f"{LOGS.format(part='database')} With a database of your own, check SHOWCASE_MONGO_URL.",
    "broker": f"{LOGS.format(part='rabbitmq')} With a broker of your own, check SHOWCASE_AMQP_URL.",
    "orchestrator": f"{LOGS.format(part='orchestrator')} Under compose: `docker compose up --wait orchestrator`.",
    "models": (
        f"{LOGS.format(part='torchserve')} With model servers of your own, check SHOWCASE_MODEL_SERVERS. Submissions "
        "wait until then."
    ),
}
NOT_REPORTED = "An orchestrator reports it within ten seconds of its start. If not: `make logs PART=orchestrator`."
STORAGE = (
    "Delete submissions that are no longer needed, or shorten SHOWCASE_RETENTION_DAYS; with a larger disk, raise "
    "SHOWCASE_STORED_BYTES or SHOWCASE_STORED_SUBMISSIONS."
)
PART_DESCRIPTIONS = {
    "store": "the database: submissions, images and results",
    "broker": "the message broker: the queues of work",
    "orchestrator": "the orchestrator: runs the workflows",
    "models": "the models: the servers that the workflows call",
}


class Verdict(StrEnum):
    GOOD = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"  # cannot be found out now; not a fault by itself


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``remedy`` says what to do when it is not good."""

    subject: str
    verdict: Verdict
    message: str
    remedy: str = ""


def diagnose(client: Client) -> Iterator[Finding]:
    """Check one thing after another, from the address to the models. Stops early when no server answers."""
    yield Finding("client", Verdict.GOOD, f"ml-showcase-client {VERSION}")
    try:
        client.live()
    except Unreachable as error:
        yield Finding("server", Verdict.MISSING, str(error).partition(". For help")[0] + ".", START)
        return
    except ShowcaseError as error:
        other = f"Check that ML Showcase listens at {client.url}. {START}"
        yield Finding("server", Verdict.MISSING, f"{client.url} does not answer like ML Showcase: {error}", other)
        return
    yield Finding("server", Verdict.GOOD, f"{client.url} answers")
    yield from _check_parts(client)
    yield from _check_api(client)


def _check_parts(client: Client) -> Iterator[Finding]:
    try:
        ready, health = client.health()
    except ShowcaseError as error:
        yield Finding("parts", Verdict.MISSING, str(error), "Try again; `make logs PART=gateway` shows more.")
        return
    parts = health.get("parts")
    known: dict[str, str] = parts if isinstance(parts, dict) else {}
    broker_missing = known.get("broker") == "missing"
    for name, state in known.items():
        meaning = PART_DESCRIPTIONS.get(name, name)
        if name == "orchestrator":
            meaning += _orchestrators(health.get("orchestrators"))
        if state == "ready":
            yield Finding(name, Verdict.GOOD, meaning)
        elif name == "orchestrator" and broker_missing:
            yield Finding(name, Verdict.UNKNOWN, f"{meaning}; its state is unknown while the broker is away")
        elif state == "unknown":
            yield Finding(name, Verdict.UNKNOWN, f"{meaning}; unknown while another part is away")
        else:
            yield Finding(name, Verdict.MISSING, meaning, REMEDIES.get(name, "In the checkout: `make status`."))
    if not ready and not known:
        yield Finding("parts", Verdict.MISSING, str(health.get("detail") or health), "In the checkout: `make status`.")
    if not ready and known and health.get("message"):
        yield Finding("message", Verdict.UNKNOWN, str(health["message"]))
    stored = health.get("stored")
    storage = _check_storage(stored) if isinstance(stored, dict) else None
    if storage is not None:
        yield storage
        if storage.verdict is Verdict.MISSING:
            return
    if health.get("accepting") is False and known.get("store") == "ready":
        yield Finding(
            "admission",
            Verdict.MISSING,
            str(health.get("message") or "Too many submissions wait; the server refuses new ones."),
            "Wait until the queue is shorter, start more orchestrators, or raise SHOWCASE_QUEUE_LIMIT.",
        )


def _check_storage(stored: dict[str, Any]) -> Finding | None:
    """Say how much is stored of what may be; None where the server's answer has no figures."""
    counts = [stored.get(name) for name in ("submissions", "submissions_limit", "bytes", "bytes_limit")]
    submissions, most, size, largest = (each if isinstance(each, int) else None for each in counts)
    if submissions is None or size is None:
        return None
    limits = (f" of {most}" if most else "", f" of {_gigabytes(largest)}" if largest else "")
    message = f"{submissions}{limits[0]} submissions, {_gigabytes(size)}{limits[1]}"
    if (most is not None and submissions >= most) or (largest is not None and size >= largest):
        return Finding("storage", Verdict.MISSING, f"{message}: full, the server refuses new submissions", STORAGE)
    if stored.get("counted_until") is None:
        return Finding("storage", Verdict.UNKNOWN, f"{message} so far: the server is still counting")
    return Finding("storage", Verdict.GOOD, message)


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"


def _check_api(client: Client) -> Iterator[Finding]:
    checks: list[tuple[str, Callable[[Client], Iterator[Finding]]]] = [
        ("api v2", _check_document),
        ("workflows", _check_workflows),
        ("models", _check_models),
    ]
    for subject, check in checks:
        try:
            yield from check(client)
        except NotFound:
            yield Finding(
                subject,
                Verdict.MISSING,
                "the server does not have it",
                "Upgrade the server: it is older than this client.",
            )
        except Unavailable as error:
            yield Finding(subject, Verdict.MISSING, error.detail, "In the checkout: `make logs PART=gateway`.")
        except ShowcaseError as error:
            yield Finding(subject, Verdict.MISSING, str(error), "Compare the versions of the client and the server.")


def _check_document(client: Client) -> Iterator[Finding]:
    info = client.openapi().get("info")
    version = info.get("version", "unknown") if isinstance(info, dict) else "unknown"
    yield Finding("api v2", Verdict.GOOD, f"served by ML Showcase {version}")


def _check_workflows(client: Client) -> Iterator[Finding]:
    names = [workflow.name for workflow in client.workflows()]
    if names:
        yield Finding("workflows", Verdict.GOOD, ", ".join(names))
    else:
        yield Finding(
            "workflows", Verdict.MISSING, "none is published", "Check the folder that SHOWCASE_WORKFLOWS names."
        )


def _orchestrators(report: object) -> str:
    """Return what the health document counts of orchestrators, as the end of a sentence."""
    if not isinstance(report, dict) or not isinstance(report.get("working"), list):
        return ""
    return (
        f"; {len(report['working'])} at work; in the last 5 minutes, starts: {report.get('recent_starts', 0)}, "
        f"crashes: {report.get('recent_crashes', 0)}"
    )


def _check_models(client: Client) -> Iterator[Finding]:
    """Say of each model what the health document says; of a server without one, what its catalogue says."""
    published = client.models()
    try:
        _, health = client.health()
    except ShowcaseError:
        health = {}
    judged = health.get("models")
    if isinstance(judged, list) and judged:
        return (_judged(each) for each in judged if isinstance(each, dict))
    return _check_serving(published)


def _judged(model: dict[str, Any]) -> Finding:
    named = f"{model.get('name')}@{model.get('version')}"
    if not model.get("ready"):
        return Finding("model", Verdict.MISSING, f"{named}: {model.get('reason')}", REMEDIES["models"])
    where = f"{named} at {model.get('address')}, {model.get('state')}"
    return Finding("model", Verdict.GOOD, f"{where}, breaker {model.get('breaker')}")


def _check_serving(models: list[Model]) -> Iterator[Finding]:
    for model in models:
        for each in model.versions:
            named = f"{model.name}@{each.version}"
            if each.served is None:
                yield Finding(
                    "model", Verdict.UNKNOWN, f"{named}: no orchestrator has reported where it is served", NOT_REPORTED
                )
            elif each.served.state == "failing":
                message = f"{named} does not answer at {each.served.address}"
                yield Finding("model", Verdict.MISSING, message, REMEDIES["models"])
            else:
                yield Finding("model", Verdict.GOOD, f"{named} at {each.served.address}, {each.served.state}")
