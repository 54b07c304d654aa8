"""A model that does not answer is asked by one call at a time, and by everybody once it is back."""

from orchestrator.breakers import FAILURES, LONGEST_SECONDS, SHORTEST_SECONDS, Breakers


def away(breakers, now=0.0):
    for _ in range(FAILURES):
        assert breakers.wait_seconds("m", now) == 0
        breakers.failed("m", now)


def test_a_few_failures_change_nothing():
    breakers = Breakers()
    for _ in range(FAILURES - 1):
        breakers.failed("m", 0.0)
    assert breakers.wait_seconds("m", 0.0) == 0
    breakers.answered("m")
    breakers.failed("m", 0.0)
    assert breakers.wait_seconds("m", 0.0) == 0


def test_a_model_that_is_away_is_left_alone_and_no_other():
    breakers = Breakers()
    away(breakers)
    assert breakers.wait_seconds("m", 0.5) == SHORTEST_SECONDS - 0.5
    assert breakers.wait_seconds("other", 0.5) == 0


def test_one_call_tries_and_the_others_wait():
    breakers = Breakers()
    away(breakers)
    assert breakers.wait_seconds("m", SHORTEST_SECONDS) == 0
    assert breakers.wait_seconds("m", SHORTEST_SECONDS) == SHORTEST_SECONDS


def test_each_failed_trial_doubles_the_pause_up_to_a_bound():
    breakers = Breakers()
    away(breakers)
    now, pauses = 0.0, []
    for _ in range(8):
        now += breakers.wait_seconds("m", now)
        assert breakers.wait_seconds("m", now) == 0
        breakers.failed("m", now)
        pauses.append(breakers.wait_seconds("m", now))
    assert pauses[:3] == [2 * SHORTEST_SECONDS, 4 * SHORTEST_SECONDS, 8 * SHORTEST_SECONDS]
    assert pauses[-1] == LONGEST_SECONDS


def test_an_answer_opens_the_door_for_all():
    breakers = Breakers()
    away(breakers)
    assert breakers.wait_seconds("m", SHORTEST_SECONDS) == 0
    breakers.answered("m")
    assert breakers.wait_seconds("m", SHORTEST_SECONDS) == 0
    assert breakers.wait_seconds("m", SHORTEST_SECONDS) == 0
