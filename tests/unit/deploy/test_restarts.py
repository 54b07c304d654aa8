"""How often a part ended by itself, read from the supervisor's log."""

from __future__ import annotations

from deploy.local import restarts
from deploy.local.restarts import CRASHES, STABLE_SECONDS, WINDOW_SECONDS, Restarts, restarts_in
from gateway.readiness import judgement

LOG = """\
2026-03-01 12:00:00,100 INFO supervisord started with pid 10
2026-03-01 12:00:01,100 INFO spawned: 'gateway' with pid 11
2026-03-01 12:00:02,100 WARN exited: gateway (exit status 1; not expected)
2026-03-01 12:01:00,100 INFO supervisord started with pid 20
2026-03-01 12:01:02,100 INFO spawned: 'orchestrator' with pid 21
2026-03-01 12:01:03,100 INFO success: orchestrator entered RUNNING state, process has stayed up for > than 1 seconds
2026-03-01 12:01:04,100 WARN exited: orchestrator (terminated by SIGKILL; not expected)
2026-03-01 12:01:05,100 INFO exited: orchestrator (exit status 0; expected)
2026-03-01 12:01:06,100 INFO stopped: torchserve (exit status 0)
"""


def test_what_ended_by_itself_since_the_supervisors_last_start_is_counted() -> None:
    found = restarts_in(LOG.splitlines())
    assert {name: each.count for name, each in found.items()} == {"orchestrator": 2}
    first, second = found["orchestrator"].ends
    assert second - first == 1


def test_a_part_that_keeps_ending_is_named_until_it_stays() -> None:
    now = 10_000.0
    loop = Restarts(tuple(now - number for number in range(CRASHES)))
    assert loop.crash_loop(now, 0) == "it ended by itself 5 times in the last 5 minutes"
    assert loop.crash_loop(now, STABLE_SECONDS) is None
    assert loop.crash_loop(now + WINDOW_SECONDS, 0) is None
    assert Restarts(loop.ends[1:]).crash_loop(now, 0) is None


def test_the_supervisors_figures_are_the_gateways() -> None:
    assert judgement.CRASHES == restarts.CRASHES
    assert judgement.CRASH_WINDOW.total_seconds() == restarts.WINDOW_SECONDS
    assert judgement.STABLE.total_seconds() == restarts.STABLE_SECONDS
