"""The meaning of tags after recorded changes: at each change, at a time, and compared with a scan.

    Search ──▶ Changes ──by time──▶ listed | as_of | compared ──▶ Outcome

An image stream has two places for what a tag means: its source in the specification, and its newest image in the
status, which a push or an import sets. Memory grows with the number of tags, and not with that of changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from webhook.evaluate.changes import digest
from webhook.evaluate.scan import Stored
from webhook.model.decision import Finding, Mode
from webhook.policy.match import EVERY, split
from webhook.report.header import UNRECORDED, RuleLine, Warned
from webhook.report.outcome import ALLOW, Origin, Outcome
from webhook.resources.catalog import Effect, effect
from webhook.resources.definition import CREATE

LINE: Final = RuleLine(
    UNRECORDED, "history", str(Mode.WARN), "The tag points elsewhere than the last allowed change says."
)
_RACE: Final = timedelta(seconds=30)  # the API server stores a change within 13 s for all webhooks, or never
_MOST: Final = 8  # sources that a tag may have; if there are more, they are unknown
_NONE: Final = ""  # the source of a tag without one
_time: Final = datetime.fromisoformat
_UNPROVED: Final = "whether the import succeeded is not recorded"
_KEPT: Final = "without a source, a tag keeps its last image"
_GONE: Final = "removed with its image stream"
_DENIED: Final = "if the tag existed, the API server denied this"


class _Shown(NamedTuple):
    """A tag of a change, and a remark; if it is `seen`, the change only shows what another has set."""

    outcome: Outcome
    tag: Mapping[str, str | None]
    note: str = ""
    seen: bool = False

    def alone(self) -> Outcome:
        """Return the change as one of this tag alone."""
        found = replace(self.outcome, tags=(self.tag,), findings=(), marks=(), message=self.note)
        if not self.seen:
            return found
        note = f"the change of {found.time} shows it; who set it is not recorded"
        return replace(found, user="", time="", operation="", policy="", exemption=None, message=note)


@dataclass(slots=True)
class _Tag:
    """The knowledge about a tag.

    Attributes:
        first: the change that shows the source from before all changes, None if none does.
        changed: whether the source may have changed since.
        last: the allowed change that set what the tag means, None if unknown.
        pushed: whether that change set only the image.
        sources: the sources that it may have, None if unknown.
        before: its sources before the last change, which may not be stored yet.
        time: the time of the last change.
        number: the number of the last change.
    """

    first: _Shown | None = None
    changed: bool = False
    last: _Shown | None = None
    pushed: bool = False
    sources: frozenset[str] | None = None
    before: frozenset[str] = frozenset()
    time: str = ""
    number: int = 0


@dataclass(slots=True)
class _Stream:
    """The tags of a stream; the changes that removed it, and that perhaps set every tag, with their numbers."""

    tags: dict[str, _Tag] = field(default_factory=dict)
    gone: tuple[int, Outcome | None] = (0, None)
    perhaps: tuple[int, Outcome | None] = (0, None)


class Meanings:
    """The meaning of tags after the changes that were read."""

    def __init__(self) -> None:
        """Begin without knowledge of any tag."""
        self._streams: dict[str, _Stream] = {}
        self._number = 0

    def listed(self, changes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield each change; a finding says that a tag pointed elsewhere than the last allowed change says."""
        for outcome in changes:
            findings = list(self.note(outcome))
            yield outcome.with_notes((each, outcome.origin.mark) for each in findings) if findings else outcome

    def as_of(self, changes: Iterable[Outcome], time: str) -> Iterator[Outcome]:
        """Yield for each tag the change that set what it meant at `time`, by the names of the tags."""
        later = self._until(changes, time)
        for name in sorted({*self.names(), *later.names()}):
            known, (number, other) = self.known(name), self._stream(name).perhaps
            found = known.last or known.first or later.known(name).first
            if found is not None and other is not None and number > known.number:
                found = found._replace(note=f"an import of a whole repository at {other.time} may have changed it")
            if found is not None:
                yield found.alone()

    def compared(self, changes: Iterable[Outcome], time: str, scan: Stored) -> Iterator[Outcome]:
        """Yield each tag as a scan of `time` found it; a finding says that the last allowed change says otherwise."""
        later = self._until(changes, time)
        for name in sorted({*self.names(), *scan.tags}):
            known, stored = self.known(name), scan.tags.get(name)
            recorded = known.last or known.first
            if recorded is None and stored is None:
                continue
            path, found = ("spec.tags", _NONE) if stored is None else stored
            was = recorded.tag if recorded is not None else {"to": None, "digest": ""}
            pushed = path.startswith("status.")
            wrong = known.sources is not None and (_NONE if pushed else found) not in known.sources
            if stored is None:
                wrong = wrong or bool(was["to"])
            elif pushed and known.pushed:
                wrong = wrong or "" != digest(found) != was["digest"] != ""
            note, findings = "", list[Finding]()
            if not wrong:
                note = "no change of it is recorded" if recorded is None else ""
            elif later.known(name).number:
                note = "changed after the scan began; not compared"
            elif stored is None and name.partition(":")[0] not in scan.streams:
                note = "the scan has no other tag of this stream; not compared"
            elif stored is None and not scan.complete:
                note = "the scan lists only tags with findings; not compared (scan --verbose lists all)"
            else:
                findings.append(_elsewhere("spec.tags", found, was["to"] or "nothing"))
            before = was["to"] if wrong else found or None
            tag = {"path": path, "tag": name, "from": before, "to": found or None, "digest": digest(found)}
            nothing = Outcome(Origin(), ALLOW, namespace=split(name)[0])
            outcome = _Shown(recorded.outcome if recorded is not None else nothing, tag, note).alone()
            yield outcome.with_notes((each, outcome.origin.mark) for each in findings) if findings else outcome

    def _until(self, changes: Iterable[Outcome], time: str) -> "Meanings":
        """Read the changes up to `time`, and return what the later ones show."""
        later = Meanings()
        for outcome in changes:
            for _ in (self if outcome.time <= time else later).note(outcome):
                pass
        return later

    def names(self) -> Iterator[str]:
        """Yield the names of the tags that were read."""
        return (f"{stream}:{tag}" for stream, each in self._streams.items() for tag in each.tags)

    def known(self, name: str) -> _Tag:
        """Return what is known of a tag."""
        of, tag = self._stream(name), name.partition(":")[2]
        return _settled(of, tag, of.tags.get(tag, _Tag()))

    def _stream(self, name: str) -> _Stream:
        return self._streams.get(name.partition(":")[0], _Stream())

    def note(self, outcome: Outcome) -> Iterator[Finding]:
        """Take note of a change; yield a finding for each tag that pointed elsewhere."""
        self._number += 1
        allowed = outcome.verdict == ALLOW
        whole: list[tuple[Effect, _Stream]] = []
        for tag in outcome.tags:
            namespace, stream, name = split(str(tag["tag"]))
            what = effect(outcome.resource, outcome.operation, str(tag["path"]))
            of = self._streams.setdefault(f"{namespace}/{stream}", _Stream())
            if what in (Effect.PERHAPS, Effect.STREAM):
                whole.append((what, of))
            if what in (Effect.SOURCE, Effect.IMAGE, Effect.IMPORT) or (what is Effect.STREAM and name != EVERY):
                known = _settled(of, name, of.tags.setdefault(name, _Tag()))
                if what in (Effect.SOURCE, Effect.STREAM) and outcome.operation != CREATE:
                    yield from _observed(known, outcome, tag)
                unsure = of.perhaps[0] > known.number and outcome.operation == CREATE  # it may exist, and be denied
                if allowed and what is not Effect.STREAM:
                    _set(known, what, outcome, tag)
                known.number, known.sources = self._number, None if unsure else known.sources
        for what, of in whole if allowed else ():  # after its tags, whose old sources the change shows
            if what is Effect.STREAM:
                of.gone = self._number, outcome
            else:
                of.perhaps = self._number, outcome


