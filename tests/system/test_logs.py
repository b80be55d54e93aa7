"""Operational logs: one line of JSON whatever is logged, and never a wait."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.serving import PATIENCE

from webhook.service.logs import Formatter, TextFormatter, configure

# Forks processes that share one standard error; argv: processes, lines of each.
_WORKERS = """
import logging, os, sys
from webhook.service.logs import configure
configure()
children = []
for worker in range(int(sys.argv[1])):
    child = os.fork()
    if not child:
        for number in range(int(sys.argv[2])):
            extra = {"worker": worker, "number": number, "fill": "x" * (number * 37 % 5000)}
            try:
                raise ValueError("y" * (number * 53 % 9000))
            except ValueError:
                logging.getLogger("worker").exception("failed", extra=extra)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
# Logs more than a pipe holds, says so, and logs once more when it is told to.
_TALKATIVE = """
import logging, sys
from webhook.service.logs import configure
configure()
log = logging.getLogger("x")
for number in range(200):
    log.info("z" * 900)
print("done", flush=True)
sys.stdin.readline()
log.info("last")
"""


@contextmanager
def _configured(level: str = "info", form: str = "json") -> Iterator[io.StringIO]:
    """Send the log to a file only; at the end, what is yielded holds the text."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    found = io.StringIO()
    with TemporaryFile("w+", encoding="utf-8") as stream:
        try:
            configure(level, stream, form)
            yield found
        finally:
            logging.captureWarnings(capture=False)
            root.handlers[:] = handlers
            root.setLevel(before)
            stream.seek(0)
            found.write(stream.read())


def _one(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return found


def test_a_line() -> None:
    """A log line has its time, severity, logger, message, process and the review's uid."""
    before = datetime.now(UTC)
    with _configured() as stream:
        logging.getLogger("webhook.app").warning("not a %s", "review", extra={"uid": "u-1", "n": 1})
    found = _one(stream)
    stamp = found.pop("timestamp")
    assert len(stamp) == len("2026-01-02T03:04:05.678Z")
    assert stamp.endswith("Z")
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(stamp) <= datetime.now(UTC)
    assert found == {
        "severity": "WARNING",
        "logger": "webhook.app",
        "message": "not a review",
        "uid": "u-1",
        "n": 1,
        "service.name": "istag-webhook",
        "process.pid": os.getpid(),
    }


def _fail(error: Exception) -> None:
    raise error


def test_an_exception() -> None:
    """An exception stands in the same line; its stack trace has lines, and its text has none."""
    with _configured() as stream:
        try:
            _fail(ValueError("bad\n\x1bvalue"))
        except ValueError:
            logging.getLogger("x").exception("failed")
    found = _one(stream)["exception"]
    assert (found["type"], found["message"]) == ("ValueError", r"bad\x0a\x1bvalue")
    assert found["stacktrace"].startswith("Traceback (most recent call last):\n")
    assert "in _fail" in found["stacktrace"]
    assert "\x1b" not in found["stacktrace"]


def _deep(depth: int) -> None:
    if depth:
        _deep(depth - 1)
    try:
        _fail(KeyError("first"))
    except KeyError as error:
        raise ValueError("é\u2028😀\x00" * 2_000) from error


class _Bad(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@pytest.mark.parametrize(
    "fail",
    [lambda: _deep(60), lambda: _fail(_Bad()), lambda: _fail(ExceptionGroup("g", [ValueError("x" * 5_000)] * 30))],
    ids=["long", "no-text", "group"],
)
def test_a_hostile_exception(fail: Callable[[], None]) -> None:
    """However long an exception is, and whether or not it has a text, the line is whole, with a part of its trace."""
    with _configured() as stream:
        try:
            fail()
        except Exception:
            logging.getLogger("l" * 900).exception("m" * 9_000, extra={"uid": "u" * 900, "a": "\U0001f600" * 9_000})
    found = _one(stream)
    assert len(stream.getvalue()) <= 4_096
    assert len(found["exception"]["stacktrace"]) > 200
    assert found["uid"].startswith("uuu")


def test_a_long_trace_keeps_its_end() -> None:
    """Of a long stack trace the end is kept, where the error is."""
    with _configured() as stream:
        try:
            _fail(ValueError("x" * 9_000 + "the end"))
        except ValueError:
            logging.getLogger("x").exception("failed")
    assert _one(stream)["exception"]["stacktrace"].endswith("xthe end")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("info", ["INFO", "WARNING", "ERROR"]),
        ("warning", ["WARNING", "ERROR"]),
        ("error", ["ERROR"]),
    ],
)
def test_levels(level: str, shown: list[str]) -> None:
    """Records below the level are not logged."""
    with _configured(level) as stream:
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger("x").log(number, "heard")
    assert [json.loads(line)["severity"] for line in stream.getvalue().splitlines()] == shown


