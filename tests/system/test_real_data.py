"""Real slices and digits through the public API, where the sets are at hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.flair.dataset import Slices, patient_folders, read_slices, split_patients
from tests.support.system import Client

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def slices(data: Path) -> Slices:
    folders = patient_folders(data)
    return read_slices([folders[name] for name in split_patients(list(folders)).test[:4]])


def as_png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(content, format="PNG")
    return content.getvalue()


def test_slices_with_a_large_tumour_are_outlined(client: Client, slices: Slices) -> None:
    overlaps = []
    for index in np.argsort(slices.masks.sum(axis=(1, 2)))[::-1][:12]:
        prediction = client.run(as_png(slices.pixels[index]), "workflow_001")["prediction"]
        found = np.array(prediction.get("image", np.zeros((256, 256)))) > 0
        truth = slices.masks[index] > 0
        overlaps.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    assert np.median(overlaps) > 0.8
    assert np.mean(np.array(overlaps) > 0.5) >= 0.75


def test_most_slices_without_one_are_not_segmented(client: Client, slices: Slices) -> None:
    normal = np.flatnonzero(~slices.labels)[::10]
    labels = [client.run(as_png(slices.pixels[index]), "workflow_001")["prediction"]["label"] for index in normal]
    assert labels.count("no_abnormality") >= 0.85 * len(labels)
