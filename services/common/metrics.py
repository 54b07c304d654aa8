"""The metrics of the model cards. Pure numpy: no torch, so that a test or a notebook can use it alone.

Arrays are one-dimensional unless said otherwise; every function raises ``ValueError`` for empty or unequal inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Value = TypeVar("Value")


class Interval(NamedTuple):
    """A point estimate with the ends of its confidence interval, all in the statistic's own unit."""

    value: float
    low: float
    high: float


class Bin(NamedTuple):
    """One bar of a reliability diagram: its size in predictions, their mean confidence and accuracy."""

    low: float
    high: float
    size: int
    confidence: float
    accuracy: float


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    left, right = np.asarray(first, dtype=np.float64).ravel(), np.asarray(second, dtype=np.float64).ravel()
    if left.size == 0 or left.size != right.size:
        raise ValueError(f"two equally long, non-empty arrays are needed, got {left.size} and {right.size} values")
    return left, right


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Return the share of ``predictions`` (class numbers or booleans) that equal ``labels``."""
    truth, predicted = _pair(labels, predictions)
    return float(np.mean(truth == predicted))


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve of ``scores`` for binary ``labels`` (0 or 1); ties count one half.

    Computed from mid-ranks (Mann-Whitney U), so it is exact. Raises ``ValueError`` when only one class is present.
    """
    truth, values = _pair(labels, scores)
    positive = truth > 0.5
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives == 0 or negatives == 0:
        raise ValueError("the area under the ROC curve needs at least one positive and one negative label")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mid_ranks[inverse.ravel()][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def dice(intersection: ArrayLike, sums: ArrayLike) -> float:
    """Return the Dice coefficient ``2 * sum(intersection) / sum(sums)`` pooled over images.

    ``intersection`` holds the pixels that both masks of an image have, ``sums`` the pixels of the one plus those of
    the other. Pass single numbers for one image. Two empty masks agree, so 0/0 is 1.
    """
    common, total = _pair(intersection, sums)
    denominator = float(total.sum())
    return 1.0 if denominator == 0 else 2 * float(common.sum()) / denominator


def reliability_bins(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> list[Bin]:
    """Return the non-empty bars of the reliability diagram: ``bins`` equal widths over the confidences 0 to 1."""
    scores, hits = _pair(confidence, correct)
    index = np.clip(np.ceil(scores * bins).astype(int) - 1, 0, bins - 1)
    result = []
    for number in range(bins):
        inside = index == number
        count = int(inside.sum())
        if count:
            means = float(scores[inside].mean()), float(hits[inside].mean())
            result.append(Bin(number / bins, (number + 1) / bins, count, *means))
    return result


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Return the ECE: the mean gap between confidence and accuracy over bins, weighted by their counts.

    ``confidence`` is the score of the predicted class (0 to 1), ``correct`` whether that class was right.
    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    diagram = reliability_bins(confidence, correct, bins)
    total = sum(bar.size for bar in diagram)
    return sum(bar.size * abs(bar.confidence - bar.accuracy) for bar in diagram) / total


def bootstrap_interval(
    values_by_group: Mapping[Any, Sequence[Value] | NDArray[np.generic]],
    statistic: Callable[[list[Value]], float],
    seed: int = 0,
    *,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return ``statistic`` over all values, with its percentile interval from resampling whole groups.

    ``values_by_group`` maps a group (a patient; or the image's own number where images are independent) to that
    group's values: one tuple or number per image. ``statistic`` takes the flat list of drawn values. Groups are
    drawn with replacement, since the images of one patient are not independent. Draws for which the statistic is
    undefined (it raises ``ValueError``, as :func:`auc` with one class) are left out; when all are, it raises.
    """
    groups = [list(values) for values in values_by_group.values()]
    if not any(groups):
        raise ValueError("a bootstrap interval needs at least one value")
    generator = np.random.default_rng(seed)
    statistics = []
    for _ in range(draws):
        chosen = generator.integers(0, len(groups), len(groups))
        try:
            statistics.append(statistic([value for number in chosen for value in groups[number]]))
        except ValueError:
            continue
    if not statistics:
        raise ValueError("the statistic is undefined for every bootstrap draw")
    tail = (1 - level) / 2
    low, high = np.quantile(statistics, [tail, 1 - tail])
    return Interval(statistic([value for group in groups for value in group]), float(low), float(high))
