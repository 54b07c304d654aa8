"""Workflows are checked, published, split, moved, rolled back and retired under load, while parts are killed.

No request fails that should not, every accepted submission runs the version that it was accepted with, and after the
whole cluster was restarted the registry is what it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import load_texts
from deploy.local.errors import ClusterError
from tests.support.checkout import CHECKOUT
from tests.support.extra_processes import Extra, extra
from tests.support.factories import make_workflow
from tests.support.local_cluster import LocalCluster, free_ports, running
from tests.support.patience import PATIENCE, eventually
from tests.support.steady_load import Accepted, SteadyLoad, Target, accepted, submit

pytestmark = pytest.mark.clusters("local")  # a second gateway and a second orchestrator need its database and broker

NAME, DRAFT, FIRST, SECOND = "readings", "v1.0.0-draft", "v1.0.0", "v1.1.0"
UNNAMED, DIGITS = Target(NAME), Target("workflow_000")
AT_ONCE = 4
MOST_UNTIL_BOTH = 300
"""Submissions of which one in ten runs the other version: that none of so many does happens never."""


def text(version: str, field: str) -> str:
    """A version whose results name ``field``, so that each result shows which text ran."""
    return f"""\
workflow: {NAME}
version: {version}
title: Read a digit
input: {{kind: image}}
steps:
  recognition: {{model: digit_recognizer@1.0.0}}
output:
  digit: recognition.digit
  {field}: recognition.score
"""


TEXTS = [
    text(DRAFT, "as_first_drafted"),
    text(DRAFT, "as_drafted_again"),
    text(FIRST, "score"),
    text(SECOND, "certainty"),
]


class Operator:
    """Whoever changes the workflows through one gateway."""

    def __init__(self, url: str, image: bytes) -> None:
        self.url, self.image = url, image

    def call(self, method: str, path: str, expected: int = 200, **sent: Any) -> Any:
        answer = requests.request(method, f"{self.url}/api/v2/{path}", timeout=PATIENCE, **sent)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def text(self, method: str, path: str, content: str, expected: int) -> Any:
        return self.call(method, path, expected, data=content, headers={"Content-Type": "application/yaml"})

    def publish(self, content: str, expected: int = 201) -> None:
        workflow = make_workflow(content)
        found = self.text("PUT", f"workflows/{NAME}/{workflow.version}", content, expected)
        assert found["digest"] == workflow.digest

    def submit(self, version: str | None = None) -> Accepted:
        target = Target(NAME, version)
        return accepted(submit(self.url, target, self.image), target)

    def has(self, content: str) -> bool:
        """Return whether this gateway knows exactly this text."""
        workflow = make_workflow(content)
        answer = requests.get(f"{self.url}/api/v2/workflows/{NAME}/{workflow.version}", timeout=PATIENCE)
        return bool(answer.status_code == 200 and answer.json()["digest"] == workflow.digest)

    def shows(self, **fields: Any) -> bool:
        answer = requests.get(f"{self.url}/api/v2/workflows/{NAME}", timeout=PATIENCE)
        return answer.status_code == 200 and {name: answer.json()[name] for name in fields} == fields

    def registry(self) -> list[Any]:
        """Return all that the registry says: workflows, versions, aliases, traffic, and the audit log."""
        listed = self.call("GET", "workflows")["items"]
        named = {(item["name"], each["version"]) for item in listed for each in item["versions"]} | {(NAME, SECOND)}
        versions = [self.call("GET", f"workflows/{name}/{version}") for name, version in sorted(named)]
        return [listed, versions, self.call("GET", "audit?limit=200")]


@contextmanager
def second_processes(cluster: LocalCluster, logs: Path) -> Iterator[tuple[str, Extra]]:
    """Run another gateway and another orchestrator on the cluster's database and broker."""
    settings = cluster.environment()
    port = free_ports()
    url = f"http://127.0.0.1:{port}"
    with (
        extra("orchestrator", settings, logs / "orchestrator.log") as orchestrator,
        extra("gateway", settings | {"SHOWCASE_PORT": str(port)}, logs / "gateway.log") as gateway,
    ):
        eventually(lambda: orchestrator.lines("broker connected"))
        eventually(lambda: requests.get(f"{url}/health/ready", timeout=PATIENCE).status_code == 200)
        yield url, gateway
        assert (gateway.stop(), orchestrator.stop()) == (0, 0)


def process_ids(cluster: LocalCluster) -> dict[str, int]:
    return {part: cluster.pid(part) for part in ("rabbitmq", "database", "torchserve", "orchestrator", "gateway")}


