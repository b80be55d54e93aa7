"""Reads and writes YAML documents, and locates every value. Only this room uses the library."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, ClassVar, Final

import yaml

from webhook.documents.document import Document, Lines, Mark, Path, PathKeys, Section, after_index, written
from webhook.documents.mistakes import Problem, explained
from webhook.documents.scalars import PLAIN, key, tagged
from webhook.errors import Fault
from webhook.text import printable

_LARGEST: Final = 32 * 2**20  # bytes; a node takes about 450 bytes of memory
_MOST_NODES: Final = 200_000  # limits aliases, which can expand a small text to a large value
_BASE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster, if available
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_MOST_FAULTS: Final = 1_000
_API: Final = "istag-webhook/"
_MERGE: Final = "tag:yaml.org,2002:merge"
_Children = dict[str, tuple[yaml.Node, yaml.Node]]


class Locator:
    """Finds the positions of values in one document; each node is scanned once."""

    def __init__(self, root: yaml.Node, lines: Section) -> None:
        self._root, self._lines = root, lines
        self._known: dict[int, tuple[_Children, PathKeys]] = {}
        self._own = _is_own(root)

    def mark(self, path: str) -> Mark:
        """Return the position of the value at `path`, or of its nearest parent."""
        node, shown = self._root, self._root
        while path:
            step = self._step(node, path)
            if step is None:
                break
            (shown, node), path = step
        return self._lines.mark(shown.start_mark.index)

    def _step(self, node: yaml.Node, path: str) -> tuple[tuple[yaml.Node, yaml.Node], str] | None:
        """Return the node to show for the first step of `path`, the node that it leads to, and the rest of `path`."""
        if isinstance(node, yaml.SequenceNode):
            index = after_index(path)
            if index is None or index[0] >= len(node.value):
                return None
            return (node.value[index[0]], node.value[index[0]]), index[1]
        children, steps = self._children(node)
        step = steps.first(path)
        return (children[step[0]], step[1]) if step is not None else None

    def _children(self, node: yaml.Node) -> tuple[_Children, PathKeys]:
        """Return the keys of a map, with the nodes of each key and value; the map's own keys override merged ones."""
        if id(node) not in self._known:
            children: _Children = {}
            for shown, item in node.value if isinstance(node, yaml.MappingNode) else ():
                name = None if _merges(shown) else _key(shown, own=self._own)
                if name is not None:
                    children.setdefault(name, (shown, item))
            for merged in _merged(node):
                children = {**self._children(merged)[0], **children}
            self._known[id(node)] = children, PathKeys.of(children)
        return self._known[id(node)]


def _merged(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Yield the maps that `node` merges by `<<`; the first takes precedence (yaml.org/type/merge)."""
    for shown, item in node.value if isinstance(node, yaml.MappingNode) else ():
        if _merges(shown):
            items = item.value if isinstance(item, yaml.SequenceNode) else [item]
            yield from (each for each in items if isinstance(each, yaml.MappingNode))


def _merges(node: yaml.Node) -> bool:
    """Return whether a key is the merge key `<<`."""
    return node.tag == _MERGE or (node.tag == PLAIN and node.value == "<<")


def _is_own(root: yaml.Node) -> bool:
    """Return whether a document has an apiVersion of this project, such as a policy."""
    if not isinstance(root, yaml.MappingNode):
        return False
    versions = (item.value for shown, item in root.value if shown.value == "apiVersion")
    return any(isinstance(version, str) and version.startswith(_API) for version in versions)


def _key(node: yaml.Node, *, own: bool) -> str | None:
    """Return the JSON key of `node`, None if it cannot be one."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    with suppress(ValueError):
        return key(tagged(node.tag, node.value, own=own))
    return None


class Reader:
    """Converts the documents of a text; nodes that aliases and merge keys repeat are counted each time."""

    def __init__(self, where: str, lines: Section, most: int, faults: list[Fault]) -> None:
        self._where, self._lines, self._faults = where, lines, faults
        self._most = self._left = most
        self._own = False

    def document(self, root: yaml.Node) -> Any:
        """Return the value of a document.

        Raises:
            ValueError: the text exceeds the limit of values or of faults.
        """
        self._own = _is_own(root)
        return self._value(root, None)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._count()
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {self._most} values")

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        try:
            return tagged(node.tag, node.value, own=self._own)
        except ValueError:
            self._fault(node, path, f"expected a value, got {printable(str(node.value)[:80])}")
            return None

    def _map(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for shown, item in node.value:
            if _merges(shown):
                continue
            name = _key(shown, own=self._own)
            if name is None:
                self._fault(shown, path, "expected a string as key")
                continue
            if name in found:
                self._fault(shown, (path, name), "duplicate key")
                continue
            found[name] = self._value(item, (path, name))
        for merged in _merged(node):
            self._count()
            for name, value in self._map(merged, path).items():
                found.setdefault(name, value)
        return found

    def _fault(self, node: yaml.Node, path: Path, message: str) -> None:
        mark = self._lines.mark(node.start_mark.index)
        if len(self._faults) >= _MOST_FAULTS:
            raise ValueError(f"more than {_MOST_FAULTS} faults")
        self._faults.append(Fault(self._where, printable(written(path)), message, *mark))


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
