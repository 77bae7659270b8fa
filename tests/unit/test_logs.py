"""What is written to standard error: one form for every record, and never what a caller sent."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from proxy.logs import JsonLines, WithoutRequests, start_logging

SECRET = "fg-never-in-a-log"


Log = Callable[[], str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    """Return what is on standard error. What `start_logging` sets up for the whole process is undone."""
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    handlers, level, filters = root.handlers[:], root.level, server.filters[:]
    root.handlers.clear()
    yield lambda: capsys.readouterr().err
    root.handlers[:], server.filters[:] = handlers, filters
    root.setLevel(level)


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    information = (type(error), error, None) if error is not None else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, __file__, 1, message, arguments, information)


def test_a_line_for_people(log: Log) -> None:
    start_logging("info", json_lines=False)
    logging.getLogger("faregate.call").warning("call %s ended", "call_1")
    [line] = log().splitlines()
    assert line.endswith("WARNING faregate.call: call call_1 ended")
    assert datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)


def test_a_line_for_machines(log: Log) -> None:
    start_logging("info", json_lines=True)
    logging.getLogger("faregate.call").warning('a "quoted"\nword of %s', "two lines, é")
    [line] = log().splitlines()
    told = json.loads(line)
    assert told.keys() == {"at", "level", "log", "message"}
    assert (told["level"], told["log"]) == ("warning", "faregate.call")
    assert told["message"] == 'a "quoted"\nword of two lines, é'
    assert datetime.fromisoformat(told["at"]).utcoffset() is not None, "a time without a zone is a guess"


def test_the_time_is_that_of_the_record() -> None:
    made = record("hello")
    made.created = 1_795_248_000.5
    assert json.loads(JsonLines().format(made))["at"] == "2026-11-21T08:00:00.500+00:00"


def test_an_exception_stays_on_its_line(log: Log) -> None:
    start_logging("info", json_lines=True)
    try:
        raise ArithmeticError("one\ntwo")
    except ArithmeticError:
        logging.getLogger("faregate").exception("failed")
    [line] = log().splitlines()
    told = json.loads(line)
    assert told["message"] == "failed"
    assert "ArithmeticError: one\ntwo" in told["error"]
    assert "Traceback" in told["error"]


@pytest.mark.parametrize(("level", "shown"), [("debug", 3), ("info", 2), ("error", 1)])
def test_the_level(log: Log, level: str, shown: int) -> None:
    start_logging(level, json_lines=False)
    for say in (logging.debug, logging.info, logging.error):
        say("word")
    assert len(log().splitlines()) == shown


def test_starting_twice_writes_once(log: Log) -> None:
    start_logging("info", json_lines=False)
    start_logging("info", json_lines=True)
    logging.getLogger("faregate").info("once")
    [line] = log().splitlines()
    assert json.loads(line)["message"] == "once"


@pytest.mark.parametrize("json_lines", [False, True])
def test_the_server_s_log_quotes_no_request(log: Log, json_lines: bool) -> None:
    """aiohttp says which bytes it could not parse: they may be a key."""
    start_logging("debug", json_lines=json_lines)
    server = logging.getLogger("aiohttp.server")
    quotation = f"400, message:\n  Invalid header value char:\n\n    b'Authorization: Bearer {SECRET}'"
    try:
        raise ValueError(quotation)
    except ValueError as error:
        server.error("Error handling request from %s", quotation, exc_info=error)
        server.error(quotation)
        server.exception(f"Unhandled exception\n{quotation}")
    text = log()
    assert SECRET not in text
    lines = text.splitlines()
    assert len(lines) == 3, "the record is shortened, not lost"
    assert "Error handling request from (ValueError)" in lines[0]
    assert "400, message:" in lines[1]


def test_other_logs_are_left_as_they_are(log: Log) -> None:
    start_logging("info", json_lines=False)
    logging.getLogger("faregate.edge").error("two\nlines of %s", "mine")
    assert "two\nlines of mine" in log()


def test_a_record_that_is_no_text_is_shortened_too() -> None:
    made = record("", error=KeyError(SECRET))
    made.msg = {"request": "x"}  # type: ignore[assignment]  # loggers take any object
    assert WithoutRequests().filter(made) is True
    assert made.getMessage() == "{'request': 'x'} (KeyError)"
    assert made.exc_info is None
