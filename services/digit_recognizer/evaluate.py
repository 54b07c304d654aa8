"""Measure the shipped weights: ``python -m services.digit_recognizer.evaluate --data FOLDER`` prints the card's table.

MNIST's test digits go through the same decoding and preprocessing as a request. The synthetic test set is rendered
from MNIST's *test* digits and from pen paths with its own seed; none of it is used in training.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from services.common.image_handler import decode_image
from services.common.metrics import Interval, bootstrap_interval, expected_calibration_error
from services.common.plots import draw_reliability
from services.common.training import UnusableDataset
from services.digit_recognizer.dataset import NO_DIGIT, Digits, read_mnist, synthetic_digits, to_tensor
from services.digit_recognizer.network import CLASSES, DigitNetwork
from services.digit_recognizer.preprocess import preprocess
from services.digit_recognizer.train import WEIGHTS

SYNTHETIC = 2_500  # pictures: 1,000 from MNIST, 1,000 from pen paths, 500 without a digit
SEED = 77_777
WORST_CASES = 5

Scores = NDArray[np.float64]


def as_sent(picture: NDArray[np.uint8], kind: str) -> NDArray[np.float32]:
    """Return ``picture`` (28, 28) as the service reads it when it is sent as a ``PNG`` or ``JPEG`` (quality 90)."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return preprocess(decode_image(buffer.getvalue()))


def probabilities(network: DigitNetwork, pictures: torch.Tensor, temperature: float) -> Scores:
    """Return ``(n, 10)`` probabilities at ``temperature``."""
    with torch.inference_mode():
        logits = torch.cat([network(pictures[start : start + 500]) for start in range(0, len(pictures), 500)])
        return torch.softmax(logits.double() / temperature, dim=1).numpy()


def accuracy_interval(correct: NDArray[np.bool_]) -> Interval:
    """Return the accuracy in percent with its 95 % bootstrap interval over pictures."""
    values = {number: [100.0 * hit] for number, hit in enumerate(correct)}
    return bootstrap_interval(values, lambda drawn: float(np.mean(drawn)))


def calibration_error(scores: Scores, labels: NDArray[np.int64]) -> float:
    """Return the ECE (15 bins) of the top score."""
    return expected_calibration_error(scores.max(axis=1), scores.argmax(axis=1) == labels)


def milliseconds(network: DigitNetwork) -> dict[str, float]:
    """Return the median time on one core of one forward, and of reading a 1,000 x 1,000 picture (20 runs each)."""
    picture = Image.radial_gradient("L").resize((1000, 1000)).convert("RGB")
    picture.paste((20, 20, 60), (450, 200, 520, 800))
    tensor = torch.rand(1, 1, 28, 28)
    medians = {}
    with torch.inference_mode():
        for name, work in (("network", lambda: network(tensor)), ("preprocess", lambda: preprocess(picture))):
            times = []
            for _ in range(23):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            medians[name] = 1000 * float(np.median(times[3:]))
    return medians


def report(network: DigitNetwork, test: Digits, synthetic: Digits, output: Path) -> None:
    """Print the table and the confusion matrix; draw the reliability and the worst synthetic pictures."""
    temperature = float(network.temperature)
    sent = {
        kind: torch.from_numpy(np.stack([as_sent(picture, kind) for picture in test.pictures]))
        for kind in ("PNG", "JPEG")
    }
    scores = {kind: probabilities(network, pictures, temperature) for kind, pictures in sent.items()}
    correct = scores["PNG"].argmax(axis=1) == test.labels
    digit = synthetic.labels != NO_DIGIT
    drawn = to_tensor(synthetic.pictures)
    made, truth = probabilities(network, drawn[digit], temperature), synthetic.labels[digit]
    hits = made.argmax(axis=1) == truth
    # Of ten synthetic pictures the first four are re-inked MNIST digits, the next four pen paths.
    inked = np.arange(len(hits)) % 8 < 4
    other = probabilities(network, drawn[~digit], temperature).max(axis=1)

    print("| measure | value | 95 % interval |\n|---|---|---|")
    for name, values in (
        (f"accuracy, MNIST test ({len(correct):,})", correct),
        (f"accuracy, synthetic pictures ({len(hits):,})", hits),
        (f"- MNIST test digits inked again ({int(inked.sum()):,})", hits[inked]),
        (f"- pen paths ({int((~inked).sum()):,})", hits[~inked]),
    ):
        value, low, high = accuracy_interval(values)
        print(f"| {name} | {value:.2f} % | {low:.2f} to {high:.2f} % |")
    for name, pictures, labels in (("MNIST test", sent["PNG"], test.labels), ("synthetic", drawn[digit], truth)):
        before, after = (calibration_error(probabilities(network, pictures, t), labels) for t in (1.0, temperature))
        print(f"| ECE, {name}, before and after temperature {temperature:.3f} | {before:.4f}, {after:.4f} | |")
    print(f"| mean top score without a digit ({len(other):,}) | {other.mean():.3f} | |")
    print(f"| share of them scored above 0.9 | {100 * (other > 0.9).mean():.1f} % | |")
    same = scores["PNG"].argmax(axis=1) == scores["JPEG"].argmax(axis=1)
    print(f"| PNG and JPEG (quality 90) agree, MNIST test | {100 * same.mean():.2f} % | |")
    for name, value in milliseconds(network).items():
        print(f"| {name}, one core | {value:.1f} ms | |")
    print(f"| peak memory of this run | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB | |")
    print(f"| parameters | {sum(part.numel() for part in network.parameters()):,} | |")

    draw_reliability(made.max(axis=1), hits, output / "digits-reliability.png", lowest=0.1)
    surprise = 1 - made[np.arange(len(truth)), truth]
    for place, index in enumerate(np.argsort(-surprise)[:WORST_CASES], start=1):
        picture = Image.fromarray((255 * drawn[digit][index, 0].numpy()).astype(np.uint8))
        name = f"digits-worst-{place}-a-{truth[index]}-read-as-{made[index].argmax()}.png"
        picture.resize((280, 280), Image.Resampling.NEAREST).save(output / name)

    matrix = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(matrix, (test.labels, scores["PNG"].argmax(axis=1)), 1)
    print("\nConfusion on MNIST test (rows: truth, columns: answer)\n")
    print("|   | " + " | ".join(map(str, range(CLASSES))) + " |\n" + "|---" * (CLASSES + 1) + "|")
    for number, row in enumerate(matrix):
        print(f"| {number} | " + " | ".join(map(str, row)) + " |")
    print(f"\nworst cases, as the network saw them, and the reliability plot: {output}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m services.digit_recognizer.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mnist/ with the four idx .gz files")
    parser.add_argument("--runs", type=Path, default=Path("training-runs"), help="where rendered pictures are kept")
    parser.add_argument("--output", type=Path, default=Path("training-runs/evaluation"), help="plots and pictures")
    parser.add_argument(
        "--weights", type=Path, default=WEIGHTS, help="the weights to measure (default: the shipped ones)"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network = DigitNetwork()
    network.load_state_dict(load_file(options.weights))
    network.eval()
    try:
        test = read_mnist(options.data / "mnist", "t10k")
    except UnusableDataset as error:
        sys.exit(str(error))
    options.output.mkdir(parents=True, exist_ok=True)
    synthetic = synthetic_digits(options.runs / "digit_recognizer", "test", test, SYNTHETIC, SEED)
    report(network, test, synthetic, options.output)


if __name__ == "__main__":
    main()
