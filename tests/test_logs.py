"""Operational logs: one line of JSON whatever is logged."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.logs import Formatter, configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that the root logger writes to, until the test ends."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = io.StringIO()
    configure("info", text)
    yield text
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def _one(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line(stream: io.StringIO) -> None:
    """A log line has its time, severity, logger, message, process and the review's uid."""
    logging.getLogger("webhook.app").warning("not a %s", "review", extra={"uid": "u-1"})
    found = _one(stream)
    assert found.pop("timestamp").endswith("Z")
    assert isinstance(found.pop("process.pid"), int)
    assert found == {
        "severity": "WARNING",
        "logger": "webhook.app",
        "message": "not a review",
        "uid": "u-1",
        "service.name": "istag-webhook",
    }


def test_an_exception(stream: io.StringIO) -> None:
    """An exception stands in the same line, its newlines escaped."""
    try:
        raise ValueError("bad\nvalue")
    except ValueError:
        logging.getLogger("x").exception("failed")
    found = _one(stream)["exception"]
    assert (found["type"], found["message"]) == ("ValueError", "bad\\x0avalue")
    assert "Traceback" in found["stacktrace"]


def test_levels(stream: io.StringIO) -> None:
    """What is below the level is not logged."""
    logging.getLogger("x").debug("quiet")
    assert stream.getvalue() == ""


def test_warnings_are_logged(stream: io.StringIO) -> None:
    """Python's warnings become lines too."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure("info", stream)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "old" in _one(stream)["message"]


class _Bad:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("message", "args", "extra"),
    [
        ("a\nb\u2028\x1b[0m", (), {}),
        ("%d", ("no number",), {}),
        ("%s", (_Bad(),), {}),
        ("x", (), {"value": _Bad(), "list": [1, object()], "faults": ["a\nb"]}),
        ("\ud800", (), {"uid": "\udfff"}),
        ("x" * 100_000, (), {"a": "y" * 100_000, "b": "z" * 9_000, "c": ["w" * 900] * 20}),
    ],
    ids=["control", "wrong-format", "no-string", "no-json", "surrogate", "long"],
)
def test_hostile(stream: io.StringIO, message: str, args: tuple[Any, ...], extra: dict[str, Any]) -> None:
    """Whatever is logged is one line of printable JSON, shorter than a pipe tears."""
    logging.getLogger("x").error(message, *args, extra=extra)
    line = stream.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert len(line) < 4_096
    assert _one(stream)["severity"] == "ERROR"


@given(st.text(), st.text())
def test_any_text(message: str, uid: str) -> None:
    """Any text makes one line of JSON."""
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "x", "uid": uid})
    line = Formatter().format(record)
    assert line.isprintable()
    assert json.loads(line)["severity"] == "INFO"
