"""The Python client and the command line, as their users run them, against the real cluster."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import showcase
from showcase import Client as Library
from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE, eventually
from tests.support.receivers import receiver
from tests.support.system import Client, Cluster

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def library(cluster: Cluster) -> Iterator[Library]:
    with Library(cluster.url) as made:
        yield made


class Shell:
    """Runs ``showcase`` as a process of its own, against the cluster at ``url``."""

    def __init__(self, url: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
        self.environment = inherited | {"SHOWCASE_URL": url, "PYTHONPATH": str(CHECKOUT / "client" / "src")}

    def __call__(
        self, *arguments: str | Path, cwd: Path = CHECKOUT, expect: int = 0
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "showcase", *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == expect, f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran


class StoppedModels:
    """Model servers whose process is stopped until ``resume``, so that submissions stay under way."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def shell(cluster: Cluster) -> Shell:
    return Shell(cluster.url)


@pytest.fixture
def stopped_models(cluster: LocalCluster) -> Iterator[StoppedModels]:
    stopped = StoppedModels(cluster.pid("torchserve"))
    yield stopped
    stopped.resume()


@pytest.fixture
def mine() -> dict[str, str]:
    """Metadata that only one test's submissions have."""
    return {"test": uuid.uuid4().hex}


def result_of(submission: showcase.Submission) -> dict[str, Any]:
    assert submission.result is not None
    return submission.result