def test_a_level_that_is_none() -> None:
    """An invalid level is rejected."""
    with pytest.raises(ValueError, match="LOUD"), _configured("loud"):
        pass


def test_configured_twice() -> None:
    """Configuring again replaces what was there: a line is written once, to the newest stream."""
    with _configured() as first, _configured() as second:
        logging.getLogger("x").info("once")
    assert first.getvalue() == ""
    assert _one(second)["message"] == "once"


def test_warnings_are_logged() -> None:
    """Python's warnings become lines too."""
    with warnings.catch_warnings(), _configured() as stream:
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    found = _one(stream)
    assert (found["severity"], found["logger"]) == ("WARNING", "py.warnings")
    assert "DeprecationWarning: old" in found["message"]


class _Untold:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class _Shy:
    def __str__(self) -> str:
        raise RuntimeError

    def __repr__(self) -> str:
        return "<shy>"


class _Unwalkable(Mapping[str, int]):
    def __getitem__(self, _key: str) -> int:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "<unwalkable>"


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("a\nb\r\x00", (), r"a\x0ab\x0d\x00"),
        ("\x1b[0m\x7f\x9b", (), r"\x1b[0m\x7f\x9b"),
        ("\u2028\u202e\u200b\ufeff", (), r"\u2028\u202e\u200b\ufeff"),
        ("\ud800 %s", ("\udfff",), r"\ud800 \udfff"),
        ('"\\{}', (), '"\\{}'),
        ("pull https://me:secret@quay.io", (), "pull https://…@quay.io"),
        ("😀é", (), "😀é"),
        ("%d", ("no number",), "%d % ('no number',): %d format: a real number is required, not str"),
        ("%s %s", (1,), "%s %s % (1,): not enough arguments for format string"),
        ("%s", (_Shy(),), "%s % (<shy>,): "),
        ("%s", (_Untold(),), "%s % <tuple without text>: "),
        (_Untold(), (), "<_Untold without text> % (): "),
        ("x" * 1_000, (), "x" * 1_000),
        ("x" * 1_001, (), "x" * 994 + "…"),
    ],
    ids=[
        "lines", "terminal", "invisible", "surrogate", "json", "credentials", "beyond-ascii", "wrong-type", "too-few",
        "no-str", "no-text", "no-message", "longest", "too-long",
    ],
)  # fmt: skip
def test_messages(message: Any, args: tuple[Any, ...], expected: str) -> None:
    """A message is printable, and one that cannot be formatted is shown with its arguments."""
    with _configured() as stream:
        logging.getLogger("x").error(message, *args)
    assert stream.getvalue().removesuffix("\n").isprintable()
    assert _one(stream)["message"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (10**5_000, "<int without text>"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (HTTPStatus.OK, 200),
        (b"\xff", r"b'\xff'"),
        (["a\nb", 1, {"k\n": None}], [r"a\x0ab", 1, {r"k\x0a": None}]),
        ((1, (2, (3, (4, (5,))))), [1, [2, [3, [4, "(5,)"]]]]),
        (list(range(52)), [*range(50), "… 2 more"]),
        (MappingProxyType({"a": 1, 2: "b"}), {"a": 1, "2": "b"}),
        (_Shy(), "<shy>"),
        (_Unwalkable(), "<unwalkable>"),
        ("y" * 5_000, "y" * 1_300),
        (["z" * 900] * 20, '["' + "z" * 900 + '", "' + "z" * 300),
    ],
    ids=[
        "null", "bool", "float", "integer", "large-integer", "huge-integer", "nan", "infinity", "enumeration", "bytes",
        "nested", "deep", "wide", "mapping", "object", "unwalkable", "long", "long-list",
    ],
)  # fmt: skip
def test_extra_fields(given: Any, expected: Any) -> None:
    """An extra field stays what JSON has, and is text otherwise; a long one is cut."""
    with _configured() as stream:
        logging.getLogger("x").info("m", extra={"field": given})
    found = _one(stream)["field"]
    if isinstance(found, str) and found.endswith("…"):
        assert found.startswith(expected)
    else:
        assert found == expected


def test_a_list_that_holds_itself() -> None:
    """A list that holds itself has an end."""
    endless: list[Any] = []
    endless.append(endless)
    with _configured() as stream:
        logging.getLogger("x").info("m", extra={"field": endless})
    assert _one(stream)["field"] == [[[["[[...]]"]]]]


