"""When is a silent database ended?"""

from __future__ import annotations

import os

from deploy.local.secantus.watchdog import CpuUse, Watch, cpu_seconds


def test_three_unanswered_reads_in_a_row_end_it() -> None:
    watch = Watch(3)
    assert [watch.judge(7, answered=False) for _ in range(3)] == [False, False, True]


def test_an_answer_starts_the_count_again() -> None:
    watch = Watch(3)
    looks = [False, False, True, False, False]
    assert not any(watch.judge(7, answered=look) for look in looks)


def test_a_new_process_starts_with_none() -> None:
    watch = Watch(3)
    assert not any([watch.judge(7, answered=False), watch.judge(7, answered=False), watch.judge(8, answered=False)])


def test_a_process_that_uses_the_cpu_has_more_time_and_not_for_ever() -> None:
    watch = Watch(3, total=6)
    assert [watch.judge(7, answered=False, busy=True) for _ in range(6)] == [False] * 5 + [True]


def test_one_that_hangs_afterwards_is_ended_and_one_that_pauses_is_not() -> None:
    watch = Watch(3, total=60)
    assert not any(watch.judge(7, answered=False, busy=look != 10) for look in range(20))
    assert [watch.judge(7, answered=False) for _ in range(3)] == [False, False, True]


def test_a_process_that_uses_the_cpu_is_busy_and_one_that_waits_is_not() -> None:
    cpu = CpuUse()
    looks = [(7, 10.0, 100.0), (7, 14.0, 102.0), (7, 18.0, 102.3), (8, 20.0, 200.0), (8, 20.0, 300.0)]
    assert [cpu.busy(*each) for each in looks] == [False, True, False, False, False]


def test_a_process_has_used_cpu_time_and_one_that_has_ended_has_none() -> None:
    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(2**22 + 1) == 0
