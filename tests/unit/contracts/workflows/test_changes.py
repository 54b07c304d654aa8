"""The changes of a workflow, as decisions on its document."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import (
    InvalidRequest,
    LimitReached,
    ShowcaseError,
    UnknownWorkflow,
    WorkflowConflict,
    WorkflowRetired,
)
from contracts.workflows import changes
from contracts.workflows.registry import (
    MAX_ALIASES,
    MAX_VERSIONS,
    PREVIOUS_KEPT,
    Actor,
    VersionState,
    WorkflowRecord,
    empty_record,
)
from tests.support.factories import NOW, ONE_STEP, make_workflow
from tests.support.present import present

API = Actor("api", NOW, "because")
FILE = Actor(changes.FILE, NOW)


def text(version: str = "v1.0.0", **replaced: str) -> str:
    result = ONE_STEP.replace("v1.0.0", version)
    for old, new in replaced.items():
        result = result.replace(old, new)
    return result


def published(*versions: str) -> WorkflowRecord:
    record = empty_record("default", "digits")
    for version in versions:
        record = present(changes.publish(record, make_workflow(text(version)), API))
    return record


def stable(record: WorkflowRecord) -> str:
    return record.aliases["stable"].version


def test_the_first_release_becomes_stable_and_later_ones_do_not() -> None:
    record = published("v2.0.0-draft", "v1.0.0", "v1.1.0")
    assert stable(record) == "v1.0.0"
    assert record.revision == 3
    assert [(entry.action, entry.version, entry.source, entry.reason) for entry in record.unlogged] == [
        ("version.published", "v2.0.0-draft", "api", "because"),
        ("version.published", "v1.0.0", "api", "because"),
        ("version.published", "v1.1.0", "api", "because"),
    ]
    assert len({entry.id for entry in record.unlogged}) == 3


def test_the_same_content_in_another_layout_changes_nothing() -> None:
    record = published("v1.0.0")
    assert changes.publish(record, make_workflow(text() + "# a comment\n"), API) is None
    assert changes.publish(record, make_workflow(text()), FILE) is None


def test_another_content_is_refused_with_both_digests() -> None:
    record = published("v1.0.0")
    other = make_workflow(text().replace("@1.0.0", "@1.0.1"))
    with pytest.raises(WorkflowConflict) as caught:
        changes.publish(record, other, API)
    assert caught.value.members == {"published_digest": record.versions[0].digest, "sent_digest": other.digest}


def test_labels_change_and_the_digest_stays() -> None:
    record = published("v1.0.0")
    labelled = make_workflow("title: New words\ndescription: More of them\n" + text().replace("title: Digits\n", ""))
    after = present(changes.publish(record, labelled, API))
    version = present(after.version("v1.0.0"))
    assert (version.title, version.description, version.labelled_by) == ("New words", "More of them", "api")
    assert version.digest == record.versions[0].digest
    assert after.unlogged[-1].action == "version.relabelled"
    assert (after.unlogged[-1].before, after.unlogged[-1].after) == (record.versions[0].title, "New words")


def test_a_file_does_not_undo_what_was_changed_over_the_api() -> None:
    original = make_workflow(text())
    record = present(changes.publish(empty_record("default", "digits"), original, FILE))
    renamed = make_workflow("description: d\n" + text())
    from_file = present(changes.publish(record, renamed, FILE))
    assert present(from_file.version("v1.0.0")).description == "d"
    by_api = present(changes.publish(from_file, make_workflow("description: e\n" + text()), API))
    assert changes.publish(by_api, renamed, FILE) is None
    retired = present(changes.retire(by_api, "v1.0.0", API))
    assert changes.publish(retired, original, FILE) is None
    restored = present(changes.publish(retired, make_workflow("description: e\n" + text()), API))
    assert present(restored.version("v1.0.0")).accepts
    assert present(restored.version("v1.0.0")).retired_at is None
    assert restored.unlogged[-1].action == "version.restored"


def test_a_draft_is_overwritten_and_deleted() -> None:
    record = published("v1.0.0", "v1.1.0-draft")
    later = Actor("api", NOW + timedelta(hours=1))
    other = make_workflow(text("v1.1.0-draft").replace("@1.0.0", "@1.0.1"))
    after = present(changes.publish(record, other, later))
    version = present(after.version("v1.1.0-draft"))
    assert (version.digest, version.content_digest) == (other.digest, other.content_digest)
    assert version.published_at == later.at
    assert after.unlogged[-1].action == "draft.overwritten"
    deleted = present(changes.retire(after, "v1.1.0-draft", API))
    assert deleted.version("v1.1.0-draft") is None
    assert deleted.unlogged[-1].action == "draft.deleted"


def test_a_release_is_retired_once_and_ends_the_split_that_names_it() -> None:
    record = published("v1.0.0", "v1.1.0", "v1.2.0")
    record = present(changes.split_traffic(record, {"v1.0.0": 50, "v1.1.0": 50}, API))
    other = present(changes.retire(record, "v1.2.0", API))
    assert other.traffic == record.traffic
    after = present(changes.retire(record, "v1.1.0", API))
    assert after.traffic == []
    version = present(after.version("v1.1.0"))
    assert (version.state, version.retired_at) == (VersionState.RETIRED, NOW)
    assert changes.retire(after, "v1.1.0", API) is None
    with pytest.raises(UnknownWorkflow):
        changes.retire(after, "v7.0.0", API)


def test_stable_moves_and_rolls_back_over_what_is_retired() -> None:
    record = published("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
    for version in ("v1.1.0", "v1.2.0", "v1.3.0"):
        record = present(changes.set_alias(record, "stable", version, API))
    record = present(changes.retire(record, "v1.2.0", API))
    record = changes.roll_back(record, API)
    assert stable(record) == "v1.1.0"
    assert (record.unlogged[-1].before, record.unlogged[-1].after) == ("v1.3.0", "v1.1.0")
    record = changes.roll_back(record, API)
    assert stable(record) == "v1.0.0"
    with pytest.raises(WorkflowConflict, match="no earlier version"):
        changes.roll_back(record, API)


def test_an_alias_keeps_a_bounded_history() -> None:
    record = published("v1.0.0", "v1.1.0")
    for number in range(PREVIOUS_KEPT + 5):
        record = present(changes.set_alias(record, "stable", f"v1.{(number + 1) % 2}.0", API))
    assert len(record.aliases["stable"].previous) == PREVIOUS_KEPT


def test_moving_stable_or_rolling_back_ends_a_split_and_another_alias_does_not() -> None:
    record = published("v1.0.0", "v1.1.0")
    record = present(changes.set_alias(record, "stable", "v1.1.0", API))
    split = present(changes.split_traffic(record, {"v1.0.0": 90, "v1.1.0": 10}, API))
    assert split.unlogged[-1].after == "v1.0.0 90 %, v1.1.0 10 %"
    assert changes.split_traffic(split, {"v1.0.0": 90, "v1.1.0": 10}, API) is None
    assert present(changes.set_alias(split, "stable", "v1.1.0", API)).traffic == []
    assert changes.roll_back(split, API).traffic == []
    assert present(changes.set_alias(split, "next", "v1.1.0", API)).traffic == split.traffic
    assert present(changes.split_traffic(split, {}, API)).traffic == []


@pytest.mark.parametrize(
    "percents", [{"v1.0.0": 99}, {"v1.0.0": 101}, {"v1.0.0": 110, "v1.1.0": -10}, {"v1.0.0": 60, "v1.1.0": 50}]
)
def test_percentages_sum_to_a_hundred(percents: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="sum to 100"):
        changes.split_traffic(published("v1.0.0", "v1.1.0"), percents, API)


@pytest.mark.parametrize(
    ("version", "error"),
    [("v1.1.0-draft", InvalidRequest), ("v1.2.0", WorkflowRetired), ("v9.0.0", UnknownWorkflow)],
)
def test_only_releases_that_accept_submissions_get_an_alias_or_traffic(
    version: str, error: type[ShowcaseError]
) -> None:
    record = present(changes.retire(published("v1.0.0", "v1.1.0-draft", "v1.2.0"), "v1.2.0", API))
    with pytest.raises(error):
        changes.set_alias(record, "next", version, API)
    with pytest.raises(error):
        changes.split_traffic(record, {version: 100}, API)


def test_aliases_are_removed_but_for_stable() -> None:
    record = present(changes.set_alias(published("v1.0.0"), "next", "v1.0.0", API))
    assert changes.set_alias(record, "next", "v1.0.0", API) is None
    assert set(changes.remove_alias(record, "next", API).aliases) == {"stable"}
    with pytest.raises(WorkflowConflict, match="Every workflow has the alias stable"):
        changes.remove_alias(record, "stable", API)
    with pytest.raises(UnknownWorkflow, match="It has: next, stable"):
        changes.remove_alias(record, "later", API)


@pytest.mark.parametrize("alias", ["Stable", "v1.0.0", "1st", "a_b", "", "a" * 33, "next\n"])
def test_a_name_that_is_no_alias_is_refused(alias: str) -> None:
    with pytest.raises(InvalidRequest, match="is no alias"):
        changes.set_alias(published("v1.0.0"), alias, "v1.0.0", API)


def test_versions_and_aliases_have_limits() -> None:
    record = published("v1.0.0")
    for number in range(MAX_ALIASES - 1):
        record = present(changes.set_alias(record, f"a{number}", "v1.0.0", API))
    with pytest.raises(LimitReached, match="aliases"):
        changes.set_alias(record, "one-more", "v1.0.0", API)
    full = record.model_copy(update={"versions": record.versions * MAX_VERSIONS})
    with pytest.raises(LimitReached, match="versions"):
        changes.publish(full, make_workflow(text("v1.1.0")), API)


VERSIONS = ["v1.0.0", "v1.1.0", "v1.2.0-draft", "v1.2.0"]
MOVES = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("retire"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("alias"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("split"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("roll back"), st.just("")),
)


@given(st.lists(MOVES, max_size=25))
def test_whatever_is_done_the_document_stays_consistent(moves: list[tuple[str, str]]) -> None:
    record = empty_record("default", "digits")
    for move, version in moves:
        before = record.model_copy(deep=True)
        try:
            if move == "publish":
                after = changes.publish(record, make_workflow(text(version)), API)
            elif move == "retire":
                after = changes.retire(record, version, API)
            elif move == "alias":
                after = changes.set_alias(record, "stable", version, API)
            elif move == "split":
                after = changes.split_traffic(record, {version: 100}, API)
            else:
                after = changes.roll_back(record, API)
        except ShowcaseError:
            after = None
        assert record == before, "a change never touches the document that it was given"
        if after is not None:
            assert after.revision == record.revision + 1
            assert len(after.unlogged) == len(record.unlogged) + 1
            record = after
    names = [each.version for each in record.versions]
    assert len(names) == len(set(names))
    accepting = {each.version for each in record.accepting()}
    assert {share.version for share in record.traffic} <= accepting
    if "stable" in record.aliases:
        assert stable(record) in names
        assert not stable(record).endswith("-draft")
