"""The targets of make that take a model and a data folder say in a sentence what is missing, and start nothing then."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT

MODELS = sorted(path.parent.name for path in (CHECKOUT / "services").glob("*/service.yaml"))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a shell without settings would. ``venv`` counts as made: these tests run in it."""
    return subprocess.run(
        ["make", "--old-file=venv", *arguments],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["train", "evaluate"])
@pytest.mark.parametrize(
    ("model", "arguments", "said"),
    [
        ("digit", ["DATA=/"], "No model has the name 'digit'. Name one: "),
        ("digit", [], "No model has the name 'digit'. Name one: "),
        ("digit_recognizer", [], "Name the folder that holds the data: make "),
        ("digit_recognizer", ["DATA=/no/such/folder"], "There is no folder /no/such/folder. Name the one that holds"),
    ],
    ids=["no such model", "no such model, no data", "no data", "no such folder"],
)
def test_what_is_missing_is_said_in_a_sentence(kind: str, model: str, arguments: list[str], said: str) -> None:
    ran = make(f"{kind}-{model}", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    sentence, made = ran.stderr.splitlines()
    assert sentence.startswith(said)
    assert made.startswith("make: ***")
    if "No model" in said:
        assert sentence.endswith(", ".join(f"{kind}-{each}" for each in MODELS))


def test_a_model_and_a_folder_start_its_program(tmp_path: Path) -> None:
    for kind in ("train", "evaluate"):
        ran = make("--dry-run", f"{kind}-digit_recognizer", f"DATA={tmp_path}", "ARGS=--runs x")
        assert f'-m services.digit_recognizer.{kind} --data "{tmp_path}" --runs x' in ran.stdout


def test_a_model_server_needs_the_name_of_a_model() -> None:
    ran = make("serve-model")
    assert ran.returncode == 2
    assert ran.stderr.startswith("Name the model: make serve-model MODEL=digit_recognizer\n")
