"""The registry as processes use it: two of them over one store in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.errors import LimitReached, StoreUnavailable, UnknownWorkflow, WorkflowConflict
from contracts.workflows import changes
from contracts.workflows.catalogue import Catalogue, WorkflowText
from contracts.workflows.registry import MAX_WORKFLOWS, Actor, WorkflowRecord, empty_record
from runtime.registry import EarlierWorkflow, WorkflowRegistry
from tests.support.factories import GATED, NOW, ONE_STEP, make_workflow
from tests.support.fake_catalogue import MemoryRegistryStore
from tests.support.fakes import MemoryStore

API = Actor("api", NOW)
FILE = Actor(changes.FILE, NOW)


def with_text(text: str) -> WorkflowText:
    return WorkflowText(make_workflow(text), text)


V1, V2 = with_text(ONE_STEP), with_text(ONE_STEP.replace("v1.0.0", "v2.0.0"))
DRAFT = with_text(ONE_STEP.replace("v1.0.0", "v3.0.0-draft"))
NEWER_DRAFT = with_text(ONE_STEP.replace("v1.0.0", "v3.0.0-draft").replace("@1.0.0", "@1.0.1"))


class World:
    """Two processes, ``first`` and ``second``, each with its catalogue."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.store = MemoryRegistryStore(self.memory)
        self.catalogues = Catalogue([V1.workflow]), Catalogue([V1.workflow])
        self.served: list[list[str]] = []
        self.first = WorkflowRegistry(self.store, self.catalogues[0], serve=self.served.append)
        self.second = WorkflowRegistry(self.store, self.catalogues[1])


@pytest.fixture
def world() -> World:
    return World()


def stable(version: str) -> Callable[[WorkflowRecord], WorkflowRecord | None]:
    return lambda record: changes.set_alias(record, "stable", version, API)


def test_a_change_of_one_process_reaches_the_other(world: World) -> None:
    assert world.first.publish_folder([V1], FILE) == []
    assert world.second.refresh()
    assert not world.second.refresh()
    world.first.publish(V2, API)
    assert [each.version for each in world.catalogues[1].versions("digits")] == ["v1.0.0"]
    assert world.second.refresh()
    assert [each.version for each in world.catalogues[1].versions("digits")] == ["v2.0.0", "v1.0.0"]
    world.second.change("digits", stable("v2.0.0"))
    assert world.first.refresh()
    assert world.catalogues[0].find("digits").version == "v2.0.0"


