"""One model server by itself: ``python -m deploy.torchserve --help``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from deploy.torchserve.archives import BrokenArchive, read_archives
from deploy.torchserve.java import OLDEST_JAVA, find_java
from deploy.torchserve.launch import LOOPBACK, Launch, management_socket
from deploy.torchserve.ports import listening_fault

MODELS = "SHOWCASE_MODELS"
HIGHEST_PORT = 65535


def _port(text: str) -> int:
    # Not the last one: the gRPC port is the first of two.
    if not text.isdecimal() or not 1 <= int(text) < HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to {HIGHEST_PORT - 1}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m deploy.torchserve",
        description="Serve models for direct calls, in the foreground, until it is interrupted.",
        epilog="POST /predictions/NAME/VERSION on the port; docs/direct-calls.md says what it takes and answers.",
    )
    made.add_argument(
        "--models",
        default=os.environ.get(MODELS, ""),
        metavar="NAME,...",
        help=f"which of the store's models (${MODELS}; all of them)",
    )
    made.add_argument("--model-store", type=Path, default=Path("model-store"), metavar="DIR", help="(model-store)")
    made.add_argument("--host", default=LOOPBACK, metavar="ADDRESS", help=f"where the port listens ({LOOPBACK})")
    made.add_argument("--port", type=_port, default=8080, metavar="N", help="for inference calls (8080)")
    made.add_argument(
        "--grpc-port", type=_port, default=7070, metavar="N", help="the first of its two gRPC ports (7070)"
    )
    made.add_argument("--state", type=Path, metavar="DIR", help="for its temporary files (a new folder under /tmp)")
    return made


def _exit_with_error(sentence: str) -> NoReturn:
    print(f"python -m deploy.torchserve: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def _refuse_taken_ports(given: argparse.Namespace) -> None:
    """Exit with a sentence for a port that is taken. TorchServe would print Java traces and go on without it."""
    for host, port, option in (
        (given.host, given.port, "--port N (make: PORT=N)"),
        (LOOPBACK, given.grpc_port, "--grpc-port N (make: ARGS='--grpc-port N')"),
        (LOOPBACK, given.grpc_port + 1, "--grpc-port N (make: ARGS='--grpc-port N')"),
    ):
        if fault := listening_fault(host, port):
            _exit_with_error(f"it cannot listen on port {port} of {host} ({fault}); name another: {option}")


def main() -> NoReturn:
    """Replace this process by the server."""
    given = parser().parse_args()
    wanted = {name.strip() for name in given.models.split(",") if name.strip()}
    store = given.model_store.resolve()
    try:
        archives = read_archives(store)
    except BrokenArchive as error:
        _exit_with_error(str(error))
    if missing := wanted - {archive.name for archive in archives}:
        there = ", ".join(sorted({archive.name for archive in archives})) or "none; run: make models"
        _exit_with_error(f"{store} holds no model named {', '.join(sorted(missing))}; there are: {there}")
    served = [archive for archive in archives if not wanted or archive.name in wanted]
    if not served:
        _exit_with_error(f"{store} holds no models; run: make models")
    _refuse_taken_ports(given)
    java = find_java()
    if java is None:
        _exit_with_error(f"Java {OLDEST_JAVA} or newer is needed; on Debian: apt-get install default-jre-headless")
    # What it writes, the sockets of its management and metrics too, is its owner's alone.
    os.umask(0o077)
    state = given.state.absolute() if given.state else Path(tempfile.mkdtemp(prefix="torchserve-"))
    launch = Launch(
        archives=served,
        model_store=store,
        state=state,
        temporary=state / "temporary",
        logs=state / "logs",
        host=given.host,
        inference=given.port,
        grpc_inference=given.grpc_port,
        grpc_management=given.grpc_port + 1,
    )
    try:
        launch.prepare()
    except OSError as error:
        _exit_with_error(f"it cannot use the folder {state} ({error.strerror}); name another: --state DIR")
    for archive in served:
        print(f"serving http://{given.host}:{given.port}/predictions/{archive.name}/{archive.version}", flush=True)
    print(f"its management, for this user alone: {management_socket(launch.temporary)}", flush=True)
    command = launch.command(java)
    os.execve(java, command, os.environ | launch.environment())


if __name__ == "__main__":
    main()
