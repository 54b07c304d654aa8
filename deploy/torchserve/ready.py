"""``python -m deploy.torchserve.ready``: whether every model has a worker that is READY.

For health checks: ends with 0 or 1 and says what is lacking. TorchServe's own ``/ping`` is healthy from the moment
that its port listens, before a model is loaded and after its workers died.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Any

ANSWER_SECONDS = 3.0


def _asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - http, on the loopback address
        return json.load(answer)


def lacking(management: str) -> list[str]:
    """Return the models without a READY worker, as "name version". No model at all is lacking too.

    Raises OSError or ValueError when the management port does not answer, or answers nonsense.
    """
    names = [model["modelName"] for model in _asked(f"{management}/models?limit=1000")["models"]]
    found = [
        f"{name} {version['modelVersion']}"
        for name in names
        for version in _asked(f"{management}/models/{name}/all")
        if not any(worker["status"] == "READY" for worker in version["workers"])
    ]
    return found if names else ["any model"]


def main() -> int:
    """Check once."""
    parser = argparse.ArgumentParser(prog="python -m deploy.torchserve.ready", description=__doc__)
    parser.add_argument("--management-port", type=int, default=8081, metavar="N", help="(8081)")
    port = parser.parse_args().management_port
    try:
        found = lacking(f"http://127.0.0.1:{port}")
    except (OSError, ValueError, LookupError) as error:
        print(f"port {port} does not answer as TorchServe's management does: {error}", file=sys.stderr)
        return 1
    if found:
        print(f"no worker is READY for {', '.join(found)}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
