"""The command line of the local cluster: ``python -m deploy.local --help``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from contracts.workflows.catalogue import WorkflowText
from deploy.local.application import APPLICATIONS
from deploy.local.archives import build_archives
from deploy.local.changes import changes
from deploy.local.cluster import PART_NAMES, embedded_parts, recall_cluster
from deploy.local.env_file import with_env_file
from deploy.local.errors import ClusterError, explain
from deploy.local.foreground import run
from deploy.local.ports import HOST
from deploy.local.progress import Progress
from deploy.local.reporting import (
    environment_lines,
    follow_logs,
    pid_of,
    run_rabbitmqctl,
    status_report,
)
from deploy.local.settings import CHECKOUT, OWN_HOME, ClusterSettings, recall_settings, resolve_settings
from deploy.local.starting import bring_up, install
from deploy.local.stopping import reset, take_down
from deploy.local.supervision import Supervisor
from deploy.local.workflows import checked_workflows, contradictions

EPILOGUE = """\
Settings that `up` reads from the environment, and where it has none of that name from the checkout's .env:
  SHOWCASE_PORT           the gateway's port (8100)
  SHOWCASE_PORT_BASE      the first of the other parts' ports (SHOWCASE_PORT + 10)
  SHOWCASE_MONGO_URL      a MongoDB to use; the embedded database is then not started
  SHOWCASE_MONGO_DATABASE the database's name (showcase)
  SHOWCASE_AMQP_URL       a RabbitMQ to use; the embedded broker is then not started
  SHOWCASE_MODEL_SERVERS  name=url,... for models served elsewhere; with *=url TorchServe is not started
  SHOWCASE_LOG_FORMAT     json or console (json)
Every other SHOWCASE_* setting is passed to the gateway and the orchestrator.
Each can be read from a file instead: SHOWCASE_<NAME>_FILE names it.
A cluster keeps its ports until you name others. Every part listens on 127.0.0.1; --host is the gateway's address.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument(
        "--home", type=Path, default=OWN_HOME, metavar="DIR", help="where the cluster keeps its state (.local)"
    )
    top = argparse.ArgumentParser(
        prog="python -m deploy.local",
        description="Run ML Showcase on this machine: broker, database, model server, orchestrator, gateway.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--only", metavar="PART,...", default="", help=f"these parts only, of {', '.join(PART_NAMES)}")
    up = argparse.ArgumentParser(add_help=False, parents=[every, chosen])
    up.add_argument("--host", default=HOST, metavar="ADDRESS", help=f"where the gateway listens ({HOST})")
    up.add_argument("--port", type=int, metavar="N", help="the gateway's port")
    up.add_argument("--port-base", type=int, metavar="N", help="the first of the other parts' ports")
    up.add_argument(
        "--model-store", type=Path, metavar="DIR", help="serve the archives of this folder instead of building our own"
    )
    up.add_argument("--yes", action="store_true", help="change a running cluster's settings without asking")
    up.add_argument("--timeout", type=float, default=240.0, metavar="SECONDS", help="how long to wait (240)")
    commands.add_parser("up", parents=[up], help="install what is missing, start, wait until all is ready")
    commands.add_parser("run", parents=[up], help="up, wait for a signal, down: for containers")
    commands.add_parser("down", parents=[every], help="stop everything in order; the data stays")
    commands.add_parser("status", parents=[every], help="show each part's state; exits 1 when one is not ready")
    logs = commands.add_parser("logs", parents=[every], help="follow the logs")
    logs.add_argument("part", nargs="?", help="one part's only")
    logs.add_argument("--lines", type=int, default=50, metavar="N", help="begin with the last N lines (50)")
    logs.add_argument("--no-follow", action="store_true", help="print them and end")
    delete = commands.add_parser("reset", parents=[every], help="stop everything and delete data, logs and passwords")
    delete.add_argument("--force", action="store_true", help="do not ask first")
    pid = commands.add_parser("pid", parents=[every], help="print the process id of a part's real process")
    pid.add_argument("part")
    commands.add_parser("env", parents=[every], help="print the SHOWCASE_* settings of the cluster as KEY=VALUE lines")
    control = commands.add_parser("rabbitmqctl", parents=[every], help="run rabbitmqctl on the embedded broker")
    control.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("models", parents=[every], help="build the model archives that changed")
    needs = commands.add_parser(
        "prerequisites", parents=[every, chosen], help="install what pip cannot: RabbitMQ and a Java runtime"
    )
    needs.add_argument("--browser", action="store_true", help="also the browser that the tests open pages with")
    return top


