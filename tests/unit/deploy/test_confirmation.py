"""`up` applies other settings to a running cluster only after it has asked, where somebody can answer."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable

import pytest

from deploy.local import __main__ as command
from deploy.local.settings import ClusterSettings, resolve_settings

BEFORE = resolve_settings({"SHOWCASE_WEBHOOK_SECRET": "whsec_" + "A" * 32})
AFTER = resolve_settings({})


Confirm = Callable[..., bool]


@pytest.fixture
def confirm(monkeypatch: pytest.MonkeyPatch) -> Confirm:
    """Confirm the change from ``before`` to AFTER; ``answer`` is what a person types, None without a terminal."""

    def made(before: ClusterSettings | None, *, running: bool, answer: str | None, asks: bool = True) -> bool:
        class Known:
            def __init__(self, _home: object) -> None: ...

            def is_running(self) -> bool:
                return running

        def typed(_question: str) -> str:
            assert answer is not None, "nobody is there to answer"
            return answer

        monkeypatch.setattr(command, "recall_settings", lambda _home: before)
        monkeypatch.setattr(command, "Supervisor", Known)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None)
        monkeypatch.setattr(builtins, "input", typed)
        return command._confirm_changes(AFTER, asks=asks)

    return made


@pytest.mark.parametrize(("answer", "applied"), [("yes", True), ("no", False), ("", False)])
def test_a_person_is_asked_before_a_running_cluster_changes(
    confirm: Confirm, capsys: pytest.CaptureFixture[str], answer: str, applied: bool
) -> None:
    assert confirm(BEFORE, running=True, answer=answer) is applied
    shown = capsys.readouterr().out
    assert "SHOWCASE_WEBHOOK_SECRET: set (not shown) -> not set" in shown
    assert "whsec_" not in shown


@pytest.mark.parametrize(
    "options",
    [
        {"running": True, "answer": None},
        {"running": True, "answer": "no", "asks": False},
        {"running": False, "answer": "no"},
    ],
    ids=["no terminal", "--yes", "nothing runs"],
)
def test_otherwise_it_is_applied_and_said(
    confirm: Confirm, capsys: pytest.CaptureFixture[str], options: dict[str, object]
) -> None:
    assert confirm(BEFORE, **options)
    assert capsys.readouterr().out.endswith("They are applied.\n")


def test_nothing_is_said_when_nothing_changes(confirm: Confirm, capsys: pytest.CaptureFixture[str]) -> None:
    assert confirm(AFTER, running=True, answer="no")
    assert confirm(None, running=True, answer="no")
    assert capsys.readouterr().out == ""
