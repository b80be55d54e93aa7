"""Reads and writes YAML documents. Only this room uses the library."""

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

_LARGEST: Final = 32 * 2**20  # bytes; a node takes about 450 bytes of memory
_MOST_NODES: Final = 200_000  # limits aliases, which can expand a small text to a large value
_BASE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster, if available
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_BASE):  # type: ignore[misc,valid-type]
    """Builds nodes only; `scalars` interprets plain scalars."""

    yaml_implicit_resolvers: ClassVar[dict[None, list[tuple[str, re.Pattern[str]]]]] = {None: [(PLAIN, re.compile(""))]}


def read(where: str, text: str, section: Section | None = None) -> tuple[list[Document], list[Fault]]:
    """Read all documents in `text`, and the faults of those that cannot be read.

    Args:
        where: the file name, for faults.
        text: YAML, which includes JSON.
        section: the part of the file that `text` is, None for the whole file.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    if len(text) > _LARGEST:
        sentence = f"expected {_LARGEST} characters of YAML at most; convert larger files to JSON"
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
        at = min(at, max(len(text.rstrip()) - 1, 0))  # an error at the end is reported at the last character
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
    """Return the offset of a syntax error, and a message."""
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark else 0
    began = error.context_mark.index if error.context_mark else at
    return explained(
        Problem(text, str(error.problem), str(error.context or ""), at, began), lambda: _innermost_open(text, at)
    )


def _innermost_open(text: str, end: int) -> int | None:
    """Return the offset of the innermost bracket that is open at `end`, None if there is none."""
    opened: list[int] = []
    with suppress(yaml.YAMLError):  # the syntax error is already known
        for token in yaml.scan(text[:end], Loader=_Loader):
            if isinstance(token, (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)):
                opened.append(token.start_mark.index)
            elif isinstance(token, (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)) and opened:
                opened.pop()
    return opened[-1] if opened else None


def dump(value: Any) -> str:
    """Return JSON values as YAML in block style; keys keep their order, output is ASCII."""
    text: str = yaml.dump(value, Dumper=_DUMPER, sort_keys=False, width=4096)
    return text


def dump_all(values: Iterable[Any]) -> str:
    """Return JSON values as a YAML stream, like `dump`, with multi-line text in literal style."""
    text: str = yaml.dump_all(
        values, Dumper=_Writer, explicit_start=True, sort_keys=False, allow_unicode=True, width=2**20
    )
    return text


class _Writer(yaml.SafeDumper):
    """Writes multi-line text in literal style."""


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)
