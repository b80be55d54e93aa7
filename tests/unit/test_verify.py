"""Chains of records: every single alteration is noticed, or falls into what the report says that it cannot tell."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.builders import docker, review_of
from tests.support.examples import examples
from tests.support.recording import BEGIN, recorded

from webhook.audit.chain import Chain, Signer, Writer
from webhook.audit.record import policy_record
from webhook.certs.signing import Keys, make, signer
from webhook.evaluate.records import Part, Remarks, Selection, questions
from webhook.evaluate.runs import NOTE, UNPROVEN, Found
from webhook.evaluate.verify import Verification
from webhook.policy.loading import load
from webhook.policy.policy import Policy

_DIGEST: Final = load().digest
Files = list[list[bytes]]


@cache
def _key(name: str = "ours") -> tuple[Signer, Keys]:
    """Return a real key pair; the name only tells pairs apart."""
    with TemporaryDirectory(prefix=name) as directory:
        private, public = make(Path(directory))
        return signer(private), Keys(public)


def _writer(number: int) -> Writer:
    return Writer(f"istag-webhook-{number}", 7, "2026-01-02T03:04:05.000000Z")


def _decision(text: str) -> bytes:
    line = {"format": 1, "kind": "decision", "user": text, "policy": {"name": "shipped", "digest": _DIGEST}}
    return json.dumps(line, separators=(",", ":")).encode()


def _policy() -> bytes:
    return policy_record(load(), "1.2.3", BEGIN)


@dataclass
class History:
    """What some writers wrote to files that were rotated.

    Attributes:
        files: the lines of each file.
        proven: the number of lines of each writer up to its last checkpoint.
    """

    files: Files = field(default_factory=lambda: [[]])
    chains: dict[int, Chain] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    proven: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def write(self, number: int, line: bytes) -> None:
        """Write a line; a writer that has not begun or that has ended begins."""
        if number not in self.chains:
            self.chains[number] = Chain(_writer(number), _key()[0])
            self._put(number, self.chains[number].link(_policy()))
            self.checkpoint(number)
        if number not in self.ended:
            self._put(number, self.chains[number].link(line))

    def fail(self, number: int, line: bytes, part: int) -> None:
        """Write a part of a line, which the next writer ends."""
        if number in self.chains and number not in self.ended:
            torn = self.chains[number].link(line)
            self.files[-1].append(torn[: max(1, part % len(torn))])
            self.chains[number].failed += 1

    def checkpoint(self, number: int, *, end: bool = False) -> None:
        """Write a checkpoint if there is something to sign."""
        chain = self.chains.get(number)
        if chain is None or number in self.ended or (line := chain.checkpoint(end=end)) is None:
            return
        self._put(number, line)
        chain.checked()
        self.proven[number] = self.counts[number]
        if end:
            self.ended.add(number)

    def rotate(self) -> None:
        """Begin a file."""
        self.files.append([])

    def _put(self, number: int, line: bytes) -> None:
        self.files[-1].append(line)
        self.chains[number].advance(line)
        self.counts[number] = self.counts.get(number, 0) + 1


def _report(files: Files, keys: Keys | None = None) -> list[Found]:
    verification = Verification(keys or _key()[1])
    for number, lines in enumerate(files):
        data = b"\n".join(lines)
        verification.add(Part(f"f{number}", 1, data, len(data)))
    return list(verification.found())


def _problems(found: list[Found]) -> list[Found]:
    return [each for each in found if each.kind not in (NOTE, UNPROVEN)]


_NUMBERS: Final = st.integers(0, 2)
_TEXTS: Final = st.text(max_size=20)


class _Writing(RuleBasedStateMachine):
    """Writers that write, fail, sign, end and are rotated: nothing is ever wrong, and only their tails are unproven."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()

    @rule(number=_NUMBERS, text=_TEXTS)
    def write(self, number: int, text: str) -> None:
        self.history.write(number, _decision(text))

    @rule(number=_NUMBERS, part=st.integers(0, 500))
    def fail(self, number: int, part: int) -> None:
        self.history.fail(number, _decision("torn"), part)

    @rule(number=_NUMBERS, end=st.booleans())
    def checkpoint(self, number: int, end: bool) -> None:
        self.history.checkpoint(number, end=end)

    @rule()
    def rotate(self) -> None:
        self.history.rotate()

    @invariant()
    def nothing_is_wrong(self) -> None:
        history = self.history
        for files in (history.files, history.files[::-1]):
            found = _report(files)
            assert _problems(found) == []
            tails = {number for number, count in history.counts.items() if count > history.proven[number]}
            unproven = [each.where for each in found if each.kind == UNPROVEN]
            assert {each for each in unproven if unproven.count(each) == 2} == {str(_writer(each)) for each in tails}
            assert set(unproven) == {str(_writer(each)) for each in history.counts.keys() - history.ended}


