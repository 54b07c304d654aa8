"""Sends the costliest pictures that are accepted, many at once, and reads the gateway's memory from /proc.

For each kind it prints the answers, and the gateway's resident memory before, at its peak, and after.
"""

from __future__ import annotations

import io
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from bench.measuring import cluster_settings, parser

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PAGE_KIB = 4


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def flat(width: int, height: int, depth: int, colour_type: int, channels: int, extra: bytes = b"") -> bytes:
    """Return a PNG of one colour, packed row by row."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * channels * depth // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    sizes = width.to_bytes(4) + height.to_bytes(4) + bytes([depth, colour_type, 0, 0, 0])
    return SIGNATURE + chunk(b"IHDR", sizes) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND")


def photograph(width: int, height: int, *, progressive: bool) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    picture = Image.fromarray(noise).resize((width, height))
    picture.save(content, format="JPEG", progressive=progressive, subsampling=0)
    return content.getvalue()


def text_chunks() -> bytes:
    packed = zlib.compress(("\U0001f600" + "a" * 1_040_000).encode(), 9)
    return b"".join(chunk(b"iTXt", b"k%d\0\1\0\0\0" % number + packed) for number in range(64))


KINDS: dict[str, Callable[[], bytes]] = {
    "64 compressed text chunks": lambda: flat(280, 280, 8, 0, 1, text_chunks()),
    "PNG, RGBA of 8 bits, 64 MB": lambda: flat(4000, 4000, 8, 6, 4),
    "PNG, RGBA of 16 bits, 64 MB": lambda: flat(4000, 2000, 16, 6, 4),
    "progressive JPEG, 3 megapixels": lambda: photograph(2000, 1496, progressive=True),
    "progressive JPEG, 12 megapixels": lambda: photograph(4000, 3000, progressive=True),
    "baseline JPEG, 24 megapixels": lambda: photograph(6000, 4000, progressive=False),
}


def gateway_mebibytes() -> float:
    """Return the resident memory of the gateway processes on this machine."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"\0-m\0gateway\0" in (folder / "cmdline").read_bytes():
                pages += int((folder / "statm").read_text().split()[1])
        except OSError:
            continue
    return pages * PAGE_KIB / 1024


def send(url: str, workflow: str, data: bytes) -> int:
    answer = requests.post(
        f"{url}/api/v2/submissions", data={"workflow": workflow}, files={"image": ("x", data)}, timeout=120
    )
    return answer.status_code


def main() -> int:
    options = parser(__doc__ or "")
    options.add_argument("--clients", type=int, default=16, help="how many send at the same time")
    options.add_argument("--workflow", default="workflow_000", help="where they send to")
    given = options.parse_args()
    url = f"http://127.0.0.1:{cluster_settings(given.home)['SHOWCASE_PORT']}"
    for name, make in KINDS.items():
        data = make()
        before = peak = gateway_mebibytes()
        done = threading.Event()
        seen = [peak]

        def watch(seen: list[float] = seen, done: threading.Event = done) -> None:
            while not done.wait(0.01):
                seen.append(gateway_mebibytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        begun = time.perf_counter()
        with ThreadPoolExecutor(given.clients) as clients:
            answers = Counter(clients.map(lambda _, data=data: send(url, given.workflow, data), range(given.clients)))
        seconds = time.perf_counter() - begun
        done.set()
        watcher.join()
        told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
        print(
            f"{name:<34} {len(data) / 1e6:6.2f} MB  {given.clients} clients: {told}  in {seconds:.1f} s  "
            f"MiB before {before:.0f}, peak {max(seen):.0f}, after {gateway_mebibytes():.0f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
