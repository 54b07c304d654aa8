"""What clients that trickle a header byte a second do to an ordinary one.

``python -m bench.slow_clients`` against a cluster that ``make up`` started.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

from bench.measuring import cluster_settings, line, parser

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "


def _trickle(connections: list[socket.socket], stop: threading.Event) -> None:
    """Send a byte a second on each connection until it is cut off, or until ``stop``."""
    while not stop.wait(1.0):
        for each in list(connections):
            try:
                each.sendall(b"x")
            except OSError:
                connections.remove(each)


def _ask(address: tuple[str, int]) -> float | None:
    """Return the milliseconds of a small request; None when it was refused or not answered."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(*address, timeout=3)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health/live")
        response = connection.getresponse()
        response.read()
        if response.status == 200:
            return (time.perf_counter() - begun) * 1000
    return None


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--clients", type=int, default=1005, help="connections that trickle")
    options.add_argument("--seconds", type=float, default=25.0, help="how long to measure")
    chosen = options.parse_args()
    settings = cluster_settings(chosen.home)
    address = (settings["SHOWCASE_HOST"], int(settings["SHOWCASE_PORT"]))
    connections, stop = [], threading.Event()
    for _ in range(chosen.clients):
        connections.append(socket.create_connection(address, timeout=5))
        connections[-1].sendall(HEAD)
    opened = len(connections)
    threading.Thread(target=_trickle, args=(connections, stop), daemon=True).start()
    answers: list[float] = []
    begun, first, refused = time.monotonic(), None, 0
    while time.monotonic() - begun < chosen.seconds:
        taken = _ask(address)
        if taken is None:
            refused += 1
        else:
            first = first if first is not None else time.monotonic() - begun
            answers.append(taken)
        time.sleep(0.1)
    stop.set()
    print(f"{opened} opened, {opened - len(connections)} cut off within {chosen.seconds:.0f} s")
    print(
        "no ordinary request was answered" if first is None else f"an ordinary request was answered after {first:.1f} s"
    )
    print(f"{len(answers)} answered, {refused} not")
    if len(answers) > 1:
        print(line("an ordinary request", answers))
    for each in connections:
        each.close()


if __name__ == "__main__":
    main()
