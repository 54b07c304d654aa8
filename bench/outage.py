"""What one model's long absence costs the workflows that do not need it, and how its own submissions come back.

``python -m bench.outage`` against a cluster that ``make up`` started: takes the classifier's workers away and gives
them back at the end.
"""

from __future__ import annotations

import json
import time

import requests

from bench.measuring import CHECKOUT, machine, parser
from bench.submission import Client, Measured

AWAY = "bms_flair_abnormality_classification"
VERSION = "1.2.0"
PATIENCE_SECONDS = 300


def _set_workers(management: str, count: int) -> None:
    response = requests.put(
        f"{management}/models/{AWAY}/{VERSION}",
        params={"min_worker": str(count), "max_worker": str(count), "synchronous": "true"},
        timeout=60,
    )
    response.raise_for_status()


def _until_all_end(measured: Measured, identifiers: list[str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    for identifier in identifiers:
        while time.monotonic() < end:
            found = measured.submissions.find_one({"_id": identifier}, {"state": 1})
            if found and found["state"] in ("succeeded", "failed"):
                break
            time.sleep(0.02)
        else:
            raise SystemExit(f"{identifier} did not end within {PATIENCE_SECONDS} s")


def _rate(measured: Measured, client: Client, image: bytes, count: int) -> float:
    """Return the digits finished a second when ``count`` of them wait."""
    begun = time.perf_counter()
    _until_all_end(measured, [client.submit(image, "workflow_000")[0] for _ in range(count)])
    return count / (time.perf_counter() - begun)


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--count", type=int, default=300, help="digits in each round")
    arguments.add_argument("--waiting", type=int, default=100, help="slices that wait for the model that is away")
    given = arguments.parse_args()
    measured = Measured(given.home)
    ports = json.loads((given.home / "cluster.json").read_text())["ports"]
    management = f"http://127.0.0.1:{ports['management']}"
    print(machine(given.home, 8))
    client = Client(*measured.address)
    digit = (CHECKOUT / "samples" / "digits" / "digit_7.png").read_bytes()
    slice_ = (CHECKOUT / "samples" / "flair" / "lesion_1.png").read_bytes()
    _rate(measured, client, digit, 50)
    alone = _rate(measured, client, digit, given.count)
    print(f"digits with every model there:                {alone:6.1f} a second")
    _set_workers(management, 0)
    try:
        waiting = [client.submit(slice_, "workflow_001")[0] for _ in range(given.waiting)]
        time.sleep(10)
        beside = _rate(measured, client, digit, given.count)
        print(f"digits while {given.waiting} slices wait for a model:    {beside:6.1f} a second ({beside / alone:.0%})")
        record = measured.submissions.find_one({"_id": waiting[-1]}) or {}
        print(f"one that waits: {record.get('state')}, next try {record.get('not_before')}, {record.get('reason')}")
    finally:
        _set_workers(management, 1)
    back = time.perf_counter()
    _until_all_end(measured, waiting)
    print(f"all {given.waiting} slices done {time.perf_counter() - back:.1f} s after it was back")


if __name__ == "__main__":
    main()
