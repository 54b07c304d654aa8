"""Measures ordinary digits alone, and beside the largest JPEG and PNG that are accepted: p50 and p95.

Several clients send large pictures without a pause and wait for each; one client sends ordinary digits one by one.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable

import requests
from PIL import Image

from bench.costly_pictures import flat, photograph
from bench.measuring import cluster_settings, line, machine, parser

WAIT_SECONDS = 60


def digit() -> bytes:
    content = io.BytesIO()
    Image.radial_gradient("L").resize((280, 280)).point(lambda value: 255 if value > 90 else 0).save(content, "PNG")
    return content.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "PNG, 16 million pixels of 8-bit RGBA": lambda: flat(4000, 4000, 8, 6, 4),
    "PNG, 8 million pixels of 16-bit RGBA": lambda: flat(4000, 2000, 16, 6, 4),
    "JPEG, 22 million pixels, progressive": lambda: photograph(5600, 4000, progressive=True),
    "JPEG, 28 million pixels, baseline": lambda: photograph(7000, 4000, progressive=False),
}


def run_one(url: str, workflow: str, data: bytes) -> str:
    """Submit a picture, wait for its end, and return its last state, or the status of a refusal."""
    answer = requests.post(
        f"{url}/api/v2/submissions",
        data={"workflow": workflow},
        files={"image": ("x", data)},
        headers={"Prefer": f"wait={WAIT_SECONDS}"},
        timeout=2 * WAIT_SECONDS,
    )
    return str(answer.json().get("state", answer.status_code))


def ordinary(url: str, workflow: str, count: int) -> list[float]:
    """Return the milliseconds of each of ``count`` ordinary pictures, from its upload to its answer."""
    data, taken = digit(), []
    for _ in range(count):
        begun = time.perf_counter()
        state = run_one(url, workflow, data)
        taken.append((time.perf_counter() - begun) * 1000)
        if state != "succeeded":
            sys.exit(f"an ordinary picture ended {state}")
    return taken


def main() -> int:
    options = parser(__doc__ or "")
    options.add_argument("--workflow", default="workflow_000", help="where they are sent to")
    options.add_argument("--count", type=int, default=100, help="ordinary pictures of each row")
    options.add_argument("--clients", type=int, default=6, help="how many send large pictures")
    given = options.parse_args()
    url = f"http://127.0.0.1:{cluster_settings(given.home)['SHOWCASE_PORT']}"
    print(machine(given.home, 50))
    ordinary(url, given.workflow, 5)
    print(line("alone", ordinary(url, given.workflow, given.count)), flush=True)
    for name, make in KINDS.items():
        data, ends, done = make(), list[str](), threading.Event()

        def send(data: bytes = data, ends: list[str] = ends, done: threading.Event = done) -> None:
            while not done.is_set():
                ends.append(run_one(url, given.workflow, data))

        threads = [threading.Thread(target=send) for _ in range(given.clients)]
        for thread in threads:
            thread.start()
        taken = ordinary(url, given.workflow, given.count)
        done.set()
        for thread in threads:
            thread.join()
        counts = ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends)))
        print(f"{line(name, taken)}   large: {counts} ({len(data) / 1e6:.2f} MB each)", flush=True)
    print(line("alone again", ordinary(url, given.workflow, given.count)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