_Writing.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestWriting = _Writing.TestCase


@st.composite
def _histories(draw: st.DrawFn) -> History:
    """Draw what two writers wrote, each at least six lines."""
    history = History()
    steps = draw(st.lists(st.tuples(st.sampled_from("wwwwwcr"), st.integers(0, 1), _TEXTS), min_size=4, max_size=14))
    for step, number, text in [*steps, ("w", 0, "a"), ("w", 1, "b"), ("w", 0, "c"), ("w", 1, "d")]:
        if step == "w":
            history.write(number, _decision(text))
        elif step == "c":
            history.checkpoint(number)
        else:
            history.rotate()
    for number in draw(st.sets(st.integers(0, 1))):
        history.checkpoint(number, end=True)
    return history


def _places(files: Files) -> list[tuple[int, int, int, int]]:
    """Return file, index, writer and number of each line."""
    found = []
    for file, lines in enumerate(files):
        for index, line in enumerate(lines):
            value = json.loads(line)
            found.append((file, index, int(value["writer"]["pod"][-1]), value["seq"]))
    return found


_ALTERATIONS: Final = ("drop", "duplicate", "swap", "edit", "insert", "truncate", "foreign")


@given(history=_histories(), kind=st.sampled_from(_ALTERATIONS), data=st.data())
@examples(300)
def test_one_alteration(history: History, kind: str, data: st.DataObject) -> None:
    """It is a problem; at the begin or the end of a writer, the report says that it cannot tell."""
    files = [list(lines) for lines in history.files]
    intact, places = _report(history.files), _places(files)
    assert _problems(intact) == []
    file, index, number, seq = data.draw(st.sampled_from(places))
    line = files[file][index]
    edge = seq == 1 or seq > history.proven[number] or seq == history.counts[number]
    if kind == "drop":
        del files[file][index]
    elif kind == "duplicate":
        target = data.draw(st.sampled_from(range(len(files))))
        files[target].insert(data.draw(st.integers(0, len(files[target]))), line)
        edge = False
    elif kind == "swap":
        other = data.draw(st.sampled_from([each for each in places if each[2] == number and each[3] != seq]))
        files[file][index], files[other[0]][other[1]] = files[other[0]][other[1]], line
        edge = False
    elif kind == "edit":
        at, byte = data.draw(st.integers(0, len(line) - 1)), data.draw(st.integers(0, 255))
        assume(line[at] != byte)
        files[file][index] = line[:at] + bytes([byte]) + line[at + 1 :]
    elif kind == "insert":
        value = json.loads(line)
        forged = Chain(_writer(number))
        forged._seq, forged._prev = seq, value["prev"].encode()  # noqa: SLF001 - as a forger computes it
        files[file].insert(index, forged.link(_decision("forged")))
        edge = False
    elif kind == "truncate":
        kept = data.draw(st.integers(0, len(line) - 1))
        gone = [each for each in places if each[0] == file and each[1] >= index]
        files[file][index:] = [line[:kept]] if kept else []
        edge = True
        assume(all(any(place[2] == each[2] for place in places if place not in gone) for each in gone))
    else:
        forged = Chain(_writer(9), _key("theirs")[0] if data.draw(st.booleans()) else None)
        for text in ("x", "y"):
            made = forged.link(_decision(text))
            forged.advance(made)
            files[file].insert(index, made)
        files[file] += [made] if (made := forged.checkpoint(end=True) or b"") else []
        edge = False
    found = _report(files)
    if _problems(found):
        return
    assert edge, found
    names = {str(_writer(number)), *(str(_writer(each[2])) for each in places if each[0] == file)}
    assert {each.where for each in found if each.kind == UNPROVEN} & names


def _plain() -> Files:
    """Return ten lines of one writer in two files: policy, checkpoint, six decisions, a decision, the end."""
    history = History()
    for number in range(7):
        if number == 3:
            history.rotate()
        history.write(0, _decision(f"user {number}"))
    history.checkpoint(0, end=True)
    return history.files


_NAME: Final = str(_writer(0))


def _replaced(files: Files, place: tuple[int, int], old: bytes, new: bytes) -> None:
    file, index = place
    files[file][index] = files[file][index].replace(old, new, 1)


