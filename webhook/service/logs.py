"""Operational logs on standard error, as JSON or as text for a terminal."""

import io
import json
import logging
import os
import select
import sys
from datetime import datetime
from typing import Any, Final, TextIO

from webhook.service.logformat import OURS, Formatter
from webhook.settings import LOG_FORMATS

AUTO, TEXT, JSON = LOG_FORMATS
_PATIENCE_MILLISECONDS: Final = 100


class Handler(logging.Handler):
    """Writes each line with one call, and drops it if the stream is not ready, so logging never delays a review."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; the number of dropped lines is logged when the stream is ready again."""
        try:
            if self._dropped and self._put(self.format(self._loss())):
                self._dropped = 0
            if not self._put(self.format(record)):
                self._dropped += 1
        except Exception:  # noqa: BLE001 - as in the handlers of the standard library
            self.handleError(record)

    def _loss(self) -> logging.LogRecord:
        sentence = "log lines were dropped because the stream was not ready"
        values = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": sentence}
        return logging.makeLogRecord({**values, "dropped": self._dropped})

    def _put(self, line: str) -> bool:
        """Write one line; return whether the stream accepted it."""
        try:
            return self._write(f"{line}\n")
        except (OSError, ValueError):  # it has no reader, or is closed
            return False

    def _write(self, text: str) -> bool:
        try:
            descriptor = self._stream.fileno()
        except io.UnsupportedOperation:  # an in-memory stream
            self._stream.write(text)
            self._stream.flush()
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(0 if self._dropped else _PATIENCE_MILLISECONDS):
            return False
        return os.write(descriptor, text.encode()) > 0


def configure(level: str = "info", stream: TextIO | None = None, form: str = JSON) -> None:
    """Send all logs and Python's warnings to one stream.

    Args:
        level: the lowest severity to log: debug, info, warning or error.
        stream: the stream; None is standard error, or no stream if that is closed.
        form: one of LOG_FORMATS; auto is text on a terminal, JSON otherwise.

    Raises:
        ValueError: `level` is not a level.
    """
    found: TextIO | None = stream or sys.stderr
    handler = logging.NullHandler() if found is None else Handler(found)
    terminal = found is not None and not found.closed and found.isatty()
    text = form == TEXT or (form == AUTO and terminal)
    colour = terminal and not os.environ.get("NO_COLOR")
    handler.setFormatter(TextFormatter(colour=colour) if text else Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


_RESET: Final = "\x1b[0m"
_FAINT: Final = "\x1b[2m"
_COLOURS: Final = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


class TextFormatter(logging.Formatter):
    """Formats a log record for people: time, severity, message and fields."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._json, self._colour = Formatter(), colour

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline, followed by a stack trace; never raise, whatever was logged."""
        line: dict[str, Any] = json.loads(self._json.format(record))  # already bounded and printable
        exception = line.pop("exception", None)
        fields = " ".join(f"{name}={_shown(value)}" for name, value in line.items() if name not in OURS | {"message"})
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        parts = (
            self._tinted(time, _FAINT),
            self._tinted(f"{line['severity']:7}", _COLOURS.get(line["severity"], "")),
            line["message"],
            self._tinted(fields, _FAINT),
        )
        text = " ".join(part for part in parts if part)
        return f"{text}\n{exception['stacktrace']}" if exception else text

    def _tinted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if text and colour and self._colour else text


def _shown(value: Any) -> str:
    """Return the value of a field, quoted unless it is one word."""
    plain = isinstance(value, str) and value != "" and not set(value) & set(' "=')
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