def kill(cluster: LocalCluster, part: str) -> None:
    """Kill a part, and wait until the supervisor has started it again."""
    before = cluster.pid(part)

    def another_runs() -> bool:
        try:
            return cluster.pid(part) != before
        except ClusterError:
            return False  # between the two processes there is none

    cluster.kill(part)
    eventually(another_runs)


def both_versions(operator: Operator) -> list[Accepted]:
    """Submit without a version until both versions were chosen."""
    found: list[Accepted] = []
    while {each.ref.version for each in found} != {FIRST, SECOND}:
        assert len(found) < MOST_UNTIL_BOTH
        found.append(operator.submit())
    return found


def test_workflows_change_under_load_while_parts_are_killed(tmp_path: Path, samples: Path) -> None:
    image = (samples / "digits" / "digit_7.png").read_bytes()
    folder = tmp_path / "workflows"
    shutil.copytree(CHECKOUT / "workflows", folder)
    with running(tmp_path / "cluster", settings={"SHOWCASE_WORKFLOWS": str(folder)}) as cluster:
        here = Operator(cluster.url, image)
        with second_processes(cluster, tmp_path) as (url, _):
            there = Operator(url, image)
            with SteadyLoad([here.url, there.url], image, DIGITS).running() as load:
                sent = changed(cluster, folder, load, here, there)
            assert load.failures == []
            assert {Target(NAME, SECOND), UNNAMED, DIGITS} <= {each.target for each in load.accepted}
            assert all(answer.json()["successor"] == FIRST for answer in load.gone)
            check_all_ran(cluster, folder, [*sent, *load.accepted])
            eventually(lambda: here.registry() == there.registry())
        check_audit(here)
        before = here.registry()
        cluster.down()
        contradict(folder)
        said = cluster.attempt("up")
        assert said.returncode == 0, said.stderr
        assert said.stdout.count("is published with another content, which goes on.") == 1
        assert here.registry() == before
        check_all_ran(cluster, folder, [here.submit(), here.submit(FIRST), here.submit(DRAFT)])


def changed(cluster: LocalCluster, folder: Path, load: SteadyLoad, here: Operator, there: Operator) -> list[Accepted]:
    """Change the workflows in every way; return what was submitted besides the load."""
    first_draft, second_draft, first, second = TEXTS
    eventually(lambda: load.accepted)

    # A text with errors is refused everywhere, and stops nothing.
    before = process_ids(cluster)
    wrong = first.replace("@1.0.0", "").replace("kind: image", "kind: text")
    checked = here.text("POST", "workflows/validate", wrong, 200)
    assert (checked["valid"], [fault["line"] for fault in checked["errors"]]) == (False, [4, 6])
    assert len(here.text("PUT", f"workflows/{NAME}/{FIRST}", wrong, 422)["errors"]) == 2
    (folder / NAME).mkdir()
    (folder / NAME / f"{FIRST}.yaml").write_text(wrong)
    refused = cluster.attempt("up")
    assert refused.returncode == 1
    assert refused.stderr.count("does not pin a model: write name@1.0.0.") == 1
    assert f"{NAME}/{FIRST}.yaml:6:" in refused.stderr
    shutil.rmtree(folder / NAME)
    assert process_ids(cluster) == before
    load.go_on()

    # A draft is published, run and overwritten; what was accepted before runs the text of before.
    here.publish(first_draft)
    sent = [here.submit(DRAFT) for _ in range(AT_ONCE)]
    eventually(lambda: there.has(first_draft))
    sent.append(there.submit(DRAFT))
    here.publish(second_draft, expected=200)
    sent += [here.submit(DRAFT) for _ in range(AT_ONCE)]
    here.call("GET", f"workflows/{NAME}/stable", 404)  # nobody gets a draft who does not ask for it

    # A release runs at once where it was published, and soon on the other gateway; an orchestrator dies meanwhile.
    here.publish(first)
    sent += [here.submit() for _ in range(AT_ONCE)]
    eventually(lambda: there.has(first))
    load.targets = (DIGITS, UNNAMED)
    there.publish(second)
    sent.append(there.submit(SECOND))
    kill(cluster, "orchestrator")
    load.go_on()
    eventually(lambda: here.has(second))
    load.targets = (DIGITS, UNNAMED, Target(NAME, SECOND))
    sent.append(here.submit())
    assert sent[-1].ref.version == FIRST
    load.go_on()

    # Traffic is split, moved and rolled back; the gateway that moved it dies at once.
    here.call("PUT", f"workflows/{NAME}/traffic", json={FIRST: 90, SECOND: 10})
    sent += both_versions(here)
    eventually(lambda: there.shows(traffic={FIRST: 90, SECOND: 10}))
    sent += both_versions(there)
    load.go_on()
    with load.killed(here.url):
        here.call("PUT", f"workflows/{NAME}/aliases/stable", json={"version": SECOND})
        kill(cluster, "gateway")
        eventually(lambda: here.shows(aliases={"stable": SECOND}, traffic={}))
    eventually(lambda: there.shows(aliases={"stable": SECOND}, traffic={}))
    sent += [here.submit(), there.submit()]
    assert [each.ref.version for each in sent[-2:]] == [SECOND, SECOND]
    assert here.call("POST", f"workflows/{NAME}/rollback") == {"from": SECOND, "to": FIRST}
    sent.append(here.submit())
    assert sent[-1].ref.version == FIRST
    eventually(lambda: there.shows(aliases={"stable": FIRST}))
    load.go_on()

    # A version is retired: those that it accepted still run.
    sent += [there.submit(SECOND) for _ in range(AT_ONCE)]
    load.retired.append(Target(NAME, SECOND))
    there.call("DELETE", f"workflows/{NAME}/{SECOND}", 204)
    gone = submit(there.url, Target(NAME, SECOND), there.image)
    assert (gone.status_code, gone.json()["successor"]) == (410, FIRST)
    eventually(lambda: refused_or_noted(here, SECOND, sent))
    load.go_on()
    eventually(lambda: load.gone)
    return sent


