"""`github`: annotations on the lines of a pull request (docs.github.com, workflow commands)."""

from collections.abc import Iterable, Iterator
from typing import Final

from webhook.documents.document import Mark
from webhook.model.decision import Mode
from webhook.report.header import Header
from webhook.report.outcome import ERROR, Outcome
from webhook.report.tally import Tally

_LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "notice"}
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield a workflow command for each finding, and for each input that cannot be used."""
    del header, tally
    for outcome in outcomes:
        if outcome.verdict == ERROR:
            yield _command("error", outcome, outcome.origin.mark, "istag-webhook", outcome.message)
        for finding, mark, subject in outcome.subjects():
            yield _command(_LEVELS[finding.mode], outcome, mark, finding.rule, f"{subject}: {finding}")


def _command(level: str, outcome: Outcome, mark: Mark, title: str, message: str) -> str:
    given = {"file": outcome.origin.file, "line": mark.line, "col": mark.column, "title": title}
    properties = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in given.items() if value)
    return f"::{level} {properties}::{message.translate(_DATA)}\n"
