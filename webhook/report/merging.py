"""The parts of a divided report are put together as a stream, in the order that the whole would have."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Final

from webhook.errors import Fault, ReportError
from webhook.report.header import Header
from webhook.report.json import read
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

_FEW: Final = 10
_SAME: Final = ("command", "policy", "digest", "version")


def merged(reports: Sequence[tuple[str, Iterable[bytes]]], tally: Tally) -> tuple[Header, Iterator[Outcome]]:
    """Return the head and the outcomes of the whole report whose parts are `reports`.

    Args:
        reports: the names and lines of what the format `json` wrote.
        tally: what the parts counted is added to it, once the outcomes are at their end.

    Raises:
        ReportError: they are not the parts of one report; while the outcomes are read, as `json.read` does.
    """
    parts = [(name, *read(name, lines, tally)) for name, lines in reports]
    heads = [(name, head) for name, head, _ in parts]
    faults = [*_other(heads), *_incomplete(heads)]
    if faults:
        raise ReportError(tuple(faults))
    whole = replace(heads[0][1], time=max(head.time for _, head in heads), shard="")
    return whole, merge(*(outcomes for _, _, outcomes in parts), key=_place)


def _place(outcome: Outcome) -> tuple[str, int, str]:
    """Return where an outcome stands in the whole: by file and line, of a cluster by object, as the API lists them."""
    return outcome.origin.file, outcome.origin.line, f"{outcome.namespace}/{outcome.name}"


def _other(heads: Sequence[tuple[str, Header]]) -> Iterator[Fault]:
    """Yield a fault for each report of something else than the first."""
    first, expected = heads[0]
    for name, head in heads[1:]:
        for field in _SAME:
            wanted, found = getattr(expected, field), getattr(head, field)
            if found != wanted:
                yield Fault(name, field, f'expected "{wanted}" as in {first}, got "{found}"')


def _incomplete(heads: Sequence[tuple[str, Header]]) -> Iterator[Fault]:
    """Yield a fault for each part that is there twice or not at all; reports that are whole are no parts."""
    seen: dict[str, str] = {}
    for name, head in heads:
        if head.shard in seen and head.shard:
            yield Fault(name, "shard", f"the part {head.shard} is in {seen[head.shard]} already")
        seen.setdefault(head.shard, name)
    counts = {shard.partition("/")[2] for shard in seen}
    if len(counts) > 1:
        said = ", ".join(f"{name} ({shard or 'whole'})" for shard, name in seen.items())
        yield Fault(heads[0][0], "shard", f"expected the parts of one report, got {said}")
        return
    for count in filter(None, counts):
        missing = int(count) - len(seen)
        if missing:
            parts = (f"{number}/{count}" for number in range(1, int(count) + 1))
            said = ", ".join(islice((part for part in parts if part not in seen), _FEW))
            more = f" and {missing - _FEW:,} more are" if missing > _FEW else " is"
            yield Fault(heads[0][0], "shard", f"expected all parts, but {said}{more} not there")
