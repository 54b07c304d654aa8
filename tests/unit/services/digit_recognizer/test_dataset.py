"""The digits to train on: MNIST's files, refused with a sentence, and synthetic pictures that are made once."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from services.common.training import UnusableDataset
from services.digit_recognizer import dataset, evaluate, train
from services.digit_recognizer.dataset import CHUNK, Digits, read_mnist, synthetic_digits

PICTURES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
NOTHING = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))


def idx(magic: int, header: int, values: bytes) -> bytes:
    return gzip.compress(magic.to_bytes(4, "big") + bytes(header - 4) + values, mtime=0)


def test_mnist_is_read_from_its_two_files(tmp_path: Path) -> None:
    (tmp_path / PICTURES).write_bytes(idx(2051, 16, bytes([9]) * 2 * 28 * 28))
    (tmp_path / LABELS).write_bytes(idx(2049, 8, bytes([7, 3])))
    found = read_mnist(tmp_path, "train")
    assert found.pictures.shape == (2, 28, 28)
    assert found.labels.tolist() == [7, 3]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"train-images-idx3-ubyte\.gz is missing: the data folder needs mnist/"),
        (b"no gzip", "cannot be read as a gzip file"),
        (idx(2051, 16, bytes(28 * 28))[:-9], "cannot be read as a gzip file"),
        (idx(2049, 16, b""), "its magic number is not 2051"),
    ],
    ids=["missing", "another file", "cut off", "labels in the pictures' place"],
)
def test_what_is_not_mnist_is_said_in_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / PICTURES).write_bytes(content)
    with pytest.raises(UnusableDataset, match=sentence):
        read_mnist(tmp_path, "train")


@pytest.mark.parametrize("pictures", [b"", bytes(28 * 28), bytes(28 * 28 * 2 - 1), bytes(28 * 28 * 3)])
def test_pictures_and_labels_that_do_not_match_are_said_in_a_sentence(tmp_path: Path, pictures: bytes) -> None:
    (tmp_path / PICTURES).write_bytes(idx(2051, 16, pictures))
    (tmp_path / LABELS).write_bytes(idx(2049, 8, bytes([7, 3])))
    with pytest.raises(UnusableDataset, match=f"holds 2 labels and {len(pictures)} bytes of pictures in its train"):
        read_mnist(tmp_path, "train")


@pytest.mark.parametrize("header", [4, 8])
def test_files_without_a_digit_are_said_in_a_sentence(tmp_path: Path, header: int) -> None:
    (tmp_path / PICTURES).write_bytes(idx(2051, 2 * header, b""))
    (tmp_path / LABELS).write_bytes(idx(2049, header, b""))
    with pytest.raises(UnusableDataset, match="holds 0 labels"):
        read_mnist(tmp_path, "train")


def test_training_and_evaluation_without_data_end_with_a_sentence(tmp_path: Path) -> None:
    for main in (train.main, evaluate.main):
        with pytest.raises(SystemExit, match="is missing: the data folder needs mnist/"):
            main(["--data", str(tmp_path), "--runs", str(tmp_path / "runs")])


def test_chunks_of_an_earlier_run_are_neither_made_again_nor_counted_as_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    shown: list[tuple[int, int, int]] = []

    def render(_mnist: Digits, count: int, _generator: np.random.Generator) -> Digits:
        made.append(count)
        return Digits(np.zeros((count, 28, 28), np.uint8), np.full(count, len(made), np.int64))

    def progress(chunks: Iterable[int], *, total: int, initial: int, **_options: object) -> Iterator[int]:
        chunks = list(chunks)
        shown.append((len(chunks), initial, total))
        return iter(chunks)

    monkeypatch.setattr(dataset, "_render", render)
    monkeypatch.setattr(dataset, "tqdm", progress)
    assert len(synthetic_digits(tmp_path, "training", NOTHING, CHUNK, 1).labels) == CHUNK
    found = synthetic_digits(tmp_path, "training", NOTHING, 2 * CHUNK + 10, 1)
    assert shown == [(1, 0, 1), (2, 1, 3)]
    assert made == [CHUNK, CHUNK, 10]
    assert found.labels.tolist() == [1] * CHUNK + [2] * CHUNK + [3] * 10
    synthetic_digits(tmp_path, "training", NOTHING, 2 * CHUNK + 10, 1)
    assert shown[-1] == (0, 3, 3)
