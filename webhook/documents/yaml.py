"""YAML documents, and YAML written; the one room that knows the library."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar, Final

import yaml

from webhook.documents.document import Document, Lines, Section
from webhook.documents.mistakes import Problem, explained
from webhook.documents.nodes import PLAIN, Locator, Reader
from webhook.errors import Fault
from webhook.text import printable

_LARGEST: Final = 32 * 2**20  # bytes; a node costs some 450 bytes of memory
_MOST_NODES: Final = 200_000  # aliases multiply: a small text must not become a large value
_BASE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster, where it was built
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_BASE):  # type: ignore[misc,valid-type]
    """Makes nodes, and leaves the meaning of plain scalars to `scalars`."""

    yaml_implicit_resolvers: ClassVar[dict[None, list[tuple[str, re.Pattern[str]]]]] = {None: [(PLAIN, re.compile(""))]}


def read(where: str, text: str, section: Section | None = None) -> tuple[list[Document], list[Fault]]:
    """Read every document in `text`, and every fault that keeps one from being read.

    Args:
        where: the file's name, for the faults.
        text: YAML, of which JSON is a part.
        section: which part of a file `text` is, None if it is the whole.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    if len(text) > _LARGEST:
        sentence = f"expected {_LARGEST} characters of YAML at most; give what is larger as JSON"
        return [], [Fault(where, "", sentence)]
    lines = section or Section(Lines(text))
    try:
        reader = Reader(where, lines, max(_MOST_NODES, len(text)), faults)
        for node in yaml.compose_all(text, Loader=_Loader):
            before = len(faults)
            value = reader.document(node)
            if value is not None:
                documents.append(Document(where, value, Locator(node, lines).mark, whole=len(faults) == before))
    except yaml.MarkedYAMLError as error:
        at, sentence = _explained(text, error)
        at = min(at, max(len(text.rstrip()) - 1, 0))  # the end is shown at the last character
        faults.append(Fault(where, "", f"expected YAML: {sentence}", *lines.mark(at)))
    except yaml.reader.ReaderError as error:
        at = len(text.encode()[: error.position].decode(errors="ignore"))
        sentence = f"expected YAML: {error.reason} (U+{error.character:04X})"
        faults.append(Fault(where, "", sentence, *lines.mark(at)))
    except (yaml.YAMLError, ValueError) as error:
        faults.append(Fault(where, "", f"expected YAML: {printable(str(error))}", 1))
    except RecursionError:
        faults.append(Fault(where, "", "the YAML is nested too deeply", 1))
    return documents, faults


def _explained(text: str, error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Return the offset of what is no YAML, and a sentence for it."""
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark else 0
    began = error.context_mark.index if error.context_mark else at
    return explained(
        Problem(text, str(error.problem), str(error.context or ""), at, began), lambda: _innermost_open(text, at)
    )


def _innermost_open(text: str, end: int) -> int | None:
    """Return the offset of the innermost bracket that is open at `end`, None if none is."""
    opened: list[int] = []
    with suppress(yaml.YAMLError):  # it is known that the text is no YAML
        for token in yaml.scan(text[:end], Loader=_Loader):
            if isinstance(token, (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)):
                opened.append(token.start_mark.index)
            elif isinstance(token, (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)) and opened:
                opened.pop()
    return opened[-1] if opened else None


def dump(value: Any) -> str:
    """Return JSON values as YAML in block style, in their order, ASCII only."""
    text: str = yaml.dump(value, Dumper=_DUMPER, sort_keys=False, width=4096)
    return text


def dump_all(values: Iterable[Any]) -> str:
    """Return JSON values as YAML documents, as `dump`, but text of several lines as it is."""
    text: str = yaml.dump_all(
        values, Dumper=_Writer, explicit_start=True, sort_keys=False, allow_unicode=True, width=2**20
    )
    return text


class _Writer(yaml.SafeDumper):
    """Writes text of several lines as such."""


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)
