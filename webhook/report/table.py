"""`table`: for people, in columns and colours on a terminal, otherwise one line per outcome and finding."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from textwrap import wrap
from typing import Final

from webhook.documents.document import Mark
from webhook.model.decision import Mode
from webhook.report.header import Header
from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP, Outcome
from webhook.report.tally import Groups, Tally
from webhook.text import escaped, more, printable

RESET: Final = "\x1b[0m"
RED, GREEN, YELLOW, BLUE, FAINT = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"
_COLUMNS: Final = ("VERDICT", "MODE", "TAG", "RULE", "PLACE")
_MESSAGE: Final = "MESSAGE"
_GAP: Final = "  "
_MEASURED: Final = 500  # rows that determine the widths of the columns; further rows are not kept
_WIDEST: Final = 80  # characters of a measured column; a longer value shifts the next columns
_LEAST: Final = 30  # characters for the message; if there are fewer, it has its own line
_INDENT: Final = "    "
_TINTED: Final = 2  # coloured columns: verdict and mode
_COLOURS: Final = {
    "allowed": GREEN, "denied": RED, "exempt": BLUE,
    str(Mode.ENFORCE): RED, str(Mode.WARN): YELLOW, str(Mode.AUDIT): BLUE,
}  # fmt: skip
_VERDICTS: Final = {ALLOW: (GREEN, "allowed"), DENY: (RED, "denied")}
_CHANGES: Final = {
    NEWLY_DENIED: (RED, "newly denied"),
    NEWLY_ALLOWED: (GREEN, "newly allowed"),
    NEWLY_COMPLETED: (BLUE, "mutated differently"),
}
_MOST_CHANGES: Final = 20
_MOST_NAMES: Final = 10
_HEAD: Final = "by namespace"
_MODES: Final = {Mode.ENFORCE: RED, Mode.WARN: YELLOW, Mode.AUDIT: BLUE}


def write(
    header: Header, outcomes: Iterable[Outcome], tally: Tally, *, width: int = 0, verbose: bool = False
) -> Iterator[str]:
    """Yield a line for each evaluated outcome, one for each finding, and a summary.

    A comparison can be long, so its summary comes first, and then the first few changes. A validated policy has a line
    for each warning.

    Args:
        header: the report's header.
        outcomes: the outcomes.
        tally: the summary.
        width: characters of a line of the terminal, 0 if the output is not a terminal.
        verbose: whether allowed outcomes without findings are listed too.
    """
    if header.compares:
        yield from (f"{line}\n" for line in _comparison(header, outcomes, tally))
        return
    if header.validates:
        for outcome in outcomes:
            yield from (f"{line}\n" for line in _validated(outcome))
        return
    listed = (each for each in outcomes if each.verdict in _VERDICTS and (verbose or _has_more(each)))
    lines = columns(listed, width) if width else chain.from_iterable(map(_lines, listed))
    yield from (f"{line}\n" for line in lines)
    yield f"{_summary(tally)}\n"


def _has_more(outcome: Outcome) -> bool:
    """Whether `outcome` has more to report than that it is allowed."""
    return bool(outcome.findings or outcome.exemption or outcome.verdict == DENY or outcome.change)


def _lines(outcome: Outcome, *, places: bool = True) -> Iterator[str]:
    """Yield the lines of `outcome`, with the place of each finding if the places differ."""
    file = printable(outcome.origin.file)
    where = f"{file}:{outcome.origin.line}: " if outcome.origin.line else f"{file}: " if file else ""
    colour, verdict = _VERDICTS[outcome.verdict]
    was = f" (was {_VERDICTS[outcome.before][1]})" if outcome.before in _VERDICTS.keys() - {outcome.verdict} else ""
    exempt = f" (exempt: {outcome.exemption.name})" if outcome.exemption else ""
    yield f"{where}{outcome.title}: {colour}{verdict}{RESET}{was}{exempt}"
    for mode, tint in _MODES.items():
        for finding, mark in outcome.located():
            if finding.mode is mode:
                at = f"{file}:{mark}: " if mark.line and places else ""
                yield f"  {tint}{mode}{RESET}: {at}{finding}"
    for finding in outcome.deciding if outcome.change == NEWLY_ALLOWED else ():
        yield f"  {FAINT}before: {finding.mode}: {finding}{RESET}"
    for when, patch in (("", outcome.patch), ("before: ", outcome.patch_before)):
        for operation in patch:
            yield f"  {FAINT}{when}sets {printable(operation.path)} to {json.dumps(operation.value)}{RESET}"


def _validated(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each warning about a policy."""
    for finding, mark in outcome.located():
        yield f"{printable(outcome.origin.file)}:{mark}: {_MODES[finding.mode]}warning{RESET}: {finding}"


