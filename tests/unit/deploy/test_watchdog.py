"""When is a silent database ended?"""

from deploy.local.watchdog import Watch


def test_three_silences_in_a_row_end_it():
    watch = Watch(3)
    assert [watch.judge(7, answered=False) for _ in range(3)] == [False, False, True]


def test_an_answer_in_between_forgives():
    watch = Watch(3)
    looks = [False, False, True, False, False]
    assert not any(watch.judge(7, answered=look) for look in looks)


def test_another_process_starts_without_strikes():
    watch = Watch(3)
    assert not any([watch.judge(7, answered=False), watch.judge(7, answered=False), watch.judge(8, answered=False)])
