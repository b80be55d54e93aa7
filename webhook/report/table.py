"""`table`: what a person reads, in columns and colours on a terminal, otherwise a line for each outcome and finding."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from webhook.model.decision import Mode
from webhook.report.columns import BLUE as _BLUE
from webhook.report.columns import FAINT as _FAINT
from webhook.report.columns import GREEN as _GREEN
from webhook.report.columns import RED as _RED
from webhook.report.columns import RESET as _RESET
from webhook.report.columns import YELLOW as _YELLOW
from webhook.report.columns import columns
from webhook.report.header import Header
from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP, Outcome
from webhook.report.tally import Groups, Tally
from webhook.text import more, printable

_VERDICTS: Final = {ALLOW: (_GREEN, "allowed"), DENY: (_RED, "denied")}
_CHANGES: Final = {
    NEWLY_DENIED: (_RED, "newly denied"),
    NEWLY_ALLOWED: (_GREEN, "newly allowed"),
    NEWLY_COMPLETED: (_BLUE, "mutated differently"),
}
_MOST_CHANGES: Final = 20
_MOST_NAMES: Final = 10
_HEAD: Final = "by namespace"
_MODES: Final = {Mode.ENFORCE: _RED, Mode.WARN: _YELLOW, Mode.AUDIT: _BLUE}


def write(
    header: Header, outcomes: Iterable[Outcome], tally: Tally, *, width: int = 0, verbose: bool = False
) -> Iterator[str]:
    """Yield a line for each outcome that was evaluated, one for each finding, and a summary.

    Args:
        header: the report's head.
        outcomes: what is reported.
        tally: the summary.
        width: characters of a line of the terminal that it is written to, 0 if it is written to none.
        verbose: whether allowed outcomes without findings are listed too.

    A comparison is too much to read to its end: its summary comes first, and then the first few changes. A policy that
    is validated has a line for each warning.
    """
    if header.compares:
        yield from (f"{line}\n" for line in _comparison(header, outcomes, tally))
        return
    if header.validates:
        for outcome in outcomes:
            yield from (f"{line}\n" for line in _validated(outcome))
        return
    listed = (each for each in outcomes if each.verdict in _VERDICTS and (verbose or _tells(each)))
    lines = columns(listed, width) if width else chain.from_iterable(map(_lines, listed))
    yield from (f"{line}\n" for line in lines)
    yield f"{_summary(tally)}\n"


def _tells(outcome: Outcome) -> bool:
    """Whether there is something to say of `outcome` beside that it is allowed."""
    return bool(outcome.findings or outcome.exemption or outcome.verdict == DENY or outcome.change)


def _lines(outcome: Outcome, *, places: bool = True) -> Iterator[str]:
    """Yield what there is to say of `outcome`, with the place of each finding where these differ."""
    file = printable(outcome.origin.file)
    where = f"{file}:{outcome.origin.line}: " if outcome.origin.line else f"{file}: " if file else ""
    colour, verdict = _VERDICTS[outcome.verdict]
    was = f" (was {_VERDICTS[outcome.before][1]})" if outcome.before in _VERDICTS.keys() - {outcome.verdict} else ""
    exempt = f" (exempt: {outcome.exemption.name})" if outcome.exemption else ""
    yield f"{where}{outcome.title}: {colour}{verdict}{_RESET}{was}{exempt}"
    for mode, tint in _MODES.items():
        for finding, mark in outcome.located():
            if finding.mode is mode:
                at = f"{file}:{mark}: " if mark.line and places else ""
                yield f"  {tint}{mode}{_RESET}: {at}{finding}"
    for finding in outcome.deciding if outcome.change == NEWLY_ALLOWED else ():
        yield f"  {_FAINT}before: {finding.mode}: {finding}{_RESET}"
    for when, patch in (("", outcome.patch), ("before: ", outcome.patch_before)):
        for operation in patch:
            yield f"  {_FAINT}{when}sets {printable(operation.path)} to {json.dumps(operation.value)}{_RESET}"


def _validated(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each warning about a policy."""
    for finding, mark in outcome.located():
        yield f"{printable(outcome.origin.file)}:{mark}: {_MODES[finding.mode]}warning{_RESET}: {finding}"


def _comparison(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    first: list[Outcome] = []
    more = 0
    for outcome in outcomes:
        if len(first) < _MOST_CHANGES:
            first.append(outcome)
        else:
            more += 1
    changes = ", ".join(
        f"{colour}{tally.changes[change]:,} {said}{_RESET}" for change, (colour, said) in _CHANGES.items()
    )
    yield f"{tally.judged:,} evaluated by {header.policy}@{header.digest[:19]}: {changes}"
    for title, groups in (("rule", tally.reasons), ("namespace", tally.namespaces), ("user", tally.users)):
        yield from _group(title, groups)
    if first:
        yield ""
    for outcome in first:
        yield from _lines(outcome, places=False)
    if more:
        yield f"and {more:,} more; --format json lists all, html shows them"


def _group(title: str, groups: Groups) -> Iterator[str]:
    """Yield what changes in those of `groups` where most does."""
    changed = {name: [counts[change] for change in _CHANGES] for name, counts in groups.items()}
    ranked = sorted((name for name in changed if any(changed[name])), key=lambda name: (-sum(changed[name]), name))
    if not ranked:
        return
    shown = ranked[:_MOST_NAMES]
    width = max(map(len, (*shown, _HEAD)))
    yield ""
    yield f"{_FAINT}{f'by {title}':{width}}  " + "  ".join(f"{said}" for _, said in _CHANGES.values()) + _RESET
    for name in shown:
        counts = (f"{count:>{len(said)},}" for count, (_, said) in zip(changed[name], _CHANGES.values(), strict=True))
        yield f"{name:{width}}  " + "  ".join(counts)
    if len(ranked) > len(shown):
        yield f"and {len(ranked) - len(shown):,} more"


def _reasons(tally: Tally) -> str:
    """Return how many were skipped for each of the most frequent reasons."""
    ranked = sorted(tally.unjudged.items(), key=lambda each: (-each[1], each[0]))
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
        parts.append(f"{_RED}unusable: {errors}{_RESET}")
    return "; ".join(parts)
