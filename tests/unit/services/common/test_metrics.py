"""The figures of the model cards, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.metrics import (
    accuracy,
    auc,
    bootstrap_interval,
    dice,
    expected_calibration_error,
    reliability_bins,
)


def test_accuracy_is_the_share_of_equal_answers() -> None:
    assert accuracy([1, 2, 3, 4], [1, 2, 3, 0]) == 0.75


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 0], [0.1, 0.9], 0.0),
        ([0, 1, 0, 1], [0.1, 0.9, 0.9, 0.95], 0.875),
    ],
)
def test_auc_counts_ties_as_one_half(labels: list[int], scores: list[float], expected: float) -> None:
    assert auc(labels, scores) == pytest.approx(expected)


def test_auc_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="at least one positive"):
        auc([1, 1], [0.5, 0.6])


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40))
def test_auc_equals_the_share_of_pairs_in_order(pairs: list[tuple[bool, float]]) -> None:
    positive = [score for label, score in pairs if label]
    negative = [score for label, score in pairs if not label]
    if positive and negative:
        order = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positive for n in negative]
        assert auc(*zip(*pairs, strict=True)) == pytest.approx(np.mean(order))


def test_dice_pools_over_images_and_two_empty_masks_agree() -> None:
    assert dice([3, 1], [6, 4]) == 0.8
    assert dice(0, 0) == 1.0


def test_perfect_calibration_has_no_error_and_overconfidence_its_gap() -> None:
    assert expected_calibration_error([0.75] * 4, [1, 1, 1, 0]) == pytest.approx(0)
    assert expected_calibration_error([0.95, 0.95], [1, 0]) == pytest.approx(0.45)


def test_bins_hold_every_prediction_once_the_ends_included() -> None:
    bars = reliability_bins([0.0, 0.1, 0.5, 1.0], [0, 0, 1, 1], bins=10)
    assert sum(bar.size for bar in bars) == 4
    assert bars[-1].high == 1.0


def test_bootstrap_resamples_whole_groups() -> None:
    found = bootstrap_interval({"a": [1.0] * 50, "b": [0.0] * 50}, lambda drawn: float(np.mean(drawn)), seed=3)
    # Two groups only: each draw has both of one, both of the other, or one of each.
    assert found == (0.5, 0.0, 1.0)


def test_bootstrap_leaves_out_draws_without_a_value() -> None:
    pairs = {number: [(number % 2, float(number))] for number in range(4)}
    found = bootstrap_interval(pairs, lambda drawn: auc(*zip(*drawn, strict=True)), seed=1)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    "call", [lambda: accuracy([], []), lambda: accuracy([1], [1, 2]), lambda: bootstrap_interval({}, len)]
)
def test_empty_or_unequal_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"needed|needs"):
        call()  # type: ignore[operator]
