"""`json`: one JSON document, one outcome a line, so that it is written and read again as a stream."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from webhook.errors import Fault, ReportError
from webhook.report.header import Header
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

API_VERSION: Final = "istag-webhook/v1"
KIND: Final = "Report"


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document: the head, a line for each outcome, the summary."""
    head = _dumped({"apiVersion": API_VERSION, "kind": KIND, **header.as_json()})
    yield f'{head[:-1]},"outcomes":['
    separator = "\n"
    for outcome in outcomes:
        yield f"{separator}{_dumped(outcome.as_json())}"
        separator = ",\n"
    yield f'\n],"summary":{_dumped(tally.as_json())}}}\n'


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def read(where: str, lines: Iterable[bytes], tally: Tally) -> tuple[Header, Iterator[Outcome]]:
    """Read what `write` wrote, as a stream.

    Args:
        where: the file's name, for the faults.
        lines: the file's lines.
        tally: what the summary is added to, once the outcomes are at their end.

    Raises:
        ReportError: at once where the head is another; while the outcomes are read where one cannot be, or where
            the report ends before its summary.
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
    raise ReportError((Fault(f"{where}:{number}", "", "the report ends before its summary: it was cut off"),))


def _loaded(where: str, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _refused(where, number) from None


def _refused(where: str, number: int) -> ReportError:
    return ReportError((Fault(f"{where}:{number}", "", "expected a report as --format json writes it"),))
