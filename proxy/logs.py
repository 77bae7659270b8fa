"""Log lines on standard error: words for people, JSON for machines. Never a secret, a prompt or a raw request.

A record may carry `fields`, a mapping of names to values: JSON has them as members, people read them as `name=value`.
What Python and libraries say goes the same way: warnings, and exceptions that nobody caught. aiohttp's own server log
quotes the bytes of malformed requests, where a key may stand; those lines are cut down to their first words.
"""

import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Literal, TextIO

Form = Literal["human", "json"]

_PLAIN = re.compile(r"[\w./:+@%-]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would end a line, or move a terminal's cursor, if somebody else's words were shown as they are."""

_log = logging.getLogger("faregate")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=_plain)


class Words(logging.Formatter):
    """One line for people; an exception's traceback stands below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging calls it so
        """Return the line of a record, without an exception."""
        record.message = _CONTROL.sub(lambda found: repr(found[0])[1:-1], record.message)
        told = [f"{name}={_word(value)}" for name, value in _flat(_fields(record))]
        return " ".join([super().formatMessage(record), *told])


class WithoutRequests(logging.Filter):
    """Takes a library's quotations of requests out of its log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record in place; it is still logged."""
        error = record.exc_info[0] if record.exc_info else None
        name = f" ({error.__name__})" if error is not None else ""
        record.msg, record.args = f"{str(record.msg).split('%')[0].split(chr(10))[0].strip()}{name}", ()
        record.exc_info = record.exc_text = None
        return True


def form_of(setting: Literal["auto", "human", "json"], stream: TextIO) -> Form:
    """Return how to write: as it was set, or for whoever seems to read."""
    if setting != "auto":
        return setting
    return "human" if stream.isatty() else "json"


def start_logging(level: str, form: Form) -> None:
    """Send every log record, warning and uncaught exception to standard error in one form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Words())
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)
    server = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, WithoutRequests) for each in server.filters):
        server.addFilter(WithoutRequests())
    warnings.showwarning = _warn
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def set_level(level: str) -> None:
    """Write records from a level on. Libraries are heard from `info` on: below that they quote what they carry."""
    ours = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(max(ours, logging.INFO))
    _log.setLevel(ours)


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    found = getattr(record, "fields", None)
    return found if isinstance(found, Mapping) else {}


def _flat(fields: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return fields one by one; a mapping's members stand for it."""
    told: list[tuple[str, object]] = []
    for name, value in fields.items():
        told += value.items() if isinstance(value, Mapping) else [(name, value)]
    return told


def _word(value: object) -> str:
    """Return a value so that a line stays one line, and a blank does not end it."""
    if isinstance(value, list):
        return ",".join(_word(each) for each in value)
    text = value if isinstance(value, str) else json.dumps(value, default=_plain)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del file, line
    logging.getLogger("py.warnings").warning("%s: %s (%s:%d)", category.__name__, message, filename, lineno)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log.critical("the process ends: nobody caught this", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and not issubclass(found.exc_type, SystemExit):
        name = found.thread.name if found.thread is not None else "unknown"
        _log.error("the thread %s ended: nobody caught this", name, exc_info=found.exc_value)