def _settled(of: _Stream, name: str, known: _Tag) -> _Tag:
    """Return what is known of a tag, after what happened to its whole stream since its own last change."""
    number, outcome = of.gone
    if outcome is not None and number >= known.number and (known.number or of.tags.get(name) is known):
        stream = f"{outcome.namespace}/{outcome.name}"
        gone = {"path": "", "tag": f"{stream}:{name}", "from": None, "to": None, "digest": ""}
        known.last, known.pushed, known.number = _Shown(outcome, gone, _GONE), False, number
        known.sources, known.before, known.time, known.changed = frozenset({_NONE}), frozenset(), outcome.time, True
    if of.perhaps[1] is not None and of.perhaps[0] >= known.number:
        known.sources, known.changed = None, True
    return known


def _observed(known: _Tag, outcome: Outcome, tag: Mapping[str, str | None]) -> Iterator[Finding]:
    """Note the old source in a review; yield a finding if the last allowed change says something else."""
    found = tag["from"] or _NONE
    seen = _Shown(outcome, {**tag, "to": tag["from"], "digest": digest(found)}, seen=True)
    known.first, known.changed = known.first if known.changed else seen, True
    if known.sources is None:
        if known.last is not None and not known.pushed and (known.last.tag["to"] or _NONE) != found:
            known.last = seen  # an import of a whole repository, or a change before
    elif found not in known.sources:
        if found in known.before and _time(outcome.time) - _time(known.time) <= _RACE:
            known.sources |= {found}
            return
        says = " or ".join(sorted(each or "nothing" for each in known.sources))
        yield _elsewhere(str(tag["path"]), found, says)
        known.last, known.pushed = seen, False
    known.sources = frozenset({found})


def _set(known: _Tag, what: Effect, outcome: Outcome, tag: Mapping[str, str | None]) -> None:
    """Note what an allowed change sets."""
    to, sources = tag["to"] or _NONE, known.sources or frozenset()
    denied = what is Effect.SOURCE and outcome.operation == CREATE and any(sources)
    same = False
    if known.last is not None and not denied:
        # An import of the same source is a scheduled one; a write of the same source sets something else.
        was = {Effect.SOURCE: tag["from"], Effect.IMPORT: known.last.tag["to"]}
        same = what in was and to == (was[what] or _NONE)
    if not same:
        note = _UNPROVED if what is Effect.IMPORT else _DENIED if denied else ""
        note = _KEPT if what is Effect.SOURCE and not to else note
        known.last, known.pushed = _Shown(outcome, tag, note), what is Effect.IMAGE
        known.before, known.time, known.changed = sources, outcome.time, known.changed or what is not Effect.IMAGE
    if what is Effect.SOURCE:
        known.sources = sources | {to} if denied else frozenset({to})
    elif what is Effect.IMPORT and known.sources is not None:
        known.sources = sources | {to} if len(sources) < _MOST else None


def _elsewhere(path: str, found: str, says: str) -> Finding:
    """Return the finding on a tag whose source is `found`, if the last allowed change `says` another."""
    found = found or "nothing (to delete a tag calls no webhook)"
    message = f"points to {found}, but the last allowed change says {says}; a change was not recorded, or not stored"
    return Warned(UNRECORDED, Mode.WARN, message, path)
