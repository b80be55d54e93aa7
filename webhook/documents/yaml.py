"""YAML documents, and YAML written; the one room that knows the library."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from webhook.documents.document import Document, after_index, after_key
from webhook.documents.lines import Lines, Mark
from webhook.documents.strict import finite, integer
from webhook.errors import Fault
from webhook.text import printable

_LARGEST: Final = 32 * 2**20  # bytes; a node costs some 450 bytes of memory
_MOST_NODES: Final = 200_000  # aliases multiply: a small text must not become a large value
_PLAIN: Final = {"str", "int", "float", "bool", "null"}
_MERGE: Final = "tag:yaml.org,2002:merge"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster, where it was built
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read(where: str, text: str) -> tuple[list[Document], list[Fault]]:
    """Read every document in `text`, and every fault that keeps one from being read.

    Args:
        where: the file's name, for the faults.
        text: YAML, of which JSON is a part.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    if len(text) > _LARGEST:
        sentence = f"expected {_LARGEST} characters of YAML at most; give what is larger as JSON"
        return [], [Fault(where, "", sentence)]
    lines = Lines(text)
    try:
        for node in yaml.compose_all(text, Loader=_LOADER):
            reader = _Reader(where, lines, max(_MOST_NODES, len(text)))
            value = reader.value(node, "")
            faults.extend(reader.faults)
            if value is not None:
                documents.append(Document(where, value, _Locator(node, lines).mark))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = min(mark.index, max(len(text.rstrip()) - 1, 0)) if mark else 0
        faults.append(Fault(where, "", f"expected YAML: {printable(str(error.problem))}", *lines.mark(at)))
    except yaml.reader.ReaderError as error:
        at = len(text.encode()[: error.position].decode(errors="ignore"))
        sentence = f"expected YAML: {error.reason} (U+{error.character:04X})"
        faults.append(Fault(where, "", sentence, *lines.mark(at)))
    except (yaml.YAMLError, ValueError) as error:
        faults.append(Fault(where, "", f"expected YAML: {printable(str(error))}", 1))
    except RecursionError:
        faults.append(Fault(where, "", "the YAML is nested too deeply", 1))
    return documents, faults


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


class _Locator:
    """Finds the places in one document by its nodes."""

    def __init__(self, root: yaml.Node, lines: Lines) -> None:
        self._root, self._lines = root, lines

    def mark(self, path: str) -> Mark:
        """Return the place of the value at `path`, or of the value that would hold it."""
        node, shown = self._root, self._root
        while path:
            step = _step(node, path)
            if step is None:
                break
            shown, node, path = step
        return self._lines.mark(shown.start_mark.index)


def _step(node: yaml.Node, path: str) -> tuple[yaml.Node, yaml.Node, str] | None:
    """Return what shows the first step of `path` in `node`, the node it leads to, and what is left of `path`."""
    if isinstance(node, yaml.SequenceNode):
        index = after_index(path)
        if index is None or index[0] >= len(node.value):
            return None
        return node.value[index[0]], node.value[index[0]], index[1]
    found: tuple[yaml.Node, yaml.Node, str] | None = None
    for key, item in node.value if isinstance(node, yaml.MappingNode) else ():
        left = after_key(path, key.value) if isinstance(key, yaml.ScalarNode) else None
        if left is not None and (found is None or len(left) < len(found[2])):
            found = key, item, left
    if found is None and isinstance(node, yaml.MappingNode):
        found = next((step for merged in _merged(node) if (step := _step(merged, path))), None)
    return found


def _merged(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """Yield the maps that `node` takes over by `<<` (yaml.org/type/merge)."""
    for key, item in node.value:
        if key.tag == _MERGE:
            items = item.value if isinstance(item, yaml.SequenceNode) else [item]
            yield from (each for each in items if isinstance(each, yaml.MappingNode))


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, where: str, lines: Lines, most: int) -> None:
        self._where, self._lines = where, lines
        self.faults: list[Fault] = []
        self._most = self._left = most
        self._constructor = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: str) -> Any:
        """Return the value of `node`."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {self._most} values")
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        tag = node.tag.rpartition(":")[2]
        if tag not in _PLAIN:
            # A date or a binary is a string to everybody who reads JSON.
            return str(node.value)
        try:
            value = self._constructor.construct_object(node)
            if isinstance(value, float):
                finite(str(value))
            elif isinstance(value, int) and not isinstance(value, bool):
                integer(str(value))
        except (ValueError, yaml.YAMLError):
            self._fault(node, path, f"expected a value, got {printable(str(node.value)[:80])}")
            return None
        return value

    def _map(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag == _MERGE:
                continue
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                self._fault(key, path, "expected a string as key")
                continue
            below = f"{path}.{name}" if path else str(name)
            if name in found:
                self._fault(key, below, "the key stands twice; expected it once")
                continue
            found[name] = self.value(item, below)
        for merged in _merged(node):
            for name, value in self._map(merged, path).items():
                found.setdefault(name, value)
        return found

    def _fault(self, node: yaml.Node, path: str, message: str) -> None:
        mark = self._lines.mark(node.start_mark.index)
        self.faults.append(Fault(self._where, printable(path), message, *mark))