def _settings(arguments: argparse.Namespace) -> ClusterSettings:
    home = arguments.home.resolve()
    last = recall_settings(home)
    model_store = getattr(arguments, "model_store", None)
    return resolve_settings(
        with_env_file(os.environ, home),
        home=home,
        port=getattr(arguments, "port", None),
        port_base=getattr(arguments, "port_base", None),
        model_store=model_store.resolve() if model_store else None,
        host=getattr(arguments, "host", HOST),
        only=frozenset(name.strip() for name in getattr(arguments, "only", "").split(",") if name.strip()),
        remembered=last.ports if last else None,
    )


def _up(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    texts = _checked(settings)
    running = Supervisor(settings.home).is_running()
    contradicted = contradictions(texts, settings.ports.gateway) if running else None
    _print_contradictions(contradicted)
    if not _confirm_changes(settings, asks=not arguments.yes):
        print("Nothing was changed. Settings that are to stay belong into .env.")
        return 1
    cluster = bring_up(settings, os.environ, arguments.timeout)
    if contradicted is None:  # the registry could not be asked before
        _print_contradictions(contradictions(texts, settings.ports.gateway))
    if any(part.name == "gateway" for part in cluster.parts):
        print(f"ML Showcase is ready: http://127.0.0.1:{settings.ports.gateway}/")
    else:
        print(f"{', '.join(part.name for part in cluster.parts)}: ready, without a gateway.")
    return 0


def _checked(settings: ClusterSettings) -> list[WorkflowText]:
    """Return the workflows that this cluster publishes. Raises ClusterError with all their errors."""
    return checked_workflows(settings) if embedded_parts(settings) & set(APPLICATIONS) else []


def _print_contradictions(sentences: list[str] | None) -> None:
    for sentence in sentences or []:
        print(sentence, flush=True)


def _confirm_changes(settings: ClusterSettings, *, asks: bool) -> bool:
    """Print what differs from the cluster's last start. Ask, where someone can answer, before a running one changes."""
    before = recall_settings(settings.home)
    found = changes(before, settings) if before else []
    if not found:
        return True
    running = Supervisor(settings.home).is_running()
    print(
        "Settings that differ from those of the running cluster:"
        if running
        else "Settings that differ from the last start's:"
    )
    for each in found:
        print(f"  {each.line()}")
    if not running or not asks or not sys.stdin.isatty():
        print("They are applied.")
        return True
    return input("Apply them? Type yes: ").strip() == "yes"


def _status(arguments: argparse.Namespace) -> int:
    home = arguments.home.resolve()
    lines, all_ready = status_report(recall_cluster(home), Supervisor(home).processes())
    print("\n".join(lines))
    return 0 if all_ready else 1


def _reset(arguments: argparse.Namespace) -> int:
    home = arguments.home.resolve()
    if not arguments.force:
        if not sys.stdin.isatty():
            raise ClusterError("There is no terminal to ask on. To delete the data without asking: make reset FORCE=1")
        if input(f"Delete all submissions, images, logs and passwords in {home}? Type yes: ").strip() != "yes":
            print("Nothing was deleted.")
            return 1
    reset(home)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    home = arguments.home.resolve()
    match arguments.command:
        case "up":
            return _up(arguments)
        case "run":
            settings = _settings(arguments)
            _checked(settings)
            run(settings, os.environ, arguments.timeout)
        case "down":
            take_down(home)
        case "status":
            return _status(arguments)
        case "logs":
            follow_logs(home, arguments.part or None, arguments.lines, follow=not arguments.no_follow)
        case "reset":
            return _reset(arguments)
        case "pid":
            print(pid_of(home, arguments.part))
        case "env":
            print("\n".join(environment_lines(recall_cluster(home))))
        case "rabbitmqctl":
            run_rabbitmqctl(recall_cluster(home).settings, arguments.arguments)
        case "models":
            built = build_archives(CHECKOUT / "model-store", OWN_HOME / "logs" / "archives.log")
            print(f"Built {', '.join(built)}." if built else "The model archives are up to date.")
        case "prerequisites":
            install(_settings(arguments), Progress(), browser=arguments.browser)
    return 0


def main() -> int:
    """Run one command and return the exit status. An error is a sentence on standard error."""
    try:
        code = _run(parser().parse_args())
        sys.stdout.flush()
        return code
    except ClusterError as error:
        print(explain(error), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`): discard what is still buffered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Interrupted. To continue from here: make up", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
