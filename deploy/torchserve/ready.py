"""``python -m deploy.torchserve.ready``: whether every model has a worker that is READY.

For health checks: exits with 0, or with 1 and says what is missing. TorchServe's own ``/ping`` is healthy as soon as
its port listens, before a model is loaded and after its workers died.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Any

ANSWER_SECONDS = 3.0


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - http, on the loopback address
        return json.load(answer)


def models_without_worker(management: str) -> list[str]:
    """Return the models without a READY worker, as "name version"; "any model" where there are no models.

    Raises OSError, ValueError or LookupError when the management port does not answer, or not as TorchServe's.
    """
    names = [model["modelName"] for model in _get(f"{management}/models?limit=1000")["models"]]
    found = [
        f"{name} {version['modelVersion']}"
        for name in names
        for version in _get(f"{management}/models/{name}/all")
        if not any(worker["status"] == "READY" for worker in version["workers"])
    ]
    return found if names else ["any model"]


def main() -> int:
    """Check once and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.torchserve.ready", description=__doc__)
    parser.add_argument("--management-port", type=int, default=8081, metavar="N", help="(8081)")
    port = parser.parse_args().management_port
    try:
        found = models_without_worker(f"http://127.0.0.1:{port}")
    except (OSError, ValueError, LookupError) as error:
        print(f"port {port} does not answer as TorchServe's management does: {error}", file=sys.stderr)
        return 1
    if found:
        print(f"no worker is READY for {', '.join(found)}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
