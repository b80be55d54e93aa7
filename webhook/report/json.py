"""`json`: one document, one outcome per line, written and read as a stream; `yaml`: the same for people.

The parts of a divided report are merged in the order of the whole report.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Any, Final

import orjson

from webhook.documents.yaml import dump
from webhook.errors import Fault, ReportError
from webhook.report.header import Header
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

API_VERSION: Final = "istag-webhook/v1"
KIND: Final = "Report"
_FEW: Final = 10
_SAME: Final = ("command", "policy", "digest", "version")


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document: the header, a line for each outcome, the summary."""
    head = _dumped({"apiVersion": API_VERSION, "kind": KIND, **header.as_json()})
    yield f'{head[:-1]},"outcomes":['
    separator = "\n"
    for outcome in outcomes:
        yield f"{separator}{_dumped(outcome.as_json())}"
        separator = ",\n"
    yield f'\n],"summary":{_dumped(tally.as_json())}}}\n'


def write_yaml(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document in YAML: the header, an item for each outcome, the summary."""
    yield dump({"apiVersion": API_VERSION, "kind": KIND, **header.as_json()})
    yield "outcomes:"
    empty = True
    for outcome in outcomes:
        item = textwrap.indent(dump(outcome.as_json()), "  ")
        yield f"{chr(10) if empty else ''}- {item[2:]}"
        empty = False
    yield " []\n" if empty else ""
    yield dump({"summary": tally.as_json()})


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def read(where: str, lines: Iterable[bytes], tally: Tally) -> tuple[Header, Iterator[Outcome]]:
    """Read the output of `write`, as a stream.

    Args:
        where: the file's name, for errors.
        lines: the file's lines.
        tally: the summary is added to it, after the last outcome.

    Raises:
        ReportError: at once for an invalid header; during the iteration for an invalid outcome or a missing summary.
    """
    rest = iter(lines)
    first = next(rest, b"").rstrip(b"\r\n")
    head = _loaded(where, 1, first.removesuffix(b'"outcomes":[') + b'"outcomes":[]}' if first else b"")
    try:
        if (head["apiVersion"], head["kind"]) != (API_VERSION, KIND):
            raise _refused(where, 1)
        return Header.of_json(head), _outcomes(where, rest, tally)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _refused(where, 1) from None


def _outcomes(where: str, lines: Iterator[bytes], tally: Tally) -> Iterator[Outcome]:
    number = 1
    for number, line in enumerate(lines, 2):
        try:
            if line.startswith(b"]"):
                tally.add(Tally.of_json(_loaded(where, number, b'{"outcomes":[' + line)["summary"]))
                return
            yield Outcome.of_json(_loaded(where, number, line.rstrip(b"\r\n").removesuffix(b",")))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _refused(where, number) from None
    raise ReportError((Fault(f"{where}:{number}", "", "the report is incomplete: it ends before its summary"),))


def _loaded(where: str, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _refused(where, number) from None


def _refused(where: str, number: int) -> ReportError:
    return ReportError((Fault(f"{where}:{number}", "", "expected the output of --format json"),))


def merged(reports: Sequence[tuple[str, Iterable[bytes]]], tally: Tally) -> tuple[Header, Iterator[Outcome]]:
    """Return the header and the outcomes of the whole report from its parts.

    Args:
        reports: the names and lines of outputs of the format `json`.
        tally: the counts of the parts are added to it, after the last outcome.

    Raises:
        ReportError: they are not the parts of one report; during the iteration, as in `read`.
    """
    parts = [(name, *read(name, lines, tally)) for name, lines in reports]
    heads = [(name, head) for name, head, _ in parts]
    faults = [*_other(heads), *_incomplete(heads)]
    if faults:
        raise ReportError(tuple(faults))
    whole = replace(heads[0][1], time=max(head.time for _, head in heads), shard="")
    return whole, merge(*(outcomes for _, _, outcomes in parts), key=_place)


def _place(outcome: Outcome) -> tuple[str, int, str]:
    """Return the sort key of an outcome in the whole: file and line, or the object in the order of the API."""
    return outcome.origin.file, outcome.origin.line, f"{outcome.namespace}/{outcome.name}"


def _other(heads: Sequence[tuple[str, Header]]) -> Iterator[Fault]:
    """Yield an error for each report of another kind than the first."""
    first, expected = heads[0]
    for name, head in heads[1:]:
        for field in _SAME:
            wanted, found = getattr(expected, field), getattr(head, field)
            if found != wanted:
                yield Fault(name, field, f'expected "{wanted}" as in {first}, got "{found}"')


def _incomplete(heads: Sequence[tuple[str, Header]]) -> Iterator[Fault]:
    """Yield an error for each duplicate or missing part; a whole report is not a part."""
    seen: dict[str, str] = {}
    for name, head in heads:
        if head.shard in seen and head.shard:
            yield Fault(name, "shard", f"duplicate part {head.shard}, also in {seen[head.shard]}")
        seen.setdefault(head.shard, name)
    counts = {shard.partition("/")[2] for shard in seen}
    if len(counts) > 1:
        found = ", ".join(f"{name} ({shard or 'whole'})" for shard, name in seen.items())
        yield Fault(heads[0][0], "shard", f"expected the parts of one report, got {found}")
        return
    for count in filter(None, counts):
        missing = int(count) - len(seen)
        if missing:
            parts = (f"{number}/{count}" for number in range(1, int(count) + 1))
            found = ", ".join(islice((part for part in parts if part not in seen), _FEW))
            more = f" and {missing - _FEW:,} more are" if missing > _FEW else " is"
            yield Fault(heads[0][0], "shard", f"expected all parts, but {found}{more} missing")
