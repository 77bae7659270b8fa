"""What is written to standard error: one form for every record, and never what a caller sent."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.logs import Form, JsonLines, WithoutRequests, form_of, start_logging

SECRET = "fg-never-in-a-log"
FORMS: tuple[Form, ...] = ("human", "json")


Log = Callable[[], str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    """Return what is on standard error. What `start_logging` sets up for the whole process is undone."""
    root, ours, server = logging.getLogger(), logging.getLogger("faregate"), logging.getLogger("aiohttp.server")
    handlers, levels, filters = root.handlers[:], (root.level, ours.level), server.filters[:]
    hooks = warnings.showwarning, sys.excepthook, threading.excepthook
    root.handlers.clear()
    yield lambda: capsys.readouterr().err
    root.handlers[:], server.filters[:] = handlers, filters
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    warnings.showwarning, sys.excepthook, threading.excepthook = hooks


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    information = (type(error), error, None) if error is not None else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, __file__, 1, message, arguments, information)


def test_a_line_for_people(log: Log) -> None:
    start_logging("info", "human")
    logging.getLogger("faregate.call").warning("call %s ended", "call_1")
    [line] = log().splitlines()
    assert line.endswith("WARNING faregate.call: call call_1 ended")
    assert datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)


def test_a_line_for_machines(log: Log) -> None:
    start_logging("info", "json")
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
    start_logging("info", "json")
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
    start_logging(level, "human")
    for say in (logging.debug, logging.info, logging.error):
        logging.getLogger("faregate.call").log(getattr(logging, say.__name__.upper()), "word")
    assert len(log().splitlines()) == shown


def test_libraries_are_not_heard_below_info(log: Log) -> None:
    """There they quote statements and headers."""
    start_logging("debug", "human")
    library = logging.getLogger("aiosqlite")
    library.debug("executing %s", SECRET)
    library.info("hello")
    [line] = log().splitlines()
    assert line.endswith("aiosqlite: hello")


def test_libraries_are_as_quiet_as_we_are(log: Log) -> None:
    start_logging("error", "human")
    logging.getLogger("aiosqlite").warning("hello")
    assert log() == ""


class Screen(io.StringIO):
    """Standard error, on a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_people_read_terminals_and_machines_the_rest(terminal: bool) -> None:
    assert form_of("auto", Screen(terminal)) == ("human" if terminal else "json")
    assert form_of("human", Screen(terminal)) == "human"
    assert form_of("json", Screen(terminal)) == "json"


FIELDS = {
    "call": "call_1",
    "model": "a model\nof 'mine'",
    "status": 200,
    "usage": {"input_tokens": 3, "audio_seconds": Decimal("1.5")},
    "unpriced": ["web_searches", "x_searches"],
}


def test_fields_are_members_for_machines(log: Log) -> None:
    start_logging("info", "json")
    logging.getLogger("faregate.calls").info("answered", extra={"fields": FIELDS})
    told = json.loads(log())
    assert list(told) == ["at", "level", "log", "message", *FIELDS]
    assert told["usage"] == {"input_tokens": 3, "audio_seconds": 1.5}
    assert told["model"] == FIELDS["model"]


def test_fields_are_words_for_people(log: Log) -> None:
    start_logging("info", "human")
    logging.getLogger("faregate.calls").info("answered", extra={"fields": FIELDS})
    [line] = log().splitlines()
    assert line.endswith(
        r"""faregate.calls: answered call=call_1 model="a model\nof 'mine'" status=200 input_tokens=3 """
        r"""audio_seconds=1.5 unpriced=web_searches,x_searches"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_warnings_go_the_same_way(log: Log, form: Form) -> None:
    start_logging("info", form)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(UserWarning("careful"), UserWarning, "module.py", 7)
    [line] = log().splitlines()
    assert "UserWarning: careful (module.py:7)" in line
    assert "py.warnings" in line


def test_what_nobody_caught_goes_the_same_way(log: Log) -> None:
    start_logging("info", "json")
    try:
        raise ArithmeticError("lost")
    except ArithmeticError as error:
        sys.excepthook(ArithmeticError, error, error.__traceback__)
    told = json.loads(log())
    assert (told["level"], told["log"]) == ("critical", "faregate")
    assert "ArithmeticError: lost" in told["error"]


def test_an_interrupt_from_the_keyboard_is_python_s_own(log: Log) -> None:
    start_logging("info", "json")
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert log().strip() == "KeyboardInterrupt"


def test_a_thread_that_dies_is_told_of(log: Log) -> None:
    start_logging("info", "json")

    def fail() -> None:
        raise ArithmeticError("lost")

    def leave() -> None:
        raise SystemExit

    for work in (fail, leave):
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
    told = json.loads(log())
    assert told["message"] == "the thread worker ended: nobody caught this"
    assert "ArithmeticError: lost" in told["error"]


def test_starting_twice_writes_once(log: Log) -> None:
    start_logging("info", "human")
    start_logging("info", "json")
    logging.getLogger("faregate").info("once")
    [line] = log().splitlines()
    assert json.loads(line)["message"] == "once"


@pytest.mark.parametrize("form", FORMS)
def test_the_server_s_log_quotes_no_request(log: Log, form: Form) -> None:
    """aiohttp says which bytes it could not parse: they may be a key."""
    start_logging("debug", form)
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


def test_a_message_stays_on_its_line_and_moves_no_cursor(log: Log) -> None:
    start_logging("info", "human")
    logging.getLogger("faregate.edge").error("two\nlines of %s", "mine\x1b[2J")
    [line] = log().splitlines()
    assert line.endswith(r"two\nlines of mine\x1b[2J")


def test_a_record_that_is_no_text_is_shortened_too() -> None:
    made = record("", error=KeyError(SECRET))
    made.msg = {"request": "x"}  # type: ignore[assignment]  # loggers take any object
    assert WithoutRequests().filter(made) is True
    assert made.getMessage() == "{'request': 'x'} (KeyError)"
    assert made.exc_info is None
