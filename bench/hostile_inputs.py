"""Sends hostile inputs, many at once, and prints a row for each kind.

A row has the answers, the gateway's resident memory before, at its peak and after, and the response times of an
ordinary client that submits a small digit again and again meanwhile.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from bench.costly_pictures import KINDS
from bench.measuring import cluster_settings, parser, picture_of

PAGE_KIB = 4
HELD_SECONDS = 12.0
"""How long an attacker keeps its connection when the gateway does not end it."""

Attack = Callable[[int], str]
"""One client's attack on the port; returns how it ended."""


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


def picture(data: bytes) -> Attack:
    def attack(port: int) -> str:
        files = {"image": ("x", data)}
        address = f"http://127.0.0.1:{port}/api/v2/submissions"
        return str(requests.post(address, data={"workflow": "workflow_000"}, files=files, timeout=300).status_code)

    return attack


def raw(head: bytes, body: bytes = b"", trickle: bytes = b"") -> Attack:
    """Send ``head`` and ``body``, then the bytes of ``trickle`` one a second, and wait for the answer."""

    def attack(port: int) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=HELD_SECONDS) as connection:
            try:
                connection.sendall(head + body)
                until = time.monotonic() + HELD_SECONDS
                for byte in trickle:
                    if time.monotonic() > until:
                        break
                    connection.sendall(bytes([byte]))
                    time.sleep(1)
                answer = connection.recv(64)
            except TimeoutError:
                return "held"
            except OSError:
                return "closed"
        return answer[9:12].decode() or "closed"

    return attack


POST = b"POST /api/v2/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = POST + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: "
START = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
DEEP = b'{"workflow": "workflow_000", "metadata": ' + b"[" * 200_000 + b"}"

ATTACKS: dict[str, tuple[int, Callable[[], Attack]]] = {
    **{name: (16, lambda make=make: picture(make())) for name, make in KINDS.items()},  # type: ignore[misc]
    "62 MiB announced, 2 MiB sent": (30, lambda: raw(FORM + b"65011712\r\n\r\n", START + bytes(2 << 20))),
    "10 MiB announced, 9 MiB sent": (30, lambda: raw(FORM + b"10485760\r\n\r\n", START + bytes(9 << 20))),
    "headers that trickle": (500, lambda: raw(POST, trickle=b"X-A: " + b"a" * 20)),
    "JSON of 200,000 brackets": (
        16,
        lambda: raw(POST + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(DEEP), DEEP),
    ),
}


def ordinary(port: int, stopped: threading.Event, taken: list[float]) -> None:
    """Submit a small picture again and again, and record the milliseconds of each answer."""
    data = picture_of(2)
    with requests.Session() as session:
        while not stopped.is_set():
            begun = time.perf_counter()
            session.post(
                f"http://127.0.0.1:{port}/api/v2/submissions",
                data={"workflow": "workflow_000"},
                files={"image": ("x.png", data)},
                timeout=300,
            ).raise_for_status()
            taken.append((time.perf_counter() - begun) * 1000)
            stopped.wait(0.05)


def percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else float("nan")


def measure(name: str, clients: int, attack: Attack, port: int) -> None:
    """Attack with so many clients at once, and print the row."""
    before = gateway_mebibytes()
    seen, taken = [before], list[float]()
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(0.02):
            seen.append(gateway_mebibytes())

    helpers = [threading.Thread(target=watch), threading.Thread(target=ordinary, args=(port, stopped, taken))]
    for helper in helpers:
        helper.start()
    with ThreadPoolExecutor(clients) as pool:
        answers = Counter(pool.map(attack, [port] * clients))
    stopped.set()
    for helper in helpers:
        helper.join()
    told = ", ".join(f"{count} x {answer}" for answer, count in sorted(answers.items()))
    print(
        f"| {name} | {clients} | {told} | {before:.0f} | {max(seen):.0f} | {gateway_mebibytes():.0f} "
        f"| {percentile(taken):.0f} |",
        flush=True,
    )


def main() -> int:
    options = parser(__doc__ or "")
    options.add_argument("--only", default="", help="only kinds whose name contains this")
    given = options.parse_args()
    port = int(cluster_settings(given.home)["SHOWCASE_PORT"])
    print("| what | clients | answers | MiB before | at the peak | after | ordinary client, 95 of 100, ms |")
    print("|---|---|---|---|---|---|---|")
    if not given.only:
        measure("nothing", 1, lambda _: (time.sleep(10), "-")[1], port)  # type: ignore[func-returns-value]
    for name, (clients, make) in ATTACKS.items():
        if given.only in name:
            measure(name, clients, make(), port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
