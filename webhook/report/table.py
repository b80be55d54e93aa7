"""`table`: what a person reads, in colours where it is read on a terminal."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from webhook.model import Mode
from webhook.report.header import Header
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Outcome
from webhook.report.tally import Tally
from webhook.text import printable

_RESET: Final = "\x1b[0m"
_RED, _GREEN, _YELLOW, _BLUE, _FAINT = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"
_VERDICTS: Final = {ALLOW: (_GREEN, "allowed"), DENY: (_RED, "refused")}
_MODES: Final = {Mode.ENFORCE: _RED, Mode.WARN: _YELLOW, Mode.AUDIT: _BLUE}


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield a line for each outcome that was judged, one for each finding, and a summary."""
    del header
    for outcome in outcomes:
        if outcome.verdict in _VERDICTS:
            yield from (f"{line}\n" for line in _lines(outcome))
    yield f"{_summary(tally)}\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    file = printable(outcome.origin.file)
    where = f"{file}:{outcome.origin.line}: " if outcome.origin.line else f"{file}: " if file else ""
    colour, verdict = _VERDICTS[outcome.verdict]
    was = f" (was {_VERDICTS[outcome.before][1]})" if outcome.before in _VERDICTS.keys() - {outcome.verdict} else ""
    exempt = f" (exempt: {outcome.exemption.name})" if outcome.exemption else ""
    yield f"{where}{outcome.title}: {colour}{verdict}{_RESET}{was}{exempt}"
    for mode, tint in _MODES.items():
        for finding, line in outcome.located():
            if finding.mode is mode:
                at = f"{file}:{line}: " if line else ""
                yield f"  {tint}{mode}{_RESET}: {at}{finding}"
    for operation in outcome.patch:
        yield f"  {_FAINT}sets {printable(operation.path)} to {json.dumps(operation.value)}{_RESET}"


def _summary(tally: Tally) -> str:
    allowed, denied = tally.verdicts[ALLOW], tally.verdicts[DENY]
    counts = ", ".join(f"{tally.modes[str(mode)]} {mode}" for mode in _MODES)
    parts = [f"{allowed + denied} judged: {allowed} allowed, {denied} refused", f"findings: {counts}"]
    if skipped := tally.verdicts[SKIP]:
        parts.append(f"passed over: {skipped}")
    if errors := tally.verdicts[ERROR]:
        parts.append(f"{_RED}unusable: {errors}{_RESET}")
    return "; ".join(parts)
