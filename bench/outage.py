"""What one model's long absence costs the workflows that do not need it, and how its own submissions come back.

``python -m bench.outage`` against a cluster that ``make up`` started: takes the classifier's workers away and gives
them back at the end.
"""

from __future__ import annotations

import time

from bench.measuring import CHECKOUT, machine, parser
from bench.submission import Client, Measured
from deploy.local.cluster import recall_cluster
from deploy.local.model_server import model_server_temporary
from deploy.torchserve.launch import management_socket
from deploy.torchserve.management import Management

AWAY = "bms_flair_abnormality_classification"
VERSION = "1.2.0"
PATIENCE_SECONDS = 300


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
    management = Management(management_socket(model_server_temporary(recall_cluster(given.home).settings)))
    print(machine(given.home, 8))
    client = Client(*measured.address)
    digit = (CHECKOUT / "samples" / "digits" / "digit_7.png").read_bytes()
    slice_ = (CHECKOUT / "samples" / "flair" / "lesion_1.png").read_bytes()
    _rate(measured, client, digit, 50)
    alone = _rate(measured, client, digit, given.count)
    print(f"digits with every model there:                {alone:6.1f} a second")
    management.scale(AWAY, VERSION, 0)
    try:
        waiting = [client.submit(slice_, "workflow_001")[0] for _ in range(given.waiting)]
        time.sleep(10)
        beside = _rate(measured, client, digit, given.count)
        print(f"digits while {given.waiting} slices wait for a model:    {beside:6.1f} a second ({beside / alone:.0%})")
        record = measured.submissions.find_one({"_id": waiting[-1]}) or {}
        print(f"one that waits: {record.get('state')}, next try {record.get('not_before')}, {record.get('reason')}")
    finally:
        management.scale(AWAY, VERSION, 1)
    back = time.perf_counter()
    _until_all_end(measured, waiting)
    print(f"all {given.waiting} slices done {time.perf_counter() - back:.1f} s after it was back")


if __name__ == "__main__":
    main()