def refused_or_noted(operator: Operator, version: str, sent: list[Accepted]) -> bool:
    """Return whether the version is gone. A gateway that has not learnt of it accepts a submission, which must run."""
    target = Target(NAME, version)
    answer = submit(operator.url, target, operator.image)
    if answer.status_code != 410:
        sent.append(accepted(answer, target))
    return answer.status_code == 410


def contradict(folder: Path) -> None:
    """Let a file say something else than the version that was published from it."""
    path = folder / "workflow_000" / "v1.0.0.yaml"
    path.write_text(path.read_text().replace("digit_recognizer@1.0.0", "digit_recognizer@1.0.1"))


def check_all_ran(cluster: LocalCluster, folder: Path, submissions: list[Accepted]) -> None:
    """Every submission succeeded once, and its result is that of the text that its acceptance named."""
    workflows = [*map(make_workflow, TEXTS), *(each.workflow for each in load_texts(folder))]
    fields = {workflow.digest: set(workflow.output) for workflow in workflows}
    identifiers = [each.id for each in submissions]
    assert len(set(identifiers)) == len(identifiers)
    eventually(lambda: all(record.state.terminal for record in cluster.records(identifiers)))
    records = {record.id: record for record in cluster.records(identifiers)}
    assert set(records) == set(identifiers)
    for each in submissions:
        record = records[each.id]
        assert (record.state, record.reason) == (SubmissionState.SUCCEEDED, None)
        assert record.workflow == each.ref
        assert set(record.result or {}) == fields[each.ref.digest]


def check_audit(operator: Operator) -> None:
    found = operator.call("GET", f"audit?workflow={NAME}&limit=200")["items"]
    assert [(each["action"], each["version"], each["before"], each["after"]) for each in reversed(found)] == [
        ("version.published", DRAFT, None, make_workflow(TEXTS[0]).digest),
        ("draft.overwritten", DRAFT, make_workflow(TEXTS[0]).digest, make_workflow(TEXTS[1]).digest),
        ("version.published", FIRST, None, make_workflow(TEXTS[2]).digest),
        ("version.published", SECOND, None, make_workflow(TEXTS[3]).digest),
        ("traffic.split", None, None, f"{FIRST} 90 %, {SECOND} 10 %"),
        ("alias.set", SECOND, FIRST, SECOND),
        ("alias.rolled_back", FIRST, SECOND, FIRST),
        ("version.retired", SECOND, make_workflow(TEXTS[3]).digest, None),
    ]
    assert {each["source"] for each in found} == {"api"}
    others = [each for each in operator.call("GET", "audit?limit=200")["items"] if each["workflow"] != NAME]
    assert {(each["action"], each["source"]) for each in others} == {("version.published", "file")}
    assert len({(each["workflow"], each["version"]) for each in others}) == len(others)
