"""Ten thousand submissions that wait: what every process holds in memory, and what accepting one more takes.

``SHOWCASE_QUEUE_LIMIT=20000 make up``, then ``python -m bench.backlog``: stops the orchestrator (SIGSTOP) while it
fills the queue, and lets it go on at the end.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.measuring import CHECKOUT, line, machine, parser
from bench.submission import Client, Measured, accepting

PARTS = ("gateway", "orchestrator", "rabbitmq", "database", "torchserve")
EACH = 300


def process_of(home: Path, part: str) -> psutil.Process:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.local", "pid", "--home", str(home), part],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return psutil.Process(int(ran.stdout))


def megabytes(process: psutil.Process) -> float:
    """Return what the process and its children hold."""
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 2**20


def one_by_one(measured: Measured, image: bytes) -> list[float]:
    client = Client(*measured.address)
    return [client.submit(image, "workflow_000")[1] for _ in range(EACH)]


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--count", type=int, default=10_000, help="submissions that wait in the end; the gateway's limit is 10,000"
    )
    arguments.add_argument("--clients", type=int, default=4, help="that fill the queue")
    given = arguments.parse_args()
    measured = Measured(given.home)
    image = (CHECKOUT / "samples" / "digits" / "digit_7.png").read_bytes()
    print(machine(given.home, 8))
    accepting(measured, given.clients, 50, image)
    measured.drained()
    processes = {part: process_of(given.home, part) for part in PARTS}
    held: dict[str, list[float]] = {part: [] for part in PARTS}

    def weigh() -> None:
        for part, process in processes.items():
            held[part].append(megabytes(process))

    os.kill(processes["orchestrator"].pid, signal.SIGSTOP)
    try:
        weigh()
        first = one_by_one(measured, image)
        begun = time.perf_counter()
        for _ in range(4):
            accepting(measured, given.clients, (given.count - 2 * EACH) // 4 // given.clients, image)
            weigh()
        filled = time.perf_counter() - begun
        last = one_by_one(measured, image)
    finally:
        os.kill(processes["orchestrator"].pid, signal.SIGCONT)
    waiting = measured.submissions.count_documents({"state": "queued"})
    print(f"{waiting} wait; filled in {filled:.0f} s by {given.clients} clients")
    print(line("accepting, nothing waits", first))
    print(line(f"accepting, {given.count - EACH} wait", last))
    print(f"the median is {statistics.median(last) / statistics.median(first) - 1:+.0%}")
    begun = time.perf_counter()
    time.sleep(20)
    weigh()
    left = measured.submissions.count_documents({"state": "queued"})
    print(f"worked off: {(waiting - left) / (time.perf_counter() - begun):.0f} a second")
    print("\n| MB | before | at a quarter | half | three quarters | all wait | being worked off |\n|---|" + "---|" * 6)
    for part in PARTS:
        print(f"| {part} | " + " | ".join(f"{value:.0f}" for value in held[part]) + " |")


if __name__ == "__main__":
    main()
