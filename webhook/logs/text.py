"""A log record as a line of text, for a terminal."""

import json
import logging
from datetime import datetime
from typing import Any, Final

from webhook.logs.lines import OURS, Formatter

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
