"""What clients that wait for events cost the gateway: its threads and memory, and what others still get.

``python -m bench.watchers`` against a cluster that ``make up`` started. Stops the orchestrator for a moment, so that
there is something to wait for.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.measuring import CHECKOUT, line, machine, parser, picture_of
from bench.submission import Client, Measured

SUBMISSIONS = 150


def _pid(home: Path, part: str) -> int:
    command = [sys.executable, "-m", "deploy.local", "pid", part, "--home", str(home)]
    return int(subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout)


def _cost(gateway: psutil.Process) -> str:
    return f"{gateway.num_threads()} threads, {gateway.memory_info().rss / 2**20:.0f} MiB"


def _live(address: tuple[str, int]) -> list[float]:
    taken = []
    for _ in range(100):
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(*address, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/health/live")
            connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _accept(address: tuple[str, int], image: bytes) -> list[float]:
    client = Client(*address)
    return [client.submit(image, "workflow_000")[1] for _ in range(SUBMISSIONS)]


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--watchers", type=int, default=390, help="clients that follow one submission's events")
    chosen = options.parse_args()
    measured = Measured(chosen.home)
    gateway = psutil.Process(_pid(chosen.home, "gateway"))
    orchestrator = _pid(chosen.home, "orchestrator")
    print(machine(chosen.home, 120))
    print("idle:", _cost(gateway))
    print(line("a small request", _live(measured.address)))
    image = picture_of(120)
    os.kill(orchestrator, signal.SIGSTOP)
    try:
        identifier, _ = Client(*measured.address).submit(picture_of(20), "workflow_000")  # the first in the queue
        print(line("accepting 120 KiB", _accept(measured.address, image)))
        streams = []
        for _ in range(chosen.watchers):
            connection = http.client.HTTPConnection(*measured.address, timeout=60)
            connection.request("GET", f"/api/v2/submissions/{identifier}/events")
            streams.append((connection, connection.getresponse()))
        print(f"{chosen.watchers} waiting:", _cost(gateway))
        print(line("a small request beside them", _live(measured.address)))
        print(line("accepting 120 KiB beside them", _accept(measured.address, image)))
    finally:
        os.kill(orchestrator, signal.SIGCONT)
    begun = time.perf_counter()
    ended = [b"submission.succeeded" in response.read() for _, response in streams]
    print(f"{sum(ended)} of {len(ended)} were told of the end within {time.perf_counter() - begun:.2f} s")
    for connection, _ in streams:
        connection.close()


if __name__ == "__main__":
    main()