def test_names_of_extra_fields() -> None:
    """An extra field does not take the place of one of ours, and may have any name."""
    extra: dict[Any, Any] = {"severity": "none", "timestamp": 0, "exception": 1, "_own": 2, 3: 3, "a\nb": 4}
    with _configured() as stream:
        logging.getLogger("x").info("m", extra=extra)
    found = _one(stream)
    assert found["severity"] == "INFO"
    given = {"extra.severity": "none", "extra.timestamp": 0, "extra.exception": 1, "_own": 2, "3": 3, r"a\x0ab": 4}
    assert {name: found[name] for name in given} == given


def test_many_extra_fields() -> None:
    """If there are too many extra fields, the uid remains, and the line is marked as cut."""
    with _configured() as stream:
        logging.getLogger("x").info("m", extra={f"f{n}": "v" * 90 for n in range(100)} | {"uid": "u-1"})
    found = _one(stream)
    assert (found["uid"], found["cut"], found["f0"]) == ("u-1", True, "v" * 90)
    assert len(stream.getvalue()) <= 4_096


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(st.text(), st.text(), st.text(), _VALUES)
@example(message="\u2028\ud800\x7f\x85", name="\n", uid="\udfff", value="\x1b")
def test_any_text(message: str, name: str, uid: str, value: Any) -> None:
    """Any text makes one line of JSON, printable and shorter than a pipe tears."""
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": name, "uid": uid, "field": value})
    line = Formatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 4_096
    assert json.loads(line, parse_constant=pytest.fail)["severity"] == "INFO"
    text = TextFormatter().format(record)
    assert text.isprintable()
    assert re.match("[0-9]{2}:[0-9]{2}:[0-9]{2} INFO    ", text)


def test_a_line_of_text() -> None:
    """A line of text has the time, the severity, the message, the fields and an exception's stack trace."""
    record = logging.makeLogRecord(
        {"msg": "a %s", "args": ("b",), "levelname": "WARNING", "uid": "u-1", "n": [1], "s": "x y"}
    )
    assert TextFormatter().format(record)[9:] == 'WARNING a b uid=u-1 n=[1] s="x y"'
    assert TextFormatter(colour=True).format(record).count("\x1b[0m") == 3
    with _configured(form="text") as stream:
        try:
            _fail(ValueError("bad\n\x1bvalue"))
        except ValueError:
            logging.getLogger("x").exception("failed")
    first, *trace = stream.getvalue().splitlines()
    assert first.endswith(" ERROR   failed")
    assert trace[0] == "Traceback (most recent call last):"
    assert "\x1b" not in stream.getvalue()


def test_lines_of_many_processes() -> None:
    """Lines of several processes on one pipe, as long as they come, are whole, and none is lost."""
    done = subprocess.run([sys.executable, "-c", _WORKERS, "4", "150"], stderr=subprocess.PIPE, check=True, timeout=120)
    lines = done.stderr.splitlines()
    assert max(map(len, lines)) < 4_096
    found = [(line["worker"], line["number"]) for line in map(json.loads, lines)]
    assert sorted(found) == [(worker, number) for worker in range(4) for number in range(150)]


def test_a_reader_that_sleeps() -> None:
    """If standard error has no reader, lines are dropped; when it is read again, their number is logged."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _TALKATIVE], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"done\n"  # though its pipe was full long ago
        os.set_blocking(process.stderr.fileno(), False)
        data = process.stderr.read()
        os.set_blocking(process.stderr.fileno(), True)
        process.stdin.write(b"\n")
        process.stdin.close()
        data += process.stderr.read()
        assert process.wait(timeout=PATIENCE) == 0
    lines = [json.loads(line) for line in data.splitlines()]
    *heard, loss, last = lines
    assert last["message"] == "last"
    assert loss["severity"] == "WARNING"
    assert len(heard) + loss["dropped"] == 200
    assert loss["dropped"] > 0


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>/dev/null"], ids=["closed", "full", "none"])
def test_standard_error_that_takes_nothing(redirection: str) -> None:
    """Logging does not fail if standard error is closed, or on a full disk."""
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, _TALKATIVE]
    done = subprocess.run(command, input=b"\n", stdout=subprocess.PIPE, check=True, timeout=60)
    assert done.stdout == b"done\n"


def test_a_reader_that_is_gone() -> None:
    """Logging does not fail if standard error has lost its reader."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _TALKATIVE], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout.readline() == b"done\n"
        process.stdin.close()
        assert process.wait(timeout=PATIENCE) == 0


def test_a_stream_that_is_closed() -> None:
    """A file that was closed is survived too, and nothing of the line goes elsewhere."""
    started = time.time()
    with _configured() as other, TemporaryFile("w+", encoding="utf-8") as stream:
        configure(stream=stream)
        stream.close()
        logging.getLogger("x").info("lost", extra={"started": started})
    assert other.getvalue() == ""