_ALTERED: Final[dict[str, Callable[[Files], object]]] = {
    "nothing": lambda files: None,
    "edited": lambda files: _replaced(files, (0, 2), b"user 0", b"user x"),
    "missing": lambda files: files[0].__delitem__(slice(3, 5)),
    "moved": lambda files: files[1].insert(0, files[1].pop(1)),
    "repeated": lambda files: files[1].insert(1, files[1][0]),
    "cut": lambda files: files[1].pop(),
    "front": lambda files: files[0].__delitem__(slice(2)),
    "policy": lambda files: _replaced(files, (0, 0), b"rules", b"rulez"),
    "log": lambda files: files[0].insert(1, b'{"message": "listening"}'),
    "format": lambda files: _replaced(files, (1, 0), b'"format":1', b'"format":2'),
    "unlinked": lambda files: files[1].append(_decision("x")),
    "prefixed": lambda files: _replaced(files, (0, 0), b"{", b"2026-01-02T03:04:05.000Z stdout F {"),
}


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("nothing", []),
        ("prefixed", []),
        ("log", ["note: 1 other line skipped"]),
        ("edited", [f"f0:3: altered: lines 3 to 4 of {_NAME} do not fit: one of the two was altered (see f0:4)", f"{_NAME}: unproven: 1 line that no checkpoint proves"]),
        ("missing", [f"f1:1: missing: lines 4 to 5 of {_NAME}", f"{_NAME}: unproven: 1 line that no checkpoint proves"]),
        ("moved", [f"f1:2: moved: lines 6 to 8 of {_NAME}: out of order at 3 places"]),
        ("repeated", [f"f1:2: repeated: line 6 of {_NAME}"]),
        ("front", [f"{_NAME}: unproven: begins with line 3: the lines before are not in these files", f"note: 7 decisions by the policy {_DIGEST}, which no line here holds"]),
        ("cut", [f"{_NAME}: unproven: 7 lines that no checkpoint proves", f"{_NAME}: unproven: no end after line 9: it is running, was killed, or lines are missing"]),
        ("policy", ["f0:1: altered: the documents of the policy do not have its digest", f"f0:1: altered: lines 1 to 2 of {_NAME} do not fit: one of the two was altered (see f0:2)", f"{_NAME}: unproven: 1 line that no checkpoint proves", f"note: 7 decisions by the policy {_DIGEST}, which no line here holds"]),
        ("format", ["f1:1: foreign: expected a line of format 1", f"f1:2: missing: line 6 of {_NAME}", f"{_NAME}: unproven: 3 lines that no checkpoint proves"]),
        ("unlinked", ["f1:6: foreign: expected writer, seq and prev, and the fields of the kind of this line"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_reported(what: str, expected: list[str]) -> None:
    """Each alteration has its name and its place."""
    files = _plain()
    _ALTERED[what](files)
    found = [str(each) for each in _report(files)]
    assert found == expected


def test_without_a_key() -> None:
    """Accidents are found, and the report says that forgery is not."""
    files = _plain()
    del files[0][3]
    verification = Verification()
    for lines in files:
        data = b"\n".join(lines)
        verification.add(Part("f", 1, data, len(data)))
    assert [each.kind for each in verification.found()] == ["missing", UNPROVEN]


def test_a_forged_chain_has_no_signature() -> None:
    """Who computes the whole chain again cannot sign it: with a key it is foreign."""
    chain, lines = Chain(_writer(0)), []
    for number in range(5):
        lines.append(chain.link(_decision(str(number))))
        chain.advance(lines[-1])
    assert [each.kind for each in _problems(_report([lines]))] == ["foreign"]


def test_another_text_of_the_same_signature() -> None:
    """Base64 has spare bits: a last checkpoint that differs only in them is altered too, though its bytes verify."""
    files = _plain()
    last = files[1][-1]
    at = last.rindex(b"==") - 1
    alphabet = bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123)) + b"+/"
    others = [last[:at] + bytes([byte]) + last[at + 1 :] for byte in alphabet if byte != last[at]]
    same = [each for each in others if b64decode(each[-90:-2]) == b64decode(last[-90:-2])]
    assert len(same) == 15
    for each in others:
        assert [found.kind for found in _problems(_report([files[0], [*files[1][:-1], each]]))] == ["altered"]


def test_the_policy_is_in_the_record(shipped: Policy) -> None:
    """The documents of a policy's record load as that policy, and their SHA-256 is its digest."""
    value: dict[str, Any] = json.loads(policy_record(shipped, "1.2.3", BEGIN))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "policy.json"
        (document,) = value["policy"]["documents"]
        path.write_text(json.dumps(document))
        assert load(path).digest == value["policy"]["digest"] == shipped.digest


def test_other_kinds_are_not_evaluated_again(shipped: Policy) -> None:
    """Replay and the comparison of policies skip policies and checkpoints without a word, and evaluate the decision."""
    chain, lines = Chain(_writer(0), _key()[0]), []
    decision = recorded(review_of(docker("quay.io/acme/app:1")), shipped)
    for line in (policy_record(shipped, "1.2.3", BEGIN), decision):
        lines.append(chain.link(line))
        chain.advance(lines[-1])
    lines.append(chain.checkpoint() or b"")
    data, remarks = b"\n".join(lines), Remarks()
    found = list(questions(Part("f", 1, data, len(data)), Selection(), remarks))
    assert [each.origin.line for each in found] == [2]
    assert (remarks.counts.total(), remarks.lines, remarks.faults) == (0, [], [])
