"""The shipped weights on the test parts of the real sets: never below the floors that the cards promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from services.bms_flair_abnormality_classification import train as classification
from services.bms_flair_abnormality_segmentation import train as segmentation
from services.common.metrics import auc
from services.common.weights import load_weights
from services.digit_recognizer import train as digits
from services.digit_recognizer.dataset import read_mnist
from services.digit_recognizer.network import DigitNetwork
from services.digit_recognizer.preprocess import preprocess
from services.flair.dataset import patient_folders, read_slices, split_patients
from services.flair.evaluation import answers
from services.flair.network import SliceClassifier, SliceSegmenter
from services.flair.training import pooled_dice

pytestmark = [pytest.mark.data, pytest.mark.timeout(3600)]  # about a minute each where nothing else runs

DICE_FLOORS = {"validation": 0.85, "test": 0.87}


@pytest.mark.parametrize("part", ["validation", "test"])
def test_slices_are_classified_and_outlined_as_well_as_promised(data: Path, part: str) -> None:
    folders = patient_folders(data)
    slices = read_slices([folders[name] for name in getattr(split_patients(list(folders)), part)])
    logits = answers(load_weights(SliceClassifier(), classification.WEIGHTS), slices.pixels)
    assert ((logits > 0) == slices.labels).mean() >= 0.93
    assert auc(slices.labels, logits) >= 0.975
    masks = answers(load_weights(SliceSegmenter(), segmentation.WEIGHTS), slices.pixels) > 0
    assert pooled_dice(masks & (logits > 0)[:, None, None], slices.masks.astype(bool)) >= DICE_FLOORS[part]


def test_the_split_is_by_patient_and_seeded(data: Path) -> None:
    names = list(patient_folders(data))
    split = split_patients(names)
    assert split == split_patients(names[::-1])
    parts = [set(split.training), set(split.validation), set(split.test)]
    assert set.union(*parts) == set(names)
    assert sum(map(len, parts)) == len(names)
    assert min(len(parts[1]), len(parts[2])) >= 12


def test_mnist_is_read_as_well_as_promised(data: Path) -> None:
    test = read_mnist(data / "mnist", "t10k")
    network = DigitNetwork()
    network.load_state_dict(load_file(digits.WEIGHTS))
    # As the service reads them: each picture through the preprocessing that photos go through.
    inputs = torch.from_numpy(np.stack([preprocess(Image.fromarray(picture)) for picture in test.pictures]))
    with torch.inference_mode():
        found = torch.cat([network.eval().probabilities(part).argmax(dim=1) for part in torch.split(inputs, 500)])
    assert (found.numpy() == test.labels).mean() >= 0.996
