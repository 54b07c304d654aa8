"""The check of an image: a few at a time, and within what the workflow's models decode in time."""

from __future__ import annotations

import threading
import zlib
from datetime import timedelta

import pytest
from PIL import Image

from contracts.errors import Busy, RejectedUpload
from contracts.webhooks.policy import WebhookPolicy
from gateway.images.validation import Limits, examine
from gateway.submissions import accept
from gateway.submissions.accept import CHECKED_AT_ONCE, Acceptance, Upload
from gateway.submissions.admission import AdmissionControl
from tests.support.factories import GATED, encoded, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher
from tests.support.patience import PATIENCE
from tests.support.png_files import header, png_file

CLASSIFIER = ("classifier", "1.2.0")
SEGMENTER = ("segmenter", "1.0.0")
LIMITS = Limits(bytes=100_000, pixels=1_000_000)


def acceptance(bounds: dict[tuple[str, str], int] | None = None) -> Acceptance:
    publisher = GatewayPublisher()
    admission = AdmissionControl(publisher, ["gated", "digits"], 100)
    return Acceptance(MemoryStore(), publisher, admission, LIMITS, timedelta(days=1), WebhookPolicy.of("", ""), bounds)


def upload(data: bytes) -> Upload:
    return Upload(read=lambda: data, file_name="x.png")


def flat(width: int, height: int, depth: int, colour_type: int, channels: int) -> bytes:
    rows = bytes((1 + width * depth * channels // 8) * height)
    return png_file(header(width, height, depth, colour_type), zlib.compress(rows))


def test_the_lowest_bound_of_the_models_is_the_workflows() -> None:
    made = acceptance({CLASSIFIER: 5000, SEGMENTER: 4000})
    assert made.limits_of(make_workflow(GATED)).decoded_bytes == 4000
    assert made.limits_of(make_workflow()).decoded_bytes is None
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
    made = acceptance({CLASSIFIER: 4000})
    if accepted:
        made.prepare(make_workflow(GATED), upload(data))
    else:
        with pytest.raises(RejectedUpload, match="this workflow reads 0 MB of a PNG's pixels"):
            made.prepare(make_workflow(GATED), upload(data))


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
        threading.Thread(target=made.prepare, args=(make_workflow(), upload(png()))) for _ in range(CHECKED_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
        assert inside.acquire(timeout=PATIENCE)
    with pytest.raises(Busy, match="checking other images"):
        made.prepare(make_workflow(), upload(png()))
    go_on.set()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    made.prepare(make_workflow(), upload(png()))