def _comparison(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    first: list[Outcome] = []
    more = 0
    for outcome in outcomes:
        if len(first) < _MOST_CHANGES:
            first.append(outcome)
        else:
            more += 1
    changes = ", ".join(
        f"{colour}{tally.changes[change]:,} {label}{RESET}" for change, (colour, label) in _CHANGES.items()
    )
    yield f"{tally.evaluated:,} evaluated by {header.policy}@{header.digest[:19]}: {changes}"
    for title, groups in (("rule", tally.reasons), ("namespace", tally.namespaces), ("user", tally.users)):
        yield from _group(title, groups)
    if first:
        yield ""
    for outcome in first:
        yield from _lines(outcome, places=False)
    if more:
        yield f"and {more:,} more; --format json or html lists all"


def _group(title: str, groups: Groups) -> Iterator[str]:
    """Yield the groups with the most changes, and their counts."""
    changed = {name: [counts[change] for change in _CHANGES] for name, counts in groups.items()}
    ranked = sorted((name for name in changed if any(changed[name])), key=lambda name: (-sum(changed[name]), name))
    if not ranked:
        return
    shown = ranked[:_MOST_NAMES]
    width = max(map(len, (*shown, _HEAD)))
    yield ""
    yield f"{FAINT}{f'by {title}':{width}}  " + "  ".join(f"{label}" for _, label in _CHANGES.values()) + RESET
    for name in shown:
        counts = (f"{count:>{len(label)},}" for count, (_, label) in zip(changed[name], _CHANGES.values(), strict=True))
        yield f"{name:{width}}  " + "  ".join(counts)
    if len(ranked) > len(shown):
        yield f"and {len(ranked) - len(shown):,} more"


def _reasons(tally: Tally) -> str:
    """Return how many were skipped for each of the most frequent reasons."""
    ranked = sorted(tally.not_evaluated.items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{why}: {count:,}" for why, count in ranked[:_MOST_NAMES]]
    if len(ranked) > len(shown):
        shown.append(more(sum(count for _, count in ranked[len(shown) :])))
    return f" ({'; '.join(shown)})" if shown else ""


def _summary(tally: Tally) -> str:
    allowed, denied = tally.verdicts[ALLOW], tally.verdicts[DENY]
    counts = ", ".join(f"{tally.modes[str(mode)]} {mode}" for mode in _MODES)
    parts = [f"{allowed + denied} evaluated: {allowed} allowed, {denied} denied", f"findings: {counts}"]
    if skipped := tally.verdicts[SKIP]:
        parts.append(f"skipped: {skipped}{_reasons(tally)}")
    if errors := tally.verdicts[ERROR]:
        parts.append(f"{RED}unusable: {errors}{RESET}")
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row: the cells of `_COLUMNS`, and the message."""

    cells: tuple[str, ...]
    message: str


def columns(outcomes: Iterable[Outcome], width: int) -> Iterator[str]:
    """Yield the lines of a table for a terminal that is `width` characters wide.

    The first rows are kept to measure them; the others are written as they arrive.
    """
    rows = (row for outcome in outcomes for row in _rows(outcome))
    first = list(islice(rows, _MEASURED))
    if not first:
        return
    widths = [
        max(min(len(cell), _WIDEST) for cell in column) if any(column[1:]) else 0
        for column in zip(_COLUMNS, *(row.cells for row in first), strict=True)
    ]
    used = sum(each + len(_GAP) for each in widths if each)
    room = width - used if width - used >= _LEAST else 0
    head = f"{_joined(_COLUMNS, widths)}{_MESSAGE if room else ''}"
    yield f"{FAINT}{head.rstrip()}{RESET}"
    for row in chain(first, rows):
        yield from _wrapped(row, widths, room, width)


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


def _wrapped(row: _Row, widths: list[int], room: int, width: int) -> Iterator[str]:
    """Yield the lines of a row; the message is wrapped in its own column, or below if there is no room."""
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
