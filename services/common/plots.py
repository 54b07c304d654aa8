"""Plots of trainings and evaluations. Needs matplotlib, which a model server does not install."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from services.common.metrics import reliability_bins


def _pyplot() -> Any:
    # Imported here: a model server has no matplotlib.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def draw_history(history: list[dict[str, float]], path: Path) -> None:
    """Draw the learning curve, each metric over epochs, as a PNG."""
    pyplot = _pyplot()
    names = [name for name in history[0] if name != "epoch"]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.6 * len(names), 3.0), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot([row["epoch"] for row in history], [row.get(name, math.nan) for row in history])
        axis.set_title(name)
        axis.set_xlabel("epoch")
    _save(figure, path)


def draw_reliability(confidence: ArrayLike, correct: ArrayLike, path: Path, lowest: float) -> None:
    """Draw how often an answer of each score, from ``lowest`` to 1, was right, as a PNG."""
    pyplot = _pyplot()
    bars = reliability_bins(confidence, correct)
    figure, axis = pyplot.subplots(figsize=(4, 4))
    axis.plot([lowest, 1], [lowest, 1], color="grey", linewidth=1)
    axis.plot([bar.confidence for bar in bars], [bar.accuracy for bar in bars], marker="o")
    axis.set(xlabel="score", ylabel="accuracy", xlim=(lowest, 1.01), ylim=(0, 1.02), title="reliability")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    _pyplot().close(figure)
