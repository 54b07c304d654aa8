"""Every log line, ours or a library's, is one line of JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from runtime.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("pika", "pymongo", "urllib3", "waitress.queue")}
    configuration = structlog.get_config()
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.configure(**configuration)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_has_time_level_process_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "json", "info")
    structlog.get_logger().info("gateway started", port=8100)
    (line,) = lines(capsys)
    assert {key: line[key] for key in ("level", "process", "event", "port")} == {
        "level": "info",
        "process": "gateway",
        "event": "gateway started",
        "port": 8100,
    }
    assert datetime.fromisoformat(line["time"]).tzinfo == UTC


def test_a_librarys_line_has_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "json", "info")
    logging.getLogger("library").warning("said %s", "so")
    (line,) = lines(capsys)
    assert line.keys() == {"time", "level", "process", "event"}
    assert (line["level"], line["event"]) == ("warning", "said so")


@pytest.mark.parametrize("logger", [structlog.get_logger, lambda: logging.getLogger("library")])
def test_an_exception_is_inside_its_line(logger: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "json", "info")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger().exception("it broke")
    (line,) = lines(capsys)
    assert line["event"] == "it broke"
    assert line["exception"].startswith("Traceback")
    assert "ValueError: two\nlines" in line["exception"]


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31m", "é\u2028", {"a": [1]}, object(), b"\xff", datetime.now(UTC)])
def test_whatever_is_logged_stays_one_line(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "json", "info")
    structlog.get_logger().info("event\nwith a break", value=value)
    (line,) = lines(capsys)
    assert line["event"] == "event\nwith a break"
    assert "value" in line


def test_a_level_hides_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "json", "warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    logging.getLogger("pika").error("told by ours already")
    structlog.get_logger().error("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_auto_is_json_where_nobody_looks_and_console_is_for_eyes(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("gateway", "auto", "info")
    structlog.get_logger().info("first")
    assert lines(capsys)[0]["event"] == "first"
    configure_logging("gateway", "console", "info")
    structlog.get_logger().info("second")
    shown = capsys.readouterr().err
    assert "second" in shown
    assert not shown.startswith("{")
