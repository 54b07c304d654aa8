"""Prints the model card's table: ``python -m services.bms_flair_abnormality_segmentation.evaluate --data FOLDER``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.bms_flair_abnormality_segmentation.network import SliceSegmenter
from services.bms_flair_abnormality_segmentation.train import WEIGHTS
from services.common.metrics import dice
from services.common.weights import load_weights
from services.flair.evaluation import (
    Evaluation,
    answers,
    as_jpeg,
    draw_case,
    interval,
    measure_speed,
    parse_evaluation,
    per_patient,
    shown,
)
from services.flair.network import SliceClassifier

GATE = "bms_flair_abnormality_classification"
GATE_WEIGHTS = Path(__file__).parents[1] / GATE / "weights" / f"{GATE}.safetensors"
"""The workflow calls this model only where the classifier finds an abnormality, so its Dice is measured behind it."""

WORST_CASES = 5


def report(evaluation: Evaluation) -> None:
    """Print pooled and per-patient Dice behind the gate and without it, PNG against JPEG, each patient, and speed."""
    slices = evaluation.slices
    model = load_weights(SliceSegmenter(), WEIGHTS)
    gate = answers(load_weights(SliceClassifier(), GATE_WEIGHTS), slices.pixels) > 0
    masks = answers(model, slices.pixels) > 0
    truth = slices.masks.astype(bool)
    print("| metric | value | 95 % interval (patients) |\n|---|---|---|")
    for name, found in (("after the gate", masks & gate[:, None, None]), ("without the gate", masks)):
        groups = per_patient(slices.patients, *_overlap(found, truth))
        print(f"| pooled Dice {name} | {shown(interval(groups, lambda r: dice(r[:, 0], r[:, 1])))} |")
        if name == "after the gate":
            gated = groups
            each = {patient: [(dice(*np.array(rows).T),)] for patient, rows in groups.items()}
            print(f"| mean of the patients' Dice {name} | {shown(interval(each, lambda r: float(r.mean())))} |")
    jpeg = answers(model, as_jpeg(slices.pixels)) > 0
    print(f"| Dice between the masks of PNG and of JPEG of quality 90 | {dice(*_overlap(jpeg, masks)):.4f} | |")
    print("\n| patient | slices | abnormal | Dice after the gate |\n|---|---|---|---|")
    for patient, rows in gated.items():
        chosen = slices.patients == patient
        print(f"| {patient} | {chosen.sum()} | {slices.labels[chosen].sum()} | {dice(*np.array(rows).T):.3f} |")
    wrong = (masks & gate[:, None, None]) ^ truth
    for place, index in enumerate(np.argsort(-wrong.sum(axis=(1, 2)))[:WORST_CASES], start=1):
        path = evaluation.output / f"segmentation-{evaluation.part}-worst-{place}.png"
        draw_case(path, slices.pixels[index], truth[index], masks[index])
    print(f"\n{measure_speed(model, slices.pixels[0])}")
    print(f"worst cases (truth green, prediction red): {evaluation.output}")


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return each slice's common pixels and the sum of both masks' pixels."""
    common = (first & second).sum(axis=(1, 2))
    return common, first.sum(axis=(1, 2)) + second.sum(axis=(1, 2))


if __name__ == "__main__":
    report(parse_evaluation("Measure the shipped FLAIR abnormality segmenter behind its gate."))
