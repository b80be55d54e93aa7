"""Operational logs on standard error, with the review's uid where there is one.

Each entry is a line of JSON, or of text on a terminal.
"""

import io
import logging
import os
import select
import sys
from typing import Final, TextIO

from webhook.logs.lines import Formatter
from webhook.logs.text import TextFormatter

AUTO, TEXT, JSON = "auto", "text", "json"
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
        form: `auto`, `text` or `json`; auto is text on a terminal, otherwise JSON.

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
