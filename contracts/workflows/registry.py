"""The registry of workflows: one document for each workflow, with its versions, aliases and traffic.

A change is a function from a document to the next one and an entry of the audit log. It is written by compare-and-set
on ``revision``, so that two changes at the same time cannot undo each other. The texts of the versions are stored
apart, by digest. Pure.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.workflows.definition import is_draft, version_key

DEFAULT_TENANT = "default"
STABLE = "stable"
MAX_WORKFLOWS = 200
MAX_VERSIONS = 200
"""How many versions of one workflow are kept. A document of that many has some 60 KB."""

MAX_ALIASES = 20
PREVIOUS_KEPT = 20
"""How many earlier versions of an alias are kept, to roll back to."""

WHOLE_PERCENT = 100


class _Document(BaseModel):
    # A field that a newer release added is ignored, not refused: releases run side by side.
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class VersionState(StrEnum):
    """``published`` versions accept submissions; ``retired`` ones accept none, and are not listed."""

    PUBLISHED = "published"
    RETIRED = "retired"


class AuditEntry(_Document):
    """One change: ``before`` and ``after`` are what it changed, as short texts."""

    id: str = Field(alias="_id")
    tenant: str = DEFAULT_TENANT
    at: datetime
    action: str
    workflow: str
    version: str | None = None
    alias: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    source: str


class VersionRecord(_Document):
    """One version: ``digest`` is that of the text that was published first, ``content_digest`` leaves out its labels.

    ``title`` and ``description`` are the labels as they were last published, by ``labelled_by``.
    """

    version: str
    digest: str
    content_digest: str
    title: str
    description: str = ""
    labelled_by: str = "file"
    state: VersionState = VersionState.PUBLISHED
    published_at: datetime
    retired_at: datetime | None = None

    @property
    def accepts(self) -> bool:
        return self.state is VersionState.PUBLISHED


class AliasRecord(_Document):
    """``previous`` are the versions that the alias pointed to before, the latest last."""

    version: str
    previous: list[str] = Field(default_factory=list)


class TrafficShare(_Document):
    """``percent`` of the submissions that name no version."""

    version: str
    percent: int


class WorkflowRecord(_Document):
    """A workflow as it is stored. ``unlogged`` are audit entries that are not in the audit log yet."""

    id: str = Field(alias="_id")
    tenant: str = DEFAULT_TENANT
    name: str
    revision: int = 0
    versions: list[VersionRecord] = Field(default_factory=list)
    aliases: dict[str, AliasRecord] = Field(default_factory=dict)
    traffic: list[TrafficShare] = Field(default_factory=list)
    unlogged: list[AuditEntry] = Field(default_factory=list)

    def version(self, version: str) -> VersionRecord | None:
        return next((each for each in self.versions if each.version == version), None)

    def accepting(self) -> list[VersionRecord]:
        """Return the versions that accept submissions, newest first."""
        found = [each for each in self.versions if each.accepts]
        return sorted(found, key=lambda each: version_key(each.version), reverse=True)

    def successor(self, version: str) -> str | None:
        """Return the version to use instead of a retired one: the stable one, or the newest release."""
        stable = self.aliases.get(STABLE)
        releases = [each.version for each in self.accepting() if not is_draft(each.version) and each.version != version]
        return stable.version if stable is not None and stable.version in releases else next(iter(releases), None)


@dataclass(frozen=True)
class Actor:
    """Who makes a change, and when: ``source`` is ``api``, ``file`` or ``admin``; ``reason`` is the actor's own."""

    source: str
    at: datetime
    reason: str | None = None


def record_key(tenant: str, name: str) -> str:
    """Return the ``_id`` of a workflow's document."""
    return f"{tenant}/{name}"


def empty_record(tenant: str, name: str) -> WorkflowRecord:
    return WorkflowRecord(id=record_key(tenant, name), tenant=tenant, name=name)


def changed(record: WorkflowRecord, actor: Actor, action: str, **fields: Any) -> WorkflowRecord:
    """Return a copy with the next revision and an audit entry, to be changed further by the caller."""
    entry = AuditEntry(
        id=str(uuid.uuid4()),
        tenant=record.tenant,
        at=actor.at,
        action=action,
        workflow=record.name,
        reason=actor.reason,
        source=actor.source,
        **fields,
    )
    copy = record.model_copy(deep=True)
    copy.revision += 1
    copy.unlogged.append(entry)
    return copy


def traffic_text(traffic: list[TrafficShare]) -> str | None:
    """Return the shares in one line: ``v1.0.0 90 %, v1.1.0 10 %``."""
    return ", ".join(f"{share.version} {share.percent} %" for share in traffic) or None


def shares(percents: Mapping[str, int]) -> list[TrafficShare]:
    return [TrafficShare(version=version, percent=percent) for version, percent in percents.items()]
