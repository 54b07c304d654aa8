"""The FLAIR set: slices with their masks, and sentences for what is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.bms_flair_abnormality_segmentation.train import ship
from services.common.image_handler import decode_image
from services.common.training import UnusableDataset
from services.flair.dataset import patient_folders, read_slices
from services.flair.evaluation import parse_evaluation
from services.flair.slices import normalise, prepare_slice
from services.flair.training_command import run_training
from tests.support.png_files import deep_png


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """One patient of two slices, the second with an abnormality; numbers, not names, order them."""
    folder = tmp_path / "lgg" / "TCGA_1"
    folder.mkdir(parents=True)
    for number, abnormal in ((10, 255), (9, 0)):
        Image.new("RGB", (256, 256), (number, 20, 30)).save(folder / f"TCGA_1_{number}.tif")
        Image.new("L", (256, 256), abnormal).save(folder / f"TCGA_1_{number}_mask.tif")
    return folder


def test_slices_are_read_in_the_order_of_their_numbers(patient: Path) -> None:
    assert patient_folders(patient.parents[1]) == {"TCGA_1": patient}
    slices = read_slices([patient])
    assert slices.pixels.shape == (2, 3, 256, 256)
    assert slices.pixels[:, 0, 0, 0].tolist() == [9, 10]
    assert slices.labels.tolist() == [False, True]
    assert np.unique(slices.masks).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["TCGA_1_9.tif", "TCGA_1_9_mask.tif"])
def test_a_damaged_slice_or_mask_is_named(patient: Path, name: str) -> None:
    (patient / name).write_bytes(b"no picture")
    with pytest.raises(UnusableDataset, match=r"TCGA_1_9\.tif or its mask TCGA_1_9_mask\.tif cannot be read"):
        read_slices([patient])


def test_deep_colour_is_taught_as_it_is_served(patient: Path) -> None:
    (patient / "TCGA_1_9.tif").unlink()
    Image.new("L", (256, 256)).save(patient / "TCGA_1_9_mask.png")
    deep = np.zeros((256, 256, 3), dtype=np.uint16)
    deep[:128], deep[128:] = 1023, 500
    content = deep_png(deep)
    (patient / "TCGA_1_9.png").write_bytes(content)
    pixels = read_slices([patient]).pixels[0]
    served = prepare_slice(decode_image(content))
    assert (normalise(pixels) == served).all()
    assert pixels[0, 0, 0] == 255
    assert abs(int(pixels[0, 200, 0]) - 125) <= 1


def test_a_tiff_whose_colours_would_be_cut_is_refused(patient: Path) -> None:
    path = patient / "TCGA_1_9.tif"
    content = path.read_bytes()
    # The three depths stand together in the file, 2 bytes each.
    assert content.count(b"\x08\0\x08\0\x08\0") == 1
    path.write_bytes(content.replace(b"\x08\0\x08\0\x08\0", b"\x10\0\x10\0\x10\0"))
    with pytest.raises(UnusableDataset, match="16 bits a colour"):
        read_slices([patient])


def test_a_slice_without_a_mask_is_named(patient: Path) -> None:
    (patient / "TCGA_1_9_mask.tif").unlink()
    with pytest.raises(UnusableDataset, match=r"its mask TCGA_1_9_mask\.tif cannot be read"):
        read_slices([patient])


@pytest.mark.parametrize("name", ["TCGA_1_9.tif", "TCGA_1_9_mask.tif"])
def test_a_slice_or_mask_of_another_size_is_named(patient: Path, name: str) -> None:
    Image.new("RGB", (128, 256)).save(patient / name)
    with pytest.raises(UnusableDataset, match=r"TCGA_1_9\.tif and its mask .* must have 256 x 256 pixels"):
        read_slices([patient])


def test_a_folder_without_patients_ends_training_and_evaluation_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="No patients under"):
        run_training("", ship, ["--data", str(tmp_path), "--runs", str(tmp_path / "runs")])
    with pytest.raises(SystemExit, match="No patients under"):
        parse_evaluation("", ["--data", str(tmp_path), "--output", str(tmp_path / "out")])


def test_too_few_patients_end_training_with_a_sentence(patient: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no slices of the 0 patients that are needed"):
        run_training("", ship, ["--data", str(patient.parents[1]), "--runs", str(tmp_path / "runs")])
