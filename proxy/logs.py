"""Log lines on standard error: text for people, JSON for machines. Never a secret, a prompt or a raw request.

aiohttp's own server log quotes the bytes of malformed requests, where a key may stand; those lines are cut down to
their first words.
"""

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class WithoutRequests(logging.Filter):
    """Takes a library's quotations of requests out of its log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record in place; it is still logged."""
        error = record.exc_info[0] if record.exc_info else None
        name = f" ({error.__name__})" if error is not None else ""
        record.msg, record.args = f"{str(record.msg).split('%')[0].split(chr(10))[0].strip()}{name}", ()
        record.exc_info = record.exc_text = None
        return True


def start_logging(level: str, *, json_lines: bool) -> None:
    """Send every log record to standard error in one form."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if json_lines else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(WithoutRequests())
