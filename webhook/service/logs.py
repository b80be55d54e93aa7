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
    """Writes a line with one call, and drops it where its reader does not take it: logging never holds up a review."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; those that were dropped are counted, and told of when the stream takes lines again."""
        try:
            if self._dropped and self._put(self.format(self._loss())):
                self._dropped = 0
            if not self._put(self.format(record)):
                self._dropped += 1
        except Exception:  # noqa: BLE001 - as in every handler of logging's own
            self.handleError(record)

    def _loss(self) -> logging.LogRecord:
        sentence = "log lines were dropped, for the stream did not take them"
        values = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": sentence}
        return logging.makeLogRecord({**values, "dropped": self._dropped})

    def _put(self, line: str) -> bool:
        """Write one line; whether the stream took it."""
        try:
            return self._write(f"{line}\n")
        except (OSError, ValueError):  # nobody reads it; it is closed
            return False

    def _write(self, text: str) -> bool:
        try:
            descriptor = self._stream.fileno()
        except io.UnsupportedOperation:  # it is in memory
            self._stream.write(text)
            self._stream.flush()
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(0 if self._dropped else _PATIENCE_MILLISECONDS):
            return False
        return os.write(descriptor, text.encode()) > 0


def configure(level: str = "info", stream: TextIO | None = None, form: str = JSON) -> None:
    """Send every log, and Python's warnings, to one stream.

    Args:
        level: the least severity: debug, info, warning or error.
        stream: where to; standard error if None, and nowhere if that is closed.
        form: one of LOG_FORMATS; auto is text on a terminal, otherwise JSON.

    Raises:
        ValueError: `level` is no level.
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
    """Formats a log record as a line that a person reads: time, severity, message and fields."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._json, self._colour = Formatter(), colour

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline, and a stack trace below it; whatever was logged, this does not raise."""
        line: dict[str, Any] = json.loads(self._json.format(record))  # cut and made printable already
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
    """Return a field's value; quoted if it is not one word."""
    plain = isinstance(value, str) and value != "" and not set(value) & set(' "=')
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
