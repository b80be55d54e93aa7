"""The shape of a report: its format, and its part of a divided report. Imports nothing that a format needs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

if TYPE_CHECKING:
    from webhook.report.header import Header
    from webhook.report.outcome import Outcome
    from webhook.report.tally import Tally


# The limit of every record, which each history for people states.
LIMIT: Final = "allowed: by this webhook; no record says whether the API server stored the change"
SHARD: Final = re.compile(r"([0-9]{1,9})?/([1-9][0-9]{0,8})", re.ASCII)


class Format(Protocol):
    """Writes a report as pieces of text, while its outcomes arrive.

    The tally is complete after the last outcome; it may count more than the listed outcomes.
    """

    def __call__(self, header: "Header", outcomes: "Iterable[Outcome]", tally: "Tally") -> Iterator[str]:
        """Yield the text."""


FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "table": "webhook.report.table:write",
        "json": "webhook.report.json:write",
        "yaml": "webhook.report.json:write_yaml",
        "junit": "webhook.report.pipelines:write_junit",
        "sarif": "webhook.report.sarif:write",
        "github": "webhook.report.pipelines:write_github",
        "html": "webhook.report.html.page:write",
        "openreports": "webhook.report.openreports:write",
        "wgpolicyk8s": "webhook.report.openreports:write_wgpolicyk8s",
    }
)


def writer(name: str) -> Format:
    """Return the format called `name`, one of FORMATS."""
    module, _, function = FORMATS[name].partition(":")
    found: Format = getattr(import_module(module), function)
    return found


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th of `count` parts, 1 to `count`: every key belongs to one of them, the same on every machine."""

    number: int = 1
    count: int = 1

    def holds(self, key: bytes) -> bool:
        """Whether `key` belongs to this part."""
        return self.count == 1 or crc32(key) % self.count == self.number - 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parse `I/N`.

        Raises:
            ValueError: `text` is not one of N parts.
        """
        form = SHARD.fullmatch(text)
        if form is None or form[1] is None or not 1 <= int(form[1]) <= int(form[2]):
            raise ValueError("expected one of N parts, I/N")
        return cls(int(form[1]), int(form[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
