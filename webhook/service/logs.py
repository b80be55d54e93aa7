"""Operational logs on standard error, as JSON or as text for a terminal."""

import json
import logging
import math
import os
import select
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TextIO

from webhook.settings import LOG_FORMATS
from webhook.text import printable

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
        poll = select.poll()
        try:
            poll.register(self._stream, select.POLLOUT)
            ready = poll.poll(0 if self._dropped else _PATIENCE_MILLISECONDS)
            return bool(ready) and os.write(self._stream.fileno(), f"{line}\n".encode()) > 0
        except (OSError, ValueError):  # it has no reader, or is closed
            return False


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
_COL_OURS: Final = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


class TextFormatter(logging.Formatter):
    """Formats a log record for people: time, severity, message and fields."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._json, self._colour = Formatter(), colour

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline, followed by a stack trace; never raise, whatever was logged."""
        line: dict[str, Any] = json.loads(self._json.format(record))  # already bounded and printable
        exception = line.pop("exception", None)
        fields = " ".join(f"{name}={_shown(value)}" for name, value in line.items() if name not in _OURS | {"message"})
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        parts = (
            self._tinted(time, _FAINT),
            self._tinted(f"{line['severity']:7}", _COL_OURS.get(line["severity"], "")),
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


# The longest line that concurrent writers can write to a pipe without interleaving (POSIX, PIPE_BUF on Linux).
_LONGEST_LINE: Final = 4_096
# Bytes of JSON; together they leave room for the fixed fields and the end of a stack trace.
_LONGEST_MESSAGE: Final = 1_000
_LONGEST_FIELDS: Final = 1_400
_LONGEST_ERROR: Final = 500
_LONGEST_NAME: Final = 100
_DEEPEST: Final = 4
_WIDEST: Final = 50
_LARGEST_INTEGER: Final = 2**63
_WIDEST_CHARACTER: Final = 12  # bytes of JSON: two escaped surrogates
_ELLIPSIS: Final = "…"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS: Final = frozenset(  # logging itself reserves `message`
    {"timestamp", "severity", "logger", "service.name", "process.pid", "cut", "exception"}
)


class Formatter(logging.Formatter):
    """Formats a log record as ASCII JSON, short enough for an atomic write to a pipe."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline; never raise, whatever was logged."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "severity": _head(_text(record.levelname), _LONGEST_NAME),
            "logger": _head(_text(record.name), _LONGEST_NAME),
            "message": _head(_message(record), _LONGEST_MESSAGE),
            "service.name": "istag-webhook",
            "process.pid": os.getpid(),
            **_extra(record),
        }
        if record.exc_info and record.exc_info[0]:
            kind, error, _ = record.exc_info
            summary = {"type": _head(kind.__name__, _LONGEST_NAME), "message": _head(_text(error), _LONGEST_ERROR)}
            line["exception"] = {**summary, "stacktrace": ""}
            left = _LONGEST_LINE - len(json.dumps(line)) - len("\n") - 1
            line["exception"] = {**summary, "stacktrace": _tail(self._trace(record.exc_info), left)}
        return json.dumps(line)

    def _trace(self, info: Any) -> str:
        try:
            trace = self.formatException(info)
        except Exception as error:  # noqa: BLE001 - an error that cannot be formatted must still be logged
            return f"<{type(error).__name__} while its traceback was formatted>"
        return "\n".join(map(printable, trace[-2 * _LONGEST_LINE :].split("\n")))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong log call must not lose its line
        return f"{_text(record.msg)} % {_text(record.args)}: {_text(error)}"


def _text(value: object) -> str:
    """Return `value` as text, by the first conversion that does not raise."""
    for way in (str, repr):
        try:
            return way(value)
        except Exception:  # noqa: BLE001, S112 - the fallback follows
            continue
    return f"<{type(value).__name__} without text>"


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of `extra`, the uid first; `cut` marks omitted fields."""
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    found: dict[str, Any] = {}
    left = _LONGEST_FIELDS
    for name, value in sorted(fields.items(), key=lambda item: item[0] != "uid"):
        key = _head(_text(name), _LONGEST_NAME)
        key = f"extra.{key}" if key in _OURS else key
        left -= len(json.dumps({key: ""}))
        if left < _LONGEST_NAME:
            found["cut"] = True
            break
        plain = _safely(value)
        size = len(json.dumps(plain))
        if size > left:
            plain = _head(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False), left - len('""'))
            size = len(json.dumps(plain))
        found[key] = plain
        left -= size
    return found


def _safely(value: Any) -> Any:
    try:
        return _plain(value)
    except Exception:  # noqa: BLE001 - the collection cannot be iterated
        return _head(_text(value), _LONGEST_FIELDS)


def _plain(value: Any, depth: int = 0) -> Any:
    """Return `value` if JSON can represent it, else its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_INTEGER:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):  # JSON has no other floats
        return float(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            _head(_text(key), _LONGEST_NAME): _plain(each, depth + 1) for key, each in islice(value.items(), _WIDEST)
        }
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        more = [f"{_ELLIPSIS} {len(value) - _WIDEST} more"] if len(value) > _WIDEST else []
        return [*(_plain(each, depth + 1) for each in value[:_WIDEST]), *more]
    return _head(_text(value), _LONGEST_FIELDS)


def _head(text: str, size: int) -> str:
    """Return `text` printable, truncated at the end to at most `size` bytes of JSON."""
    # Beyond twice the size nothing is shown, because a credential could be cut off from its "@".
    shown = printable(text[: 2 * size])
    return _fit(shown, size) if len(text) <= 2 * size else _fit(shown + _ELLIPSIS, size)


def _tail(text: str, size: int) -> str:
    """Return `text`, truncated at the beginning to at most `size` bytes of JSON."""
    return _fit(text[::-1], size)[::-1]


def _fit(text: str, size: int) -> str:
    if _size(text) <= size:
        return text
    kept, room = text[:size], size - _size(_ELLIPSIS)
    while kept and (over := _size(kept) - room) > 0:
        kept = kept[: -(over // _WIDEST_CHARACTER + 1)]
    return kept + _ELLIPSIS


def _size(text: str) -> int:
    """Return the number of bytes of `text` in JSON, without its quotes."""
    return len(json.dumps(text)) - len('""')
