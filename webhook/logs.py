"""Operational logs: one JSON object a line on standard error, with the review's uid where there is one."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from webhook.text import cut, printable

# A pipe keeps a line whole up to here (POSIX, PIPE_BUF on Linux), whoever else writes to it.
_LONGEST_LINE: Final = 4_096
_LONGEST_TRACE: Final = 2_500
_LONGEST_TEXT: Final = 700
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Formatter(logging.Formatter):
    """Formats a log record as JSON that is shorter than a pipe tears."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; whatever the record holds, this does not raise."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "severity": record.levelname,
            "logger": record.name,
            "message": cut(printable(_message(record)), _LONGEST_TEXT),
            "service.name": "istag-webhook",
            "process.pid": os.getpid(),
        }
        for name, value in vars(record).items():
            if name not in _OWN and not name.startswith("_"):
                line[name] = _plain(value)
        if record.exc_info and record.exc_info[0]:
            kind, error, _ = record.exc_info
            trace = self.formatException(record.exc_info)
            line["exception"] = {
                "type": kind.__name__ if kind else "",
                "message": cut(printable(_text(error)), _LONGEST_TEXT),
                "stacktrace": trace[-_LONGEST_TRACE:],
            }
        encoded = json.dumps(line, default=_text)
        if len(encoded) >= _LONGEST_LINE:
            small = {name: line[name] for name in ("timestamp", "severity", "logger", "message", "service.name")}
            encoded = json.dumps({**small, "uid": _text(line.get("uid", ""))[:64], "cut": True}, default=_text)
        return encoded


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong log call must not lose the line
        return f"{record.msg!r} % {record.args!r}: {error}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - as in _message
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value[:20]]
    return cut(printable(_text(value)), _LONGEST_TEXT)


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log to `stream` (standard error) as JSON lines.

    Args:
        level: the least severity: debug, info, warning or error.
        stream: where to.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
