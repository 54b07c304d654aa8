"""Prints the model card's table: ``python -m services.bms_flair_abnormality_classification.evaluate --data FOLDER``."""

from __future__ import annotations

import numpy as np

from services.bms_flair_abnormality_classification.network import SliceClassifier
from services.bms_flair_abnormality_classification.train import WEIGHTS
from services.common.metrics import accuracy, auc, expected_calibration_error
from services.common.plots import draw_reliability
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

WORST_CASES = 5


def report(evaluation: Evaluation) -> None:
    """Print accuracy, AUC, calibration, confusion, each patient, PNG against JPEG, and speed."""
    slices = evaluation.slices
    model = load_weights(SliceClassifier(), WEIGHTS)
    logits, labels = answers(model, slices.pixels), slices.labels
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    predicted = logits > 0
    confidence = np.where(predicted, probability, 1 - probability)
    groups = per_patient(slices.patients, labels.astype(float), probability)
    print("| metric | value | 95 % interval (patients) |\n|---|---|---|")
    print(f"| slice accuracy | {shown(interval(groups, lambda r: accuracy(r[:, 0], r[:, 1] > 0.5)))} |")
    print(f"| AUC | {shown(interval(groups, lambda r: auc(r[:, 0], r[:, 1])))} |")
    ece = expected_calibration_error(confidence, predicted == labels)
    raw = logits * float(model.temperature)
    raw_probability = 1 / (1 + np.exp(-np.abs(raw).astype(np.float64)))
    before = expected_calibration_error(raw_probability, predicted == labels)
    print(f"| ECE (before temperature {before:.4f}) | {ece:.4f} | |")
    jpeg = answers(model, as_jpeg(slices.pixels)) > 0
    print(f"| same label as PNG and as JPEG of quality 90 | {accuracy(predicted, jpeg):.4f} | |")
    print("\n| | predicted no_abnormality | predicted abnormality |\n|---|---|---|")
    for name, truth in (("no_abnormality", False), ("abnormality", True)):
        row = [int(((labels == truth) & (predicted == guess)).sum()) for guess in (False, True)]
        print(f"| {name} | {row[0]} | {row[1]} |")
    print("\n| patient | slices | abnormal | accuracy |\n|---|---|---|---|")
    for patient, rows in groups.items():
        table = np.array(rows)
        right = accuracy(table[:, 0], table[:, 1] > 0.5)
        print(f"| {patient} | {len(table)} | {int(table[:, 0].sum())} | {right:.3f} |")
    plot = evaluation.output / f"classification-{evaluation.part}-reliability.png"
    draw_reliability(confidence, predicted == labels, plot, lowest=0.5)
    surprise = np.where(labels, 1 - probability, probability)
    for place, index in enumerate(np.argsort(-surprise)[:WORST_CASES], start=1):
        path = evaluation.output / f"classification-{evaluation.part}-worst-{place}.png"
        draw_case(path, slices.pixels[index], slices.masks[index])
    print(f"\n{measure_speed(model, slices.pixels[0])}")
    print(f"worst cases and the reliability plot: {evaluation.output}")


if __name__ == "__main__":
    report(parse_evaluation("Measure the shipped FLAIR abnormality classifier."))