def test_queues_come_before_the_catalogue_has_a_new_workflow(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    world.second.publish(with_text(GATED), API)
    names_before: list[list[str]] = []
    world.first._serve = lambda names: names_before.append([*names, *world.catalogues[0].names])
    world.first.refresh()
    assert names_before == [["digits", "gated", "digits"]]
    assert world.catalogues[0].names == ["digits", "gated"]


def test_before_anything_is_published_the_folder_counts(world: World) -> None:
    assert not world.first.refresh()
    assert world.catalogues[0].names == ["digits"]


def test_of_two_changes_at_the_same_time_the_second_is_decided_again(world: World) -> None:
    world.first.publish_folder([V1, V2], FILE)
    seen: list[int] = []

    def slow(record: WorkflowRecord) -> WorkflowRecord | None:
        seen.append(record.revision)
        if len(seen) == 1:
            world.second.change("digits", lambda each: changes.set_alias(each, "next", "v1.0.0", API))
        return changes.set_alias(record, "stable", "v2.0.0", API)

    record, changed = world.first.change("digits", slow)
    assert changed
    assert len(seen) == 2
    assert {alias: each.version for alias, each in record.aliases.items()} == {"next": "v1.0.0", "stable": "v2.0.0"}
    assert [entry.alias for entry in world.store.log if entry.action == "alias.set"] == ["next", "stable"]


def test_a_change_that_never_wins_gives_up(world: World) -> None:
    world.first.publish_folder([V1], FILE)

    def disturbed(record: WorkflowRecord) -> WorkflowRecord | None:
        name = f"a{record.revision}"
        world.second.change("digits", lambda each: changes.set_alias(each, name, "v1.0.0", API))
        return changes.set_alias(record, "mine", "v1.0.0", API)

    with pytest.raises(WorkflowConflict, match="Other requests keep changing digits"):
        world.first.change("digits", disturbed)


def test_every_change_is_logged_once_even_if_its_process_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.first.publish_folder([V1], FILE)

    def stopped(*_: object) -> None:
        raise StoreUnavailable("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "append_audit", stopped)
        with pytest.raises(StoreUnavailable):
            world.first.publish(V2, API)
    assert [entry.version for entry in world.store.log] == ["v1.0.0"]
    with monkeypatch.context() as patched:
        patched.setattr(world.store, "mark_logged", stopped)
        with pytest.raises(StoreUnavailable):
            world.second.refresh()
    world.second.refresh()
    world.first.refresh()
    assert [entry.version for entry in world.store.log] == ["v1.0.0", "v2.0.0"]
    assert world.store.documents["default/digits"].unlogged == []


def test_an_overwritten_draft_is_still_found_by_its_digest(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    world.first.publish(DRAFT, API)
    world.first.publish(NEWER_DRAFT, API)
    assert world.store.superseded == {f"default/{DRAFT.workflow.digest}"}
    world.second.refresh()
    assert world.catalogues[1].with_digest(DRAFT.workflow.ref) is None
    for _ in range(2):
        assert world.second.with_digest(DRAFT.workflow.ref) == DRAFT.workflow
    assert world.second.with_digest(NEWER_DRAFT.workflow.ref) == NEWER_DRAFT.workflow
    assert world.second.with_digest(V2.workflow.ref) is None
    wrong = DRAFT.workflow.ref.model_copy(update={"version": "v1.0.0"})
    assert world.second.with_digest(wrong) is None
    world.first.publish(DRAFT, API)
    assert world.store.superseded == {f"default/{NEWER_DRAFT.workflow.digest}"}


def test_a_version_that_this_process_has_not_seen_yet_is_found(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    world.second.refresh()
    world.first.publish(V2, API)
    assert world.second.with_digest(V2.workflow.ref) == V2.workflow


def test_a_text_of_a_newer_release_is_left_out(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    world.first.publish(V2, API)
    world.store.texts[f"default/{V2.workflow.digest}"] = "workflow: digits\nparameters: {}\n"
    world.second.refresh()
    assert [each.version for each in world.catalogues[1].versions("digits")] == ["v1.0.0"]


def test_labels_come_from_the_document(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    world.first.publish(with_text("title: Better words\n" + ONE_STEP), API)
    world.second.refresh()
    found = world.catalogues[1].find("digits")
    assert (found.title, found.digest) == ("Better words", V1.workflow.digest)


def test_an_unknown_workflow_is_told_the_known_ones(world: World) -> None:
    world.first.publish_folder([V1], FILE)
    with pytest.raises(UnknownWorkflow, match="There are: digits"):
        world.first.change("nothing", stable("v1.0.0"))


def test_the_number_of_workflows_has_a_limit(world: World) -> None:
    for number in range(MAX_WORKFLOWS):
        record = empty_record("default", f"w{number}")
        world.store.documents[record.id] = record
    with pytest.raises(LimitReached, match="200 workflows"):
        world.first.publish(V1, API)


def test_a_file_that_cannot_be_published_does_not_stop_the_others(world: World) -> None:
    world.first.publish(with_text(ONE_STEP.replace("@1.0.0", "@1.0.1")), API)
    problems = world.first.publish_folder([V1, V2, with_text(GATED)], FILE)
    assert len(problems) == 1
    assert problems[0].startswith("digits v1.0.0 is published with another content")
    world.first.refresh()
    assert [each.version for each in world.catalogues[0].versions("digits")] == ["v2.0.0", "v1.0.0"]
    assert world.catalogues[0].names == ["digits", "gated"]


# What releases without a registry stored.


def test_earlier_aliases_go_on_to_mean_what_they_meant(world: World) -> None:
    digests = {each.workflow.version: each.workflow.digest for each in (V1, V2)}
    world.store.earlier_workflows["digits"] = EarlierWorkflow(digests, {"old": "v1.0.0", "lost": "v9.0.0"})
    world.first.publish_folder([V1, V2], FILE)
    aliases = world.store.documents["default/digits"].aliases
    assert {name: each.version for name, each in aliases.items()} == {"stable": "v2.0.0", "old": "v1.0.0"}
    assert aliases["stable"].previous == []
    world.first.change("digits", stable("v1.0.0"))
    world.second.publish_folder([V1, V2], FILE)  # a later start changes nothing
    assert world.store.documents["default/digits"].aliases["stable"].version == "v1.0.0"


def test_an_earlier_stable_stays(world: World) -> None:
    digests = {each.workflow.version: each.workflow.digest for each in (V1, V2)}
    world.store.earlier_workflows["digits"] = EarlierWorkflow(digests, {"stable": "v1.0.0"})
    world.first.publish_folder([V1, V2], FILE)
    assert world.store.documents["default/digits"].aliases["stable"].version == "v1.0.0"


def test_a_new_file_does_not_become_stable_with_the_upgrade(world: World) -> None:
    world.store.earlier_workflows["digits"] = EarlierWorkflow({"v1.0.0": V1.workflow.digest}, {})
    world.first.publish_folder([V1, V2], FILE)
    assert world.store.documents["default/digits"].aliases["stable"].version == "v1.0.0"


def test_an_earlier_version_with_another_file_is_reported(world: World) -> None:
    world.store.earlier_workflows["digits"] = EarlierWorkflow({"v1.0.0": "sha256:another"}, {})
    (sentence,) = world.first.publish_folder([V1], FILE)
    assert "this published version has changed" in sentence
    assert world.store.documents == {}
