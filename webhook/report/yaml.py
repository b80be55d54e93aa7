"""`yaml`: the same as `json`, for people who read it."""

import textwrap
from collections.abc import Iterable, Iterator

from webhook.documents.yaml import dump
from webhook.report.header import Header
from webhook.report.json import API_VERSION, KIND
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document: the head, an item for each outcome, the summary."""
    yield dump({"apiVersion": API_VERSION, "kind": KIND, **header.as_json()})
    yield "outcomes:"
    empty = True
    for outcome in outcomes:
        item = textwrap.indent(dump(outcome.as_json()), "  ")
        yield f"{chr(10) if empty else ''}- {item[2:]}"
        empty = False
    yield " []\n" if empty else ""
    yield dump({"summary": tally.as_json()})
