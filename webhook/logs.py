"""Operational logs: one JSON object a line on standard error, with the review's uid where there is one."""

import json
import logging
import os
import select
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from webhook.text import printable

# A pipe keeps a line whole up to here (POSIX, PIPE_BUF on Linux), whoever else writes to it.
_LONGEST_LINE: Final = 4_096
_LONGEST_MESSAGE: Final = 1_200  # bytes of JSON, as all that follow
_LONGEST_FIELD: Final = 1_200
_LONGEST_FIELDS: Final = 1_400  # all that `extra` gave together
_LONGEST_NAME: Final = 100
_DEEPEST: Final = 4
_WIDEST: Final = 50
_LARGEST_INTEGER: Final = 2**63
_PATIENCE: Final = 100  # milliseconds that a line waits for its reader
_ELLIPSIS: Final = "…"
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_WRITTEN: Final = frozenset(
    {"timestamp", "severity", "logger", "message", "service.name", "process.pid", "exception", "dropped", "cut"}
)


class Formatter(logging.Formatter):
    """Formats a log record as JSON in ASCII that is shorter than a pipe tears."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline; whatever the record holds, this does not raise."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "severity": _cut(_text(record.levelname), _LONGEST_NAME),
            "logger": _cut(_text(record.name), _LONGEST_NAME),
            "message": _cut(_message(record), _LONGEST_MESSAGE),
            "service.name": "istag-webhook",
            "process.pid": os.getpid(),
            **_extra(record),
        }
        if record.exc_info and record.exc_info[0]:
            kind, error, _ = record.exc_info
            exception = {"type": _cut(kind.__name__, _LONGEST_NAME), "message": _cut(_text(error), _LONGEST_MESSAGE // 2)}
            line["exception"] = {**exception, "stacktrace": ""}
            left = _LONGEST_LINE - 2 - len(json.dumps(line))  # its newline, and one less than a pipe takes
            line["exception"] = {**exception, "stacktrace": _tail(self._trace(record), left)}
        return json.dumps(line)

    def _trace(self, record: logging.LogRecord) -> str:
        try:
            trace = self.formatException(record.exc_info)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - what cannot be told of an error must not hide that it was
            return f"<{type(error).__name__} while formatting the traceback>"
        return "\n".join(printable(each) for each in trace[-_LONGEST_LINE:].split("\n"))


class Handler(logging.StreamHandler[TextIO]):
    """Writes each line with one call, and drops it where its reader does not take it: to log never stops a review."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to `stream`, None where there is none."""
        super().__init__(stream)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; what the stream does not take is counted, and the next line says so."""
        try:
            if self._dropped:
                record.__dict__["dropped"] = self._dropped
        except Exception:
            self.handleError(record)
