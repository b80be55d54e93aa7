"""The same questions answered by two policies, and the differences between the answers."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from webhook.cluster.client import Cluster
from webhook.documents.inputs import expand
from webhook.errors import Fault
from webhook.evaluate import scan
from webhook.evaluate.question import Source, answer
from webhook.evaluate.records import Remarks, Selection, begins, cut, questions
from webhook.evaluate.streams import Selection as Streams
from webhook.evaluate.streams import streams
from webhook.model.decision import Finding, Mode
from webhook.policy.policy import Policy
from webhook.report.outcome import DENY, ERROR, SKIP, Outcome

_RECORD: Final = re.compile(rb'[^\n]*"webhook": ?"(?:validate|mutate)"')


@dataclass(frozen=True, slots=True)
class Pair:
    """The outcomes of one change by two policies.

    Attributes:
        before: the outcome by the first policy.
        after: the outcome by the second policy.
    """

    before: Outcome
    after: Outcome

    @property
    def evaluated(self) -> bool:
        """Whether it was evaluated."""
        return self.after.verdict not in (ERROR, SKIP)

    @property
    def gone(self) -> tuple[Finding, ...]:
        """The findings of the first policy only."""
        after = frozenset(self.after.findings)
        return tuple(each for each in self.before.findings if each not in after)

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings of the second policy only."""
        before = frozenset(self.before.findings)
        return tuple(each for each in self.after.findings if each not in before)

    @property
    def change(self) -> str:
        """The most severe difference: `denied`, `allowed`, `findings`, `patch` or `exemption`; "" without any."""
        before, after = self.before, self.after
        if before.verdict != after.verdict:
            return "denied" if after.verdict == DENY else "allowed"
        if self.gone or self.new:
            return "findings"
        if before.patch != after.patch:
            return "patch"
        return "exemption" if before.exemption != after.exemption else ""

    def as_json(self) -> dict[str, Any]:
        """Return both outcomes as JSON values."""
        return {"change": self.change, "before": self.before.as_json(), "after": self.after.as_json()}


@dataclass(slots=True)
class Counts:
    """The summary of a comparison.

    Attributes:
        evaluated: how many changes were evaluated.
        errors: how many changes could not be evaluated.
        changes: the number of changes with a difference, by its kind.
        namespaces: the same by namespace.
        rules: the number of removed or new findings, by rule, mode and `-` or `+`.
    """

    evaluated: int = 0
    errors: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, Mode, str]] = field(default_factory=Counter)

    def differing(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs that differ or cannot be evaluated, and count all of them."""
        for pair in pairs:
            self.evaluated += pair.evaluated
            self.errors += pair.after.verdict == ERROR
            if change := pair.change:
                self.changes[change] += 1
                self.namespaces[pair.after.namespace] += 1
                self.rules.update((each.rule, each.mode, "-") for each in pair.gone)
                self.rules.update((each.rule, each.mode, "+") for each in pair.new)
            if change or pair.after.verdict == ERROR:
                yield pair

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "evaluated": self.evaluated,
            "errors": self.errors,
            "changes": dict(self.changes),
            "namespaces": dict(self.namespaces.most_common()),
            "rules": [
                {"rule": rule, "mode": str(mode), "sign": sign, "findings": count}
                for (rule, mode, sign), count in sorted(self.rules.items())
            ],
        }


def compare(source: Source, before: Policy, after: Policy) -> Iterator[Pair]:
    """Yield the answers of both policies to each question of `source`."""
    return (Pair(answer(item, before), answer(item, after)) for item in source)


def compare_records(
    files: Iterable[Path | None], before: Policy, after: Policy, remarks: Remarks, selection: Selection
) -> Iterator[Pair]:
    """Yield the answers of both policies to recorded requests, in bounded memory.

    Args:
        files: the files to read, None for standard input.
        before: the first policy.
        after: the second policy.
        remarks: collects what cannot be evaluated.
        selection: which records are evaluated.
    """
    for part in cut(files, remarks.faults):
        asked = (replace(each, recorded=None) for each in questions(part, selection, remarks))
        yield from compare(asked, before, after)


def compare_cluster(cluster: Cluster, before: Policy, after: Policy) -> Iterator[Pair]:
    """Yield the answers of both policies for every image stream of `cluster` and each of its tags, as in a scan.

    The answers for a stream include the patch that the defaults would make.

    Raises:
        ClusterError: the cluster cannot be read.
    """
    time = datetime.now(UTC)
    first, second = before.for_stored_streams(), after.for_stored_streams()
    for stream in streams(cluster, Streams(), lambda *_: None):
        whole, *tags = compare(scan.questions(stream, {}, time), first, second)
        yield Pair(_completed(whole.before, stream, before), _completed(whole.after, stream, after))
        yield from tags


def _completed(outcome: Outcome, stream: Mapping[str, Any], policy: Policy) -> Outcome:
    return replace(outcome, patch=scan.completion(stream, policy))


def sort_out(names: Iterable[str], faults: list[Fault]) -> tuple[list[str], list[Path | None]]:
    """Return which of `names` hold reviews and manifests, and which files, also in directories, are records.

    The first line of a file, compressed or not, identifies records. A directory may hold both; `faults` lists the parts
    of it that cannot be read.
    """
    documents: list[str] = []
    records: list[Path | None] = []
    for name in names:
        files = expand((name,), faults)
        found = [file for file in files if _is_record(file)]
        records += found
        if len(found) < len(files) or not files:
            documents.append(name)
    return documents, records


def _is_record(file: Path | None) -> bool:
    try:
        return _RECORD.match(begins(file)) is not None
    except (OSError, EOFError, zlib.error):
        return False  # reading it later reports the error
