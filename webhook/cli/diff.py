"""`istag-webhook policy diff`: compare two policies, and optionally their decisions."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

from webhook.cli.options import GivenPath, connection, format_option, output_option, period_options, sender_options
from webhook.cli.output import fail, write
from webhook.errors import ClusterError, PolicyError
from webhook.text import printable

if TYPE_CHECKING:
    from webhook.evaluate.diff import Counts, Pair
    from webhook.policy.policy import Policy
    from webhook.policy.written import Difference
    from webhook.report.outcome import Outcome

_CLUSTER: Final = "cluster"
_SIGNS: Final = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "renamed": ("~", "yellow"),
    "changed": ("~", "yellow"),
}
_VERDICTS: Final = {"allow": "allowed", "deny": "denied"}


@click.command(short_help="Compare two policies.")
@click.argument("before", metavar="A", type=GivenPath())
@click.argument("after", metavar="B", type=GivenPath())
@click.option(
    "--against", multiple=True, type=GivenPath(str),
    help="Evaluate these by both policies: records of level request, AdmissionReviews or manifests in a file or "
    "directory, - for standard input, cluster for a live cluster; may be repeated.",
)  # fmt: skip
@period_options
@sender_options
@connection
@format_option(("table", "json"))
@output_option
def diff(  # noqa: PLR0913 - one for each option
    before: Path,
    after: Path,
    against: tuple[str, ...],
    format_: str,
    output: Path | None,
    *,
    since: datetime | None,
    until: datetime | None,
    user: str,
    groups: tuple[str, ...],
    namespace: str,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Compare the policies A and B (files or directories).

    Entries are compared by name: added, removed, renamed, changed. With --against, each given change is evaluated by
    both policies, and its verdict, findings and patch are compared; `cluster` is every tag of a live cluster, evaluated
    as by scan. `shipped` is the policy that comes with istag-webhook, unless a file has that name.

    Exit codes: 0 no differences, 1 differences, 2 a policy or an input cannot be used. With --against, only the
    decisions count, not how the policies are written.
    """
    from webhook.cluster.client import connect
    from webhook.documents.inputs import input_files
    from webhook.evaluate.check import Old, Sender, questions
    from webhook.evaluate.diff import Counts, compare, compare_cluster, compare_records, sort_out
    from webhook.evaluate.records import Remarks, Selection, moment
    from webhook.model.review import User
    from webhook.policy.loading import load
    from webhook.policy.written import differences, ignored, located

    remarks, counts = Remarks(), Counts()
    try:
        one, two = (load(*_paths(path)) for path in (before, after))
        entries = [*differences(located(one), located(two)), *ignored(one.ignore, two.ignore)]
        documents, records = sort_out((each for each in against if each != _CLUSTER), remarks.faults)
        pairs = chain(
            compare(questions(input_files(documents), Sender(User(user, groups=groups)), Old(namespace)), one, two),
            compare_records(records, one, two, remarks, Selection(moment(since), moment(until))),
            compare_cluster(connect(kubeconfig, context), one, two) if _CLUSTER in against else (),
        )
        pieces = _table if format_ == "table" else _json
        write(pieces(one, two, entries, counts.differing(pairs) if against else None, counts), output)
    except (PolicyError, ClusterError) as error:
        fail(str(error))
    for remark in (*remarks.faults, *(f"not evaluated: {why}: {count:,}" for why, count in remarks.counts.items())):
        click.echo(str(remark), err=True)
    if against and not counts.evaluated and not counts.errors:
        click.echo(f"nothing to evaluate in {', '.join(map(printable, against))}", err=True)
    differs = bool(counts.changes) if against else bool(entries) or one.name != two.name
    sys.exit(2 if counts.errors or remarks.faults or (against and not counts.evaluated) else 1 if differs else 0)


def _paths(path: Path) -> tuple[Path, ...]:
    return () if str(path) == "shipped" and not path.exists() else (path,)


def _table(
    before: "Policy", after: "Policy", entries: "list[Difference]", pairs: "Iterable[Pair] | None", counts: "Counts"
) -> Iterator[str]:
    yield f"- {before}\n+ {after}\n"
    for entry in entries:
        yield from _entry(entry)
    if not entries:
        yield "the entries are identical\n"
    if pairs is None:
        return
    for pair in pairs:
        if pair.after.verdict == "error":
            click.echo(f"{printable(str(pair.after.origin))}: {pair.after.message}", err=True)
        else:
            yield from _pair(pair)
    yield from _summary(counts)


def _entry(entry: "Difference") -> Iterator[str]:
    sign, colour = _SIGNS.get(entry.change, ("~", "yellow"))
    where = " -> ".join(dict.fromkeys(str(each) for each in (entry.before, entry.after) if each))
    place = f" ({where})" if where else ""
    yield click.style(f"{sign} {entry.part}/{entry.name}: {entry.change}{place}", fg=colour) + "\n"
    for value in entry.values:
        yield f"    {printable(str(value))}\n"


def _pair(pair: "Pair") -> Iterator[str]:
    before, after = pair.before, pair.after
    verdict = " -> ".join(dict.fromkeys(_VERDICTS[each.verdict] for each in (before, after)))
    where = f"{printable(str(after.origin))}: " if after.origin.file else ""
    yield f"{where}{after.title}: {verdict}{_exempt(before, after)}\n"
    for sign, colour, findings in (("-", "red", pair.gone), ("+", "green", pair.new)):
        for finding in findings:
            yield click.style(f"  {sign} {finding.mode}: {finding}", fg=colour) + "\n"
    for sign, these, others in (("-", before.patch, after.patch), ("+", after.patch, before.patch)):
        for operation in these:
            if operation not in others:
                value = orjson.dumps(operation.value).decode()
                yield f"  {sign} sets {printable(operation.path)} to {printable(value)}\n"


def _exempt(before: "Outcome", after: "Outcome") -> str:
    names = [each.exemption.name if each.exemption else "not exempt" for each in (before, after)]
    return f" (exempt: {' -> '.join(names)})" if before.exemption != after.exemption else ""


def _summary(counts: "Counts") -> Iterator[str]:
    changes = ", ".join(f"{count} {change}" for change, count in counts.changes.most_common())
    same = "no differences" if counts.evaluated else "nothing was compared"
    yield f"{counts.evaluated} evaluated: {changes or same}\n"
    for (rule, mode, sign), count in sorted(counts.rules.items()):
        yield f"  {sign} {rule} ({mode}): {count}\n"
    for namespace, count in counts.namespaces.most_common(20):
        yield f"  in {namespace or 'no namespace'}: {count}\n"


def _json(
    before: "Policy", after: "Policy", entries: "list[Difference]", pairs: "Iterable[Pair] | None", counts: "Counts"
) -> Iterator[str]:
    """Yield one document, one line per difference, so that it can be written and read as a stream."""
    policies = [{"name": each.name, "digest": each.digest} for each in (before, after)]
    head = _dumped(
        {"apiVersion": "istag-webhook/v1", "kind": "PolicyDiff", "before": policies[0], "after": policies[1]}
    )
    yield f'{head[:-1]},"entries":{_dumped([each.as_json() for each in entries])},"outcomes":['
    yield from chain.from_iterable(
        (separator, _dumped(pair.as_json())) for separator, pair in zip(_separators(), pairs or (), strict=False)
    )
    yield f'\n],"summary":{_dumped(counts.as_json())}}}\n'


def _separators() -> Iterator[str]:
    yield "\n"
    while True:
        yield ",\n"


def _dumped(value: object) -> str:
    return orjson.dumps(value).decode()
