"""The check of an image: a few at a time, and within what the workflow's models decode in time."""

from __future__ import annotations

import threading
import zlib
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from contracts.errors import Busy, RejectedUpload
from contracts.webhooks.policy import WebhookPolicy
from gateway.images.validation import Limits, examine
from gateway.submissions import accept
from gateway.submissions.accept import CHECKED_AT_ONCE, COSTLY_CHECKED_AT_ONCE, SMALL_FILE_BYTES, Acceptance, Upload
from gateway.submissions.admission import AdmissionControl
from tests.support.factories import GATED, encoded, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher
from tests.support.patience import PATIENCE
from tests.support.png_files import header, png_file

CLASSIFIER = ("classifier", "1.2.0")
SEGMENTER = ("segmenter", "1.0.0")
LIMITS = Limits(bytes=100_000, pixels=1_000_000)


def acceptance(bounds: dict[tuple[str, str], tuple[int | None, int | None]] | None = None) -> Acceptance:
    publisher = GatewayPublisher()
    admission = AdmissionControl(publisher, lambda: ["gated", "digits"], 100)
    return Acceptance(MemoryStore(), publisher, admission, LIMITS, timedelta(days=1), WebhookPolicy.of("", ""), bounds)


def upload(data: bytes) -> Upload:
    return Upload(read=lambda: data, file_name="x.png")


def flat(width: int, height: int, depth: int, colour_type: int, channels: int) -> bytes:
    rows = bytes((1 + width * depth * channels // 8) * height)
    return png_file(header(width, height, depth, colour_type), zlib.compress(rows))


def test_the_lowest_bound_of_the_models_is_the_workflows() -> None:
    made = acceptance({CLASSIFIER: (5000, 80_000), SEGMENTER: (4000, 90_000)})
    limits = made.limits_of(make_workflow(GATED))
    assert (limits.decoded_bytes, limits.jpeg_decoded_bytes) == (4000, 80_000)
    assert made.limits_of(make_workflow()) == LIMITS
    half = acceptance({CLASSIFIER: (5000, None)}).limits_of(make_workflow(GATED))
    assert (half.decoded_bytes, half.jpeg_decoded_bytes) == (5000, None)
    assert acceptance().limits_of(make_workflow(GATED)) == LIMITS


@pytest.mark.parametrize(
    ("data", "accepted"),
    [
        (flat(100, 10, 8, 6, 4), True),
        (flat(101, 10, 8, 6, 4), False),
        (flat(50, 10, 16, 6, 4), True),
        (flat(51, 10, 16, 6, 4), False),
        (flat(400, 10, 8, 0, 1), True),
        (flat(400, 11, 1, 0, 1), False),
        (encoded(Image.new("RGB", (300, 300)), "JPEG"), True),
    ],
    ids=["rgba at", "rgba above", "deep at", "deep above", "grey at", "one bit above", "jpeg"],
)
def test_a_png_is_bounded_by_pixels_channels_and_bytes(data: bytes, accepted: bool) -> None:
    made = acceptance({CLASSIFIER: (4000, None)})
    if accepted:
        made.prepare(lambda _: make_workflow(GATED), upload(data), "1")
    else:
        with pytest.raises(RejectedUpload, match="this workflow reads 0 MB of a PNG's pixels"):
            made.prepare(lambda _: make_workflow(GATED), upload(data), "1")


@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ({"subsampling": 0}, 3 * 6400),
        ({"subsampling": 2}, 6400 * 3 // 2),
        ({"subsampling": 0, "progressive": True}, (14 + 6) * 6400),
    ],
    ids=["baseline", "colours at half resolution", "progressive"],
)
def test_a_jpeg_is_bounded_by_the_passes_over_its_samples_and_what_is_kept(
    options: dict[str, object], cost: int
) -> None:
    data = encoded(Image.new("RGB", (80, 80)), "JPEG", **options)
    acceptance({CLASSIFIER: (1, cost)}).prepare(lambda _: make_workflow(GATED), upload(data), "1")
    with pytest.raises(RejectedUpload, match=r"JPEG of 80 x 80 pixels and 3 channels.* this workflow takes 0 MB"):
        acceptance({CLASSIFIER: (None, cost - 1)}).prepare(lambda _: make_workflow(GATED), upload(data), "1")


def test_a_refusal_tells_both_figures() -> None:
    data = encoded(Image.new("L", (1000, 1000)), "JPEG", progressive=True)
    bounds = {CLASSIFIER: (None, 4_000_000)}
    with pytest.raises(RejectedUpload, match=r"progressive JPEG .* take 8 MB of decoding; this workflow takes 4 MB"):
        acceptance({**bounds}).prepare(lambda _: make_workflow(GATED), upload(data), "1")


def test_more_checks_than_fit_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "CHECK_SECONDS", 0.0)
    made = acceptance()
    inside, go_on = threading.Semaphore(0), threading.Event()

    def slow(*arguments: object) -> object:
        inside.release()
        go_on.wait(timeout=PATIENCE)
        return examine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(accept, "examine", slow)
    threads = [
        threading.Thread(target=made.prepare, args=(lambda _: make_workflow(), upload(png()), "1"))
        for _ in range(CHECKED_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
        assert inside.acquire(timeout=PATIENCE)
    with pytest.raises(Busy, match="checking other images"):
        made.prepare(lambda _: make_workflow(), upload(png()), "1")
    go_on.set()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    made.prepare(lambda _: make_workflow(), upload(png()), "1")


def test_large_images_keep_no_ordinary_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(accept, "is_large", lambda data: data == b"large")
    made = acceptance()
    inside, go_on = threading.Semaphore(0), threading.Event()

    def slow(data: bytes, *arguments: object) -> object:
        if data == b"large":
            inside.release()
            go_on.wait(timeout=PATIENCE)
        return examine(png(), *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(accept, "examine", slow)
    threads = [
        threading.Thread(target=made.prepare, args=(lambda _: make_workflow(), upload(b"large"), "1"))
        for _ in range(COSTLY_CHECKED_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
        assert inside.acquire(timeout=PATIENCE)
    never = replace(upload(b"large"), bytes=SMALL_FILE_BYTES + 1, read=lambda: pytest.fail("read while it waits"))
    for costly in (upload(b"large"), never):
        with pytest.raises(Busy, match="checking other images"):
            made.prepare(lambda _: make_workflow(), costly, "1")
    made.prepare(lambda _: make_workflow(), upload(png()), "1")
    go_on.set()
    for thread in threads:
        thread.join(timeout=PATIENCE)
