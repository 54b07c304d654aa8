"""Real slices and digits through the public API, where the sets are at hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from services.common.flair_dataset import patient_folders, read_slices, split_patients

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def slices(data):
    folders = patient_folders(data)
    return read_slices([folders[name] for name in split_patients(list(folders)).test[:4]])


def as_png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(content, format="PNG")
    return content.getvalue()


def test_slices_with_a_large_tumour_are_outlined(client, slices):
    for index in np.argsort(-slices.masks.sum(axis=(1, 2)))[:6]:
        prediction = client.run(as_png(slices.pixels[index]), "workflow_001")["prediction"]
        assert prediction["label"] == "abnormality"
        found, truth = np.array(prediction["image"]) > 0, slices.masks[index] > 0
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def test_most_slices_without_one_are_not_segmented(client, slices):
    normal = np.flatnonzero(~slices.labels)[::10]
    labels = [client.run(as_png(slices.pixels[index]), "workflow_001")["prediction"]["label"] for index in normal]
    assert labels.count("no_abnormality") >= 0.85 * len(labels)
