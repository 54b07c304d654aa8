"""The changes of a workflow: publish and retire versions, move aliases, split traffic, roll back. Pure.

Each returns the next document, or None where the workflow is already as asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from contracts.errors import InvalidRequest, LimitReached, UnknownWorkflow, WorkflowConflict, WorkflowRetired
from contracts.workflows.definition import Workflow, is_draft
from contracts.workflows.registry import (
    MAX_ALIASES,
    MAX_VERSIONS,
    PREVIOUS_KEPT,
    STABLE,
    WHOLE_PERCENT,
    Actor,
    AliasRecord,
    VersionRecord,
    VersionState,
    WorkflowRecord,
    changed,
    shares,
    traffic_text,
)

ALIAS = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
"""An alias has no dot, so that it cannot be mistaken for a version."""

FILE = "file"
"""The source of changes that come from the folder of workflows."""


def publish(record: WorkflowRecord, workflow: Workflow, actor: Actor) -> WorkflowRecord | None:
    """Publish a version; or change its labels, overwrite it if it is a draft, or take it back from retirement.

    The first release that is published becomes the stable one. A file neither takes a version back from retirement nor
    changes labels that were set otherwise: it is read at each start. Raises WorkflowConflict when the version is
    published with another content, and LimitReached.
    """
    known = record.version(workflow.version)
    if known is None:
        return _add(record, workflow, actor)
    same = known.content_digest == workflow.content_digest
    if not same and not workflow.is_draft:
        raise WorkflowConflict(
            f"{workflow.name} {workflow.version} is published with another content. Publish the change as a new "
            "version.",
            {"published_digest": known.digest, "sent_digest": workflow.digest},
        )
    from_file = actor.source == FILE
    relabelled = (known.title, known.description) != (workflow.title, workflow.description)
    relabelled = relabelled and not (from_file and known.labelled_by != FILE)
    restored = not known.accepts and not from_file
    if same and not relabelled and not restored:
        return None
    action = "version.restored" if restored else "version.relabelled" if same else "draft.overwritten"
    copy = changed(
        record,
        actor,
        action,
        version=workflow.version,
        before=known.title if same else known.digest,
        after=workflow.title if same else workflow.digest,
    )
    version = copy.version(workflow.version)
    assert version is not None
    if relabelled:
        version.title, version.description = workflow.title, workflow.description
        version.labelled_by = actor.source
    if restored:
        version.state, version.retired_at = VersionState.PUBLISHED, None
    if not same:
        version.digest, version.content_digest = workflow.digest, workflow.content_digest
        version.published_at = actor.at
    return copy


def _add(record: WorkflowRecord, workflow: Workflow, actor: Actor) -> WorkflowRecord:
    if len(record.versions) >= MAX_VERSIONS:
        raise LimitReached(
            f"{record.name} has {MAX_VERSIONS} versions, which is the limit. Delete drafts, or publish "
            "under another name."
        )
    copy = changed(record, actor, "version.published", version=workflow.version, after=workflow.digest)
    copy.versions.append(
        VersionRecord(
            version=workflow.version,
            digest=workflow.digest,
            content_digest=workflow.content_digest,
            title=workflow.title,
            description=workflow.description,
            labelled_by=actor.source,
            published_at=actor.at,
        )
    )
    if STABLE not in copy.aliases and not workflow.is_draft:
        copy.aliases[STABLE] = AliasRecord(version=workflow.version)
    return copy


def retire(record: WorkflowRecord, version: str, actor: Actor) -> WorkflowRecord | None:
    """Retire a release, or delete a draft. A split of the traffic that names it ends. Raises UnknownWorkflow."""
    known = _version(record, version)
    if not known.accepts:
        return None
    draft = is_draft(version)
    copy = changed(record, actor, "draft.deleted" if draft else "version.retired", version=version, before=known.digest)
    if draft:
        copy.versions = [each for each in copy.versions if each.version != version]
    else:
        retired = _version(copy, version)
        retired.state, retired.retired_at = VersionState.RETIRED, actor.at
    if any(share.version == version for share in copy.traffic):
        copy.traffic = []
    return copy


def set_alias(record: WorkflowRecord, alias: str, version: str, actor: Actor) -> WorkflowRecord | None:
    """Point an alias to a release. Setting ``stable`` ends a split of the traffic.

    Raises InvalidRequest, UnknownWorkflow, WorkflowRetired and LimitReached.
    """
    if not ALIAS.match(alias):
        raise InvalidRequest(
            f"{alias[:64]!r} is no alias: it has up to 32 lower-case letters, digits and -, and begins with a letter."
        )
    _release(record, version)
    known = record.aliases.get(alias)
    ends_split = alias == STABLE and bool(record.traffic)
    if known is not None and known.version == version and not ends_split:
        return None
    if known is None and len(record.aliases) >= MAX_ALIASES:
        raise LimitReached(f"{record.name} has {MAX_ALIASES} aliases, which is the limit. Delete one first.")
    before = known.version if known else None
    copy = changed(record, actor, "alias.set", alias=alias, version=version, before=before, after=version)
    previous = known.previous if known else []
    if known is not None and known.version != version:
        previous = [*previous, known.version][-PREVIOUS_KEPT:]
    copy.aliases[alias] = AliasRecord(version=version, previous=previous)
    if alias == STABLE:
        copy.traffic = []
    return copy


def remove_alias(record: WorkflowRecord, alias: str, actor: Actor) -> WorkflowRecord:
    """Remove an alias. Raises UnknownWorkflow, and WorkflowConflict for ``stable``, which every workflow has."""
    known = record.aliases.get(alias)
    if known is None:
        raise UnknownWorkflow(
            f"{record.name} has no alias {alias[:64]!r}. It has: {', '.join(sorted(record.aliases))}."
        )
    if alias == STABLE:
        raise WorkflowConflict(f"Every workflow has the alias {STABLE}. Point it to another version instead.")
    copy = changed(record, actor, "alias.removed", alias=alias, before=known.version)
    del copy.aliases[alias]
    return copy


def roll_back(record: WorkflowRecord, actor: Actor, alias: str = STABLE) -> WorkflowRecord:
    """Point an alias to the latest of its earlier versions that still accepts submissions; end a split.

    Raises UnknownWorkflow, and WorkflowConflict if there is no such version.
    """
    known = record.aliases.get(alias)
    if known is None:
        raise UnknownWorkflow(f"{record.name} has no alias {alias[:64]!r}.")
    accepting = {each.version for each in record.accepting()}
    previous = list(known.previous)
    while previous and (previous[-1] == known.version or previous[-1] not in accepting):
        previous.pop()
    if not previous:
        raise WorkflowConflict(
            f"{record.name}: {alias} points to {known.version} and has no earlier version that accepts submissions. "
            "Set the alias to the version that you want."
        )
    target = previous.pop()
    copy = changed(record, actor, "alias.rolled_back", alias=alias, version=target, before=known.version, after=target)
    copy.aliases[alias] = AliasRecord(version=target, previous=previous)
    if alias == STABLE:
        copy.traffic = []
    return copy


def split_traffic(record: WorkflowRecord, percents: Mapping[str, int], actor: Actor) -> WorkflowRecord | None:
    """Split the submissions that name no version; an empty mapping ends the split.

    Raises InvalidRequest, UnknownWorkflow and WorkflowRetired.
    """
    if percents and (min(percents.values()) < 0 or sum(percents.values()) != WHOLE_PERCENT):
        raise InvalidRequest(
            f"The percentages are whole numbers from 0 to {WHOLE_PERCENT} and sum to {WHOLE_PERCENT}, as in "
            '{"v1.0.0": 90, "v1.1.0": 10}.'
        )
    for version in percents:
        _release(record, version)
    wanted = shares({version: percent for version, percent in percents.items() if percent})
    if wanted == record.traffic:
        return None
    copy = changed(record, actor, "traffic.split", before=traffic_text(record.traffic), after=traffic_text(wanted))
    copy.traffic = wanted
    return copy


def retired_error(record: WorkflowRecord, version: str) -> WorkflowRetired:
    """Return the error for a submission to a retired version; it names the version to use instead."""
    successor = record.successor(version)
    advice = f"Use {successor}." if successor else "There is no other version."
    return WorkflowRetired(
        f"{record.name} {version} is retired and accepts no submissions. {advice}",
        {"successor": successor} if successor else {},
    )


def _version(record: WorkflowRecord, version: str) -> VersionRecord:
    known = record.version(version)
    if known is None:
        raise UnknownWorkflow(f"There is no workflow {record.name[:64]!r} in version {version[:64]!r} here.")
    return known


def _release(record: WorkflowRecord, version: str) -> VersionRecord:
    known = _version(record, version)
    if is_draft(version):
        raise InvalidRequest(f"{version} is a draft, which runs only when it is named. Publish it as a release first.")
    if not known.accepts:
        raise retired_error(record, version)
    return known
