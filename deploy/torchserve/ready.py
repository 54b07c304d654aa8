"""``python -m deploy.torchserve.ready``: whether every model has a worker that is READY.

For health checks: exits with 0, or with 1 and says what is missing. TorchServe's own ``/ping`` is healthy as soon as
its port listens, before a model is loaded and after its workers died.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.torchserve.launch import management_socket
from deploy.torchserve.management import Management, ManagementError, has_ready_worker


def models_without_worker(management: Management) -> list[str]:
    """Return the models without a READY worker, as "name version"; "any model" where there are no models.

    Raises what ``Management`` raises when TorchServe does not answer, or not as it should.
    """
    names = management.models()
    found = [
        f"{name} {version['modelVersion']}"
        for name in names
        for version in management.describe(name)
        if not has_ready_worker(version)
    ]
    return found if names else ["any model"]


def main() -> int:
    """Check once and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.torchserve.ready", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="that of the server")
    socket = management_socket(parser.parse_args().state / "temporary")
    try:
        found = models_without_worker(Management(socket))
    except (ManagementError, OSError, ValueError, LookupError) as error:
        print(f"{socket} does not answer as TorchServe's management does: {error}", file=sys.stderr)
        return 1
    if found:
        print(f"no worker is READY for {', '.join(found)}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
