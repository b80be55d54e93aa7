"""What commands found, in the formats that people and pipelines read: one module a format."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from webhook.report.header import Header
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

# A format is a function from a report's head, its outcomes and its summary to the pieces of a text, written as they
# come. The summary is whole once the outcomes are at their end: it may count more than is reported one by one.
Format = Callable[[Header, Iterable[Outcome], Tally], Iterator[str]]
# Each is imported when it is asked for.
FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: f"webhook.report.{name}"
        for name in ("table", "json", "yaml", "junit", "sarif", "github", "html", "openreports", "wgpolicyk8s")
    }
)


def writer(name: str) -> Format:
    """Return the format called `name`, one of FORMATS."""
    found: Format = import_module(FORMATS[name]).write
    return found
