"""Train the digit recogniser: ``python -m services.digit_recognizer.train --data FOLDER``.

Each batch mixes MNIST's digits, synthetic pictures of digits, and pictures without a digit; the last are trained
towards the uniform distribution, so that they get a low score. A run that was killed continues when started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from services.common.memory_format import channels_last
from services.common.plots import draw_history
from services.common.training import TrainingRun, UnusableDataset, seed_everything, write_atomically
from services.digit_recognizer.dataset import (
    HELD_OUT,
    NO_DIGIT,
    Digits,
    augment,
    read_mnist,
    synthetic_digits,
    to_tensor,
)
from services.digit_recognizer.network import CLASSES, DigitNetwork

WEIGHTS = Path(__file__).parent / "weights" / "digit_recognizer.safetensors"
# Of each batch: MNIST, synthetic digits, no digit.
MIX = (72, 40, 16)


class Batch(NamedTuple):
    """Augmented pictures (n, 1, 28, 28) and target distributions (n, 10)."""

    pictures: torch.Tensor
    targets: torch.Tensor


def targets_of(labels: torch.Tensor) -> torch.Tensor:
    """Return one-hot rows for digits and uniform rows for pictures without one."""
    rows = functional.one_hot(labels.clamp(min=0), CLASSES).float()
    return torch.where((labels == NO_DIGIT)[:, None], torch.full_like(rows, 1 / CLASSES), rows)


class Mixture:
    """Batches of :data:`MIX`; an epoch goes through MNIST once and draws the rest with replacement."""

    def __init__(self, mnist: Digits, synthetic: Digits) -> None:
        digit = synthetic.labels != NO_DIGIT
        self.parts = [
            (to_tensor(pictures), torch.from_numpy(labels))
            for pictures, labels in (
                mnist,
                (synthetic.pictures[digit], synthetic.labels[digit]),
                (synthetic.pictures[~digit], synthetic.labels[~digit]),
            )
        ]
        self.steps = len(mnist.labels) // MIX[0]

    def epoch(self, _number: int) -> Iterator[Batch]:
        order = torch.randperm(len(self.parts[0][1]))
        for step in range(self.steps):
            drawn = [order[step * MIX[0] : (step + 1) * MIX[0]]]
            drawn += [
                torch.randint(len(labels), (size,)) for (_, labels), size in zip(self.parts[1:], MIX[1:], strict=True)
            ]
            pairs = list(zip(self.parts, drawn, strict=True))
            pictures = torch.cat([part[0][index] for part, index in pairs])
            labels = torch.cat([part[1][index] for part, index in pairs])
            yield Batch(augment(pictures).contiguous(memory_format=torch.channels_last), targets_of(labels))


def logits_of(model: nn.Module, pictures: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
    """Return the logits ``(n, 10)`` for uint8 pictures ``(n, 28, 28)``."""
    with torch.no_grad():
        parts = [model(to_tensor(pictures[start : start + 500])) for start in range(0, len(pictures), 500)]
    return torch.cat(parts)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature that minimises the cross-entropy of ``logits`` (n, 10) (Guo et al., 2017)."""
    logarithm = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([logarithm], lr=0.1, max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(logits / logarithm.exp(), labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(logarithm.detach().exp())


def validate(model: nn.Module, mnist: Digits, synthetic: Digits) -> dict[str, float]:
    """Return accuracy on held-out MNIST and synthetic digits, and the mean top score of pictures without a digit."""
    digit = synthetic.labels != NO_DIGIT
    score = torch.softmax(logits_of(model, synthetic.pictures[~digit]), dim=1).amax(dim=1).mean()
    return {
        "mnist_accuracy": float((logits_of(model, mnist.pictures).argmax(1).numpy() == mnist.labels).mean()),
        "synthetic_accuracy": float(
            (logits_of(model, synthetic.pictures[digit]).argmax(1).numpy() == synthetic.labels[digit]).mean()
        ),
        "no_digit_score": float(score),
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.digit_recognizer.train",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mnist/ with the four idx .gz files")
    parser.add_argument("--runs", type=Path, default=Path("training-runs"), help="where checkpoints and curves go")
    parser.add_argument("--epochs", type=int, default=12, help="passes over MNIST's training set (default 12)")
    parser.add_argument("--pictures", type=int, default=6_000, help="synthetic pictures to train on (default 6000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help=f"the file to write (default {WEIGHTS.name})")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    torch.set_num_threads(1)
    seed_everything(options.seed)
    try:
        whole = read_mnist(options.data / "mnist", "train")
    except UnusableDataset as error:
        sys.exit(str(error))
    mnist = Digits(whole.pictures[:-HELD_OUT], whole.labels[:-HELD_OUT])
    held_out = Digits(whole.pictures[-HELD_OUT:], whole.labels[-HELD_OUT:])
    cache = options.runs / "digit_recognizer"
    unseen = synthetic_digits(cache, "validation", held_out, 1_000, options.seed + 1_000)
    mixture = Mixture(mnist, synthetic_digits(cache, "training", mnist, options.pictures, options.seed))

    run = TrainingRun(
        cache / f"run-{options.epochs}-{options.pictures}-{options.seed}",
        channels_last(DigitNetwork()),
        epochs=options.epochs,
        steps_per_epoch=mixture.steps,
        learning_rate=4e-3,
        weight_decay=2e-2,
        ema_decay=0.998,
    )
    model = run.run(
        mixture.epoch,
        lambda network, batch: functional.cross_entropy(network(batch.pictures), batch.targets),
        lambda network: validate(network, held_out, unseen),
    )

    digit = unseen.labels != NO_DIGIT
    pictures = np.concatenate([held_out.pictures, unseen.pictures[digit]])
    labels = np.concatenate([held_out.labels, unseen.labels[digit]])
    temperature = fit_temperature(logits_of(model, pictures), torch.from_numpy(labels))
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["temperature"] = torch.tensor(temperature)
    write_atomically(options.weights, lambda path: save_file(state, path))
    draw_history(run.history, run.folder / "history.png")
    print(f"Temperature {temperature:.3f}. Weights: {options.weights}.")
    print(f"Learning curve: {run.folder / 'history.png'} and {run.folder / 'history.json'}.")


if __name__ == "__main__":
    main()
