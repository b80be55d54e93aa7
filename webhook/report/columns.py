"""`table` on a terminal: a row for each finding, in aligned columns."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from textwrap import wrap
from typing import Final

from webhook.documents.document import Mark
from webhook.model.decision import Mode
from webhook.report.outcome import ALLOW, DENY, Outcome
from webhook.text import escaped, printable

RESET: Final = "\x1b[0m"
RED, GREEN, YELLOW, BLUE, FAINT = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"
_HEAD: Final = ("VERDICT", "MODE", "TAG", "RULE", "PLACE")
_MESSAGE: Final = "MESSAGE"
_GAP: Final = "  "
_MEASURED: Final = 500  # rows whose widths are those of the columns; more are not held
_WIDEST: Final = 80  # characters of a column that is measured; a longer value moves what follows
_LEAST: Final = 30  # characters for the message; if there are fewer, it is put on a line of its own
_INDENT: Final = "    "
_TINTED: Final = 2  # columns that have a colour: verdict and mode
_COLOURS: Final = {
    "allowed": GREEN, "denied": RED, "exempt": BLUE,
    str(Mode.ENFORCE): RED, str(Mode.WARN): YELLOW, str(Mode.AUDIT): BLUE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """A row: what is in the columns of `_HEAD`, and the message."""

    cells: tuple[str, ...]
    message: str


def columns(outcomes: Iterable[Outcome], width: int) -> Iterator[str]:
    """Yield the lines of a table for a terminal that is `width` characters wide.

    The first rows are held, to measure them; the others are written as they come.
    """
    rows = (row for outcome in outcomes for row in _rows(outcome))
    first = list(islice(rows, _MEASURED))
    if not first:
        return
    widths = [
        max(min(len(cell), _WIDEST) for cell in column) if any(column[1:]) else 0
        for column in zip(_HEAD, *(row.cells for row in first), strict=True)
    ]
    used = sum(each + len(_GAP) for each in widths if each)
    room = width - used if width - used >= _LEAST else 0
    head = f"{_joined(_HEAD, widths)}{_MESSAGE if room else ''}"
    yield f"{FAINT}{head.rstrip()}{RESET}"
    for row in chain(first, rows):
        yield from _lines(row, widths, room, width)


def _rows(outcome: Outcome) -> Iterator[_Row]:
    """Yield a row for each finding by severity, and for each field that the defaults set; one if there is neither."""
    verdict = "exempt" if outcome.exemption else {ALLOW: "allowed", DENY: "denied"}[outcome.verdict]
    exempt = f" (exempt: {outcome.exemption.name})" if outcome.exemption else ""
    order = list(_COLOURS)
    found = sorted(outcome.subjects(), key=lambda each: order.index(str(each[0].mode)))
    for finding, mark, subject in found:
        message = f"{finding.field}: {finding.message}{exempt}"
        yield _row(verdict, str(finding.mode), subject, finding.rule, _place(outcome, mark), message=message)
    start = _place(outcome, outcome.origin.mark)
    for operation in outcome.patch:
        message = f"sets {printable(operation.path)} to {json.dumps(operation.value)}"
        yield _row(verdict, "default", outcome.title, "", start, message=message)
    if not found and not outcome.patch:
        yield _row(verdict, "", outcome.title, "", start, message=exempt.strip())


def _row(*cells: str, message: str) -> _Row:
    return _Row(tuple(map(escaped, cells)), escaped(message))


def _place(outcome: Outcome, mark: Mark) -> str:
    return ":".join(str(part) for part in (outcome.origin.file, mark if mark.line else "") if part)


def _joined(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "".join(f"{cell:{width}}{_GAP}" for cell, width in zip(cells, widths, strict=True) if width)


def _tinted(text: str, word: str) -> str:
    """Return `text` in the colour of a verdict or a mode."""
    return f"{_COLOURS[word]}{text}{RESET}" if word in _COLOURS else text


def _lines(row: _Row, widths: list[int], room: int, width: int) -> Iterator[str]:
    """Yield the lines of a row: its message is wrapped in its own column, or below if there is no room for that."""
    start = _joined(row.cells, widths)
    painted = "".join(
        f"{_tinted(f'{cell:{each}}', cell if index < _TINTED else '')}{_GAP}"
        for index, (cell, each) in enumerate(zip(row.cells, widths, strict=True))
        if each
    )
    if not room or len(start) > width - _LEAST:
        yield painted.rstrip()
        yield from (
            f"{_INDENT}{line}" for line in wrap(row.message, max(width - len(_INDENT), _LEAST), break_on_hyphens=False)
        )
        return
    message = wrap(row.message, width - len(start), break_on_hyphens=False)
    for lead, line in zip_longest((painted,), message, fillvalue=""):
        yield f"{lead or ' ' * len(start)}{line}".rstrip()
