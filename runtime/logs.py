"""The format of every process's log lines: JSON for files, aligned and coloured for a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure_logging(process: str, form: str, level: str) -> None:
    """Send structlog's and the standard library's records to standard error, one line each.

    ``form`` is auto, json or console. Every line has time (UTC), level, process and event.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _name_process(process),
        structlog.processors.format_exc_info if not console else structlog.processors.StackInfoRenderer(),
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # These log each reconnection in several lines, ours in one; httpcore would log the headers of webhooks.
    for name in ("pika", "pymongo", "urllib3", "httpcore", "waitress.queue"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _name_process(process: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"process": process} | event

    return add