def values(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_three_lines_read_a_digit(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWCASE_URL", cluster.url)
    monkeypatch.chdir(CHECKOUT)
    result = Library().submit("samples/digits/digit_7.png", workflow="workflow_000", wait=60)
    assert result_of(result)["digit"] == 7
    assert result.succeeded
    assert result.workflow.version == "v1.0.0"


def test_everything_about_a_submission_comes_back(library: Library, samples: Path, mine: dict[str, str]) -> None:
    picture = samples / "flair" / "lesion_1.png"
    received: list[showcase.Event] = []
    submission = library.submit(picture, "workflow_001", "stable", mine)
    ended = library.wait(submission.id, 60, on_event=received.append)
    assert result_of(ended)["label"] == "abnormality"
    assert ended.metadata == mine
    assert library.input(ended.id) == picture.read_bytes()
    assert [each.name for each in library.artifacts(ended.id)] == ["mask.png", "overlay.png"]
    mask = np.array(Image.open(io.BytesIO(library.artifact(ended.id, "mask.png"))))
    assert mask.shape == (256, 256)
    assert set(np.unique(mask)) == {0, 255}
    overlay = Image.open(io.BytesIO(library.artifact(ended.id, "overlay.png")))
    assert overlay.size == (256, 256)
    moves = [(event.type, event.step) for event in received if event.numbered]
    assert moves[0] == ("submission.queued", None)
    assert moves[-1] == ("submission.succeeded", None)
    assert ("step.succeeded", "segmentation") in moves
    record = library.record(ended.id)
    assert [step.state for step in record.steps] == ["succeeded", "succeeded"]
    gate = record.steps[1].gate
    assert gate is not None
    assert gate.value is True
    assert all(step.attempts for step in record.steps)
    assert [each.id for each in library.list(metadata=mine)] == [ended.id]


def test_one_key_is_one_submission_also_at_the_same_time(library: Library, samples: Path, mine: dict[str, str]) -> None:
    picture = (samples / "digits" / "digit_3.png").read_bytes()
    key = uuid.uuid4().hex
    made: list[str] = []

    def submit() -> None:
        made.append(library.submit(picture, "workflow_000", metadata=mine, idempotency_key=key).id)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert len(list(library.list(metadata=mine))) == 1
    with pytest.raises(showcase.Invalid):
        library.submit(picture, "workflow_001", metadata=mine, idempotency_key=key)


def test_events_arrive_once_in_order_and_resume_after_a_given_one(library: Library, samples: Path) -> None:
    for _ in range(20):
        submission = library.submit(samples / "digits" / "digit_1.png", "workflow_000")
        numbers = [int(event.id) for event in library.events(submission.id) if event.numbered]
        assert numbers == list(range(1, len(numbers) + 1))
    rest = [int(event.id) for event in library.events(submission.id, after="2") if event.numbered]
    assert rest == numbers[2:]
    assert list(library.events(submission.id, after=str(numbers[-1]))) == []


def test_a_stream_of_events_comes_whole_over_the_wire(client: Client, library: Library, samples: Path) -> None:
    for _ in range(40):
        submission = library.submit(samples / "digits" / "digit_1.png", "workflow_000")
        # This library raises for a body that ends before its last chunk.
        text = client.http.get(f"{client.url}/api/v2/submissions/{submission.id}/events", timeout=PATIENCE).text
        numbers = [int(each) for each in re.findall(r"^id: (\d+)$", text, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert "event: submission.succeeded" in text


@pytest.mark.clusters("local")
def test_watching_outlives_the_gateway(
    cluster: LocalCluster, library: Library, samples: Path, stopped_models: StoppedModels
) -> None:
    submission = library.submit(samples / "digits" / "digit_2.png", "workflow_000")
    received: list[showcase.Event] = []
    reached = threading.Event()

    def watch() -> None:
        for event in library.events(submission.id):
            received.append(event)
            reached.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    assert reached.wait(PATIENCE)
    cluster.kill("gateway")
    stopped_models.resume()
    watcher.join(PATIENCE)
    assert not watcher.is_alive()
    numbers = [int(event.id) for event in received if event.numbered]
    assert numbers == list(range(1, len(numbers) + 1))
    assert received[-1].type == "submission.succeeded"


@pytest.mark.clusters("local")
def test_a_canceled_submission_stays_canceled_until_it_is_retried(
    library: Library, shell: Shell, samples: Path, stopped_models: StoppedModels
) -> None:
    submission = library.submit(samples / "digits" / "digit_2.png", "workflow_000")
    with pytest.raises(showcase.WaitTimedOut):
        library.wait(submission.id, 0.2)
    late = shell("submit", "samples/digits/digit_2.png", "-w", "workflow_000", "--wait", "--timeout", "1", expect=5)
    assert "it continues" in late.stderr
    assert shell("cancel", submission.id).stdout == f"{submission.id}  canceled\n"
    stopped_models.resume()
    assert library.wait(submission.id, 60).state == "canceled"
    assert "submission canceled" in shell("watch", submission.id, expect=1).stdout.splitlines()[-1]
    assert library.cancel(submission.id).state == "canceled"
    assert shell("retry", submission.id).stdout == f"{submission.id}  queued\n"
    assert result_of(library.wait(submission.id, 60))["digit"] == 2
    history = [event for event in library.events(submission.id) if event.numbered]
    assert [int(event.id) for event in history] == list(range(1, len(history) + 1))
    ends = [event.type for event in history if event.ends]
    assert ends == ["submission.canceled", "submission.succeeded"]
    for move in ("retry", "cancel"):
        refused = shell(move, submission.id, expect=3)
        assert refused.stdout == ""
        assert refused.stderr.startswith("showcase: ")
    with pytest.raises(showcase.Conflict):
        library.cancel(submission.id)


def test_what_is_refused_is_a_typed_error_with_the_servers_sentence(library: Library, samples: Path) -> None:
    picture = samples / "digits" / "digit_1.png"
    for attempt, kind in (
        (lambda: library.get(NOWHERE), showcase.NotFound),
        (lambda: library.submit(picture, "no_such_workflow"), showcase.NotFound),
        (lambda: library.submit(picture, "workflow_000", "v9.9.9"), showcase.NotFound),
        (lambda: library.submit(b"no image", "workflow_000"), showcase.Refused),
        (lambda: library.submit(bytes(11 * 2**20), "workflow_000"), showcase.TooLarge),
        (lambda: library.artifact(NOWHERE, "mask.png"), showcase.NotFound),
        (lambda: library.record("../../health"), showcase.NotFound),
        (lambda: list(library.list(state="no_state")), showcase.Refused),
        (lambda: library.workflow("no_such_workflow"), showcase.NotFound),
        (lambda: library.model("no_such_model"), showcase.NotFound),
        (lambda: list(library.events(NOWHERE)), showcase.NotFound),
    ):
        with pytest.raises(kind) as caught:
            attempt()
        assert caught.value.detail.endswith(".")
        assert caught.value.problem["type"] == f"/problems/{caught.value.code}"


def test_a_deleted_submission_is_gone_with_its_images(library: Library, shell: Shell, samples: Path) -> None:
    submission = library.submit(samples / "digits" / "digit_4.png", "workflow_000", wait=60)
    assert shell("delete", "--yes", submission.id).stdout == f"{submission.id}  deleted\n"
    for look in (library.get, library.input, library.record):
        with pytest.raises((showcase.Gone, showcase.NotFound)):
            look(submission.id)
    shell("show", submission.id, expect=3)


def test_a_list_pages_through_all_that_match(
    library: Library, shell: Shell, samples: Path, mine: dict[str, str]
) -> None:
    made = [library.submit(samples / "digits" / f"digit_{n}.png", "workflow_000", metadata=mine).id for n in range(7)]
    found = [each.id for each in library.list(metadata=mine, page_size=3)]
    assert sorted(found) == sorted(made)
    created = [each.created_at for each in library.list(metadata=mine, page_size=2)]
    assert created == sorted(created, reverse=True)
    option = f"test={mine['test']}"
    listed = shell("list", "--metadata", option, "--limit", "5")
    assert len(listed.stdout.splitlines()) == 6
    assert "There are more" in listed.stderr
    assert [each["id"] for each in values(shell("list", "-m", option, "--json"))] == found
    assert "No submission matches" in shell("list", "-m", "test=none").stderr


def test_an_export_is_lines_or_a_table(
    library: Library, shell: Shell, samples: Path, mine: dict[str, str], tmp_path: Path
) -> None:
    ids = {
        library.submit(samples / "digits" / f"digit_{n}.png", "workflow_000", metadata=mine, wait=60).id for n in (1, 2)
    }
    option = f"test={mine['test']}"
    lines = values(shell("export", "--metadata", option))
    assert {each["id"] for each in lines} == ids
    file = tmp_path / "all.csv"
    exported = shell("export", "--format", "csv", "--out", file, "-m", option, "--json")
    assert json.loads(exported.stdout) == {"file": str(file), "bytes": file.stat().st_size, "format": "csv"}
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert {row["id"] for row in rows} == ids
    assert library.export(io.BytesIO(), "csv", metadata=mine) == file.stat().st_size


def test_submit_and_wait_prints_each_step_and_writes_the_pictures(shell: Shell, samples: Path, tmp_path: Path) -> None:
    picture = samples / "flair" / "lesion_1.png"
    ran = shell("submit", picture, "--workflow", "workflow_001", "--wait", cwd=tmp_path)
    assert re.search(r"^classification succeeded$", ran.stderr, re.MULTILINE)
    assert re.search(r"^segmentation succeeded$", ran.stderr, re.MULTILINE)
    assert re.search(r"^  label +abnormality$", ran.stdout, re.MULTILINE)
    assert re.search(r"^  image +lesion_1\.mask\.png$", ran.stdout, re.MULTILINE)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lesion_1.mask.png", "lesion_1.overlay.png"]
    assert set(np.unique(np.array(Image.open(tmp_path / "lesion_1.mask.png")))) == {0, 255}


def test_a_skipped_step_is_reported_with_its_gate_and_is_in_the_record(
    shell: Shell, samples: Path, tmp_path: Path
) -> None:
    ran = shell("submit", samples / "flair" / "normal_1.png", "-w", "workflow_001", "--wait", "--json", "-o", tmp_path)
    gate = "classification.label == 'abnormality' is false (classification.label = no_abnormality)"
    assert f"segmentation skipped: {gate}" in ran.stderr
    (body,) = values(ran)
    assert body["state"] == "succeeded"
    assert list(tmp_path.iterdir()) == []
    shown = shell("show", body["id"]).stdout
    assert "step segmentation: skipped, model bms_flair_abnormality_segmentation@1.0.0" in shown
    assert gate in shown
    assert re.search(r"step classification: succeeded.*\n  output +label no_abnormality, score ", shown)
    (record,) = values(shell("show", body["id"], "--json"))
    assert [step["state"] for step in record["steps"]] == ["succeeded", "skipped"]


def test_refused_images_do_not_stop_the_others(shell: Shell, samples: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    out = tmp_path / "out"
    ran = shell(
        "submit", text, samples / "digits" / "digit_5.png", tmp_path / "none.png", "-w", "workflow_000", "--wait",
        "-o", out, expect=3,
    )  # fmt: skip
    assert re.search(r"^  digit +5$", ran.stdout, re.MULTILINE)
    assert "none.png cannot be read" in ran.stderr
    assert ran.stderr.count("showcase: ") == 2


def test_download_brings_the_image_and_all_that_was_made_of_it(
    library: Library, shell: Shell, samples: Path, tmp_path: Path
) -> None:
    picture = samples / "flair" / "lesion_2.png"
    submission = library.submit(picture, "workflow_001", wait=60)
    files = json.loads(shell("download", submission.id, "--out", tmp_path, "--json").stdout)
    assert set(files) == {"input", "mask.png", "overlay.png"}
    assert (tmp_path / f"{submission.id}.input.png").read_bytes() == picture.read_bytes()
    assert (tmp_path / f"{submission.id}.mask.png").read_bytes() == library.artifact(submission.id, "mask.png")


def test_the_catalogue_is_shown_with_graphs_and_where_models_are_served(library: Library, shell: Shell) -> None:
    assert {"workflow_000", "workflow_001"} <= {each.name for each in library.workflows()}
    listed = shell("workflows").stdout
    assert re.search(r"^workflow_001 +v1\.0\.0 +v1\.0\.0 +FLAIR abnormality", listed, re.MULTILINE)
    shown = shell("workflows", "workflow_001").stdout
    assert re.search(r"^  when +classification\.label == 'abnormality'$", shown, re.MULTILINE)
    assert library.workflow("workflow_001").graph.steps[1].model.name == "bms_flair_abnormality_segmentation"
    models = shell("models").stdout
    assert "digit_recognizer@1.0.0" in models
    assert "workflow_000.recognition" in models
    weights = library.model("digit_recognizer").versions[0].weights
    assert weights is not None
    assert weights.digest.startswith("sha256:")
    card = shell("models", "digit_recognizer").stdout
    assert card.startswith("model digit_recognizer@1.0.0\n")
    assert re.search(r"^  title +Digit recogniser 1\.0\.0$", card, re.MULTILINE)
    assert weights.digest in card
    assert values(shell("models", "digit_recognizer", "--json")) == [library.model("digit_recognizer").raw]
    assert "bogus" in shell("models", "bogus", expect=3).stderr


def test_the_doctor_finds_nothing_wrong_with_a_healthy_cluster(cluster: Cluster, shell: Shell) -> None:
    report = shell("doctor").stdout
    assert f"{cluster.url} answers" in report
    found = values(shell("doctor", "--json"))
    whole = {each["subject"] for each in found if each["verdict"] == "ok"}
    assert {"client", "server", "store", "broker", "orchestrator", "api v2", "workflows"} <= whole
    models = [each["message"] for each in found if each["subject"] == "model"]
    assert any(each.startswith("digit_recognizer@1.0.0") for each in models)
    assert all(each["remedy"] for each in found if each["verdict"] != "ok")


@pytest.mark.clusters("local")
def test_the_doctor_names_what_is_missing_and_how_to_mend_it(
    cluster: LocalCluster, client: Client, shell: Shell
) -> None:
    os.kill(cluster.pid("orchestrator"), signal.SIGSTOP)
    stopped = cluster.pid("orchestrator")
    try:
        eventually(lambda: client.ready().status_code == 503)
        ran = shell("doctor", expect=1)
        assert re.search(r"^missing +orchestrator", ran.stdout, re.MULTILINE)
        assert "make logs PART=orchestrator" in ran.stdout
    finally:
        os.kill(stopped, signal.SIGCONT)
    client.until_ready()


def test_the_doctor_says_how_to_start_what_does_not_run(shell: Shell) -> None:
    ran = shell("doctor", "--url", "http://127.0.0.1:9", expect=4)
    assert "Connection refused" in ran.stdout
    assert "make up" in ran.stdout


@pytest.mark.clusters("local")
def test_ctrl_c_ends_a_wait_at_once_and_names_what_continues(
    shell: Shell, samples: Path, stopped_models: StoppedModels
) -> None:
    arguments = ["submit", str(samples / "digits" / "digit_1.png"), "-w", "workflow_000", "--wait"]
    # Where these tests run in a shell's background, Ctrl-C's signal is ignored, and a new process inherits that.
    with subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "showcase", *arguments],
        cwd=CHECKOUT,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            lines = [process.stderr.readline()]
            while "running" not in lines[-1]:
                assert lines[-1], lines
                lines.append(process.stderr.readline())
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            stopped_models.resume()
    assert process.returncode == 130, (out, err)
    assert "Interrupted." in err
    assert "Traceback" not in err
    assert re.search(r"[0-9a-f-]{36}  .*digit_1\.png", err)


def test_a_closed_pipe_is_no_error(shell: Shell, library: Library, samples: Path, mine: dict[str, str]) -> None:
    library.submit(samples / "digits" / "digit_1.png", "workflow_000", metadata=mine, wait=60)
    command = f"{sys.executable} -m showcase export | head -c 1"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=CHECKOUT,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.stderr == ""


def test_a_submission_without_a_webhook_says_so(library: Library, shell: Shell, samples: Path) -> None:
    submission = library.submit(samples / "digits" / "digit_1.png", "workflow_000", wait=60)
    assert library.webhook(submission.id).url is None
    assert "The submission has no webhook." in shell("webhook", submission.id).stderr


@pytest.mark.clusters("local")  # from the other clusters' networks, a receiver on this machine is not 127.0.0.1
def test_a_webhooks_deliveries_are_shown_and_sent_again(library: Library, shell: Shell, samples: Path) -> None:
    picture = samples / "digits" / "digit_1.png"
    with pytest.raises(showcase.Refused, match=r"169\.254"):
        library.submit(picture, "workflow_000", webhook="http://169.254.169.254/")
    with receiver() as listening:
        address = f"http://127.0.0.1:{listening.port}/hook"
        submission = library.submit(picture, "workflow_000", webhook=address, wait=60)
        eventually(lambda: library.webhook(submission.id).state == "sent")
        assert [each.status for each in library.webhook(submission.id).attempts] == [204]
        shell("webhook", submission.id, "--replay")
        eventually(lambda: len(listening.received) == 2)
        eventually(lambda: len(library.webhook(submission.id).attempts) == 2)
    shown = shell("webhook", submission.id).stdout
    assert re.search(r"^state +sent$", shown, re.MULTILINE)
    assert shown.count("answered 204") == 2
