"""The files of a policy: the place of each entry, and reloading when they change."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from webhook.documents import yaml
from webhook.documents.document import Document, split
from webhook.errors import Fault
from webhook.files import Signature, signature
from webhook.policy.loading import SPEC, Policy, is_test, load, sources


@dataclass(frozen=True, slots=True)
class Located:
    """An entry of a policy, and its place.

    Attributes:
        part: `exemptions`, `defaults` or `rules`.
        name: the name of the entry.
        file: the name of the file.
        line: its first line, from 1.
        column: its column in that line, from 1.
        path: its JSON path in the document, such as `spec.rules[2]`.
        value: the entry as plain values.
        source: its lines in the file, without common indentation.
        document: the document of the entry.
    """

    part: str
    name: str
    file: str
    line: int
    column: int
    path: str
    value: Mapping[str, Any]
    source: str
    document: Document = field(repr=False, compare=False)

    def fault(self, below: str, message: str) -> Fault:
        """Return a fault at the path `below` in the entry, "" for the entry as a whole."""
        return self.document.fault(".".join(part for part in (self.path, below) if part), message)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def located(policy: Policy) -> tuple[Located, ...]:
    """Return every entry of `policy`, in order."""
    return tuple(entry for file, text in policy.texts for entry in _of_file(yaml.read(file, text)[0], split(text)))


def documents(policy: Policy) -> Iterator[Document]:
    """Yield every document of `policy`, in order."""
    for file, text in policy.texts:
        yield from (each for each in yaml.read(file, text)[0] if not is_test(each.value))


def _of_file(documents: list[Document], lines: list[str]) -> Iterator[Located]:
    starts = sorted({each.line(path) for each in documents for path in _paths(each.value)})
    for document in documents:
        if is_test(document.value):
            continue
        for part in SPEC:
            for index, value in enumerate(document.value["spec"].get(part, ())):
                path = f"spec.{part}[{index}]"
                mark = document.mark(path)
                source = _source(lines, mark.line, starts) or yaml.dump([value])
                yield Located(part, value["name"], document.where, *mark, path, value, source, document)


def _paths(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths at which an entry can end: another entry, a part, another key of the document."""
    yield from ("", *value)
    spec = {} if is_test(value) else value["spec"]
    for part in spec:
        yield f"spec.{part}"
        yield from (f"spec.{part}[{index}]" for index in range(len(spec[part])))


def _source(lines: list[str], first: int, starts: list[int]) -> str:
    """Return the lines of the entry that begins on the line `first`, "" if it shares the line with others."""
    following = bisect_right(starts, first)
    last = (starts[following] if following < len(starts) else len(lines) + 1) - 1
    taken = lines[first - 1 : last]
    while len(taken) > 1 and (taken[-1].lstrip().startswith(("#", "---")) or not taken[-1].strip()):
        taken.pop()
    return dedent("\n".join(taken)) if taken[0].lstrip().startswith("- ") else ""


class PolicySource:
    """The last valid policy of some files; thread-safe."""

    def __init__(self, *paths: Path) -> None:
        """Load the policy.

        Raises:
            PolicyError: with every fault.
        """
        self._paths = paths
        self._signature = self._sign()
        self._current = load(*paths)
        self._rejected = False

    @property
    def current(self) -> Policy:
        """The last valid policy."""
        return self._current

    @property
    def rejected(self) -> bool:
        """Whether the files contain an invalid policy, so that an older policy is in use."""
        return self._rejected

    def refresh(self) -> bool:
        """Reload the policy if its files changed; return whether there is a new policy.

        Raises:
            PolicyError: with every fault, once for each change; the last valid policy stays in use.
        """
        found = self._sign()
        if found == self._signature:
            return False
        self._signature = found
        before = self._current.digest
        self._rejected = True
        self._current = load(*self._paths)
        self._rejected = False
        return self._current.digest != before

    def _sign(self) -> Signature:
        try:
            return signature(sources(*self._paths))
        except OSError as error:
            return ((str(error),),)
