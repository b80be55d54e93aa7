"""YAML into plain values that remember their lines; the one room that knows the library."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from webhook.errors import Fault
from webhook.text import printable

_MOST_NODES: Final = 200_000  # aliases multiply: a small text must not become a large value
_PLAIN: Final = {"str", "int", "float", "bool", "null"}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    Attributes:
        where: the file's name.
        value: plain values: maps with string keys, lists, strings, numbers, booleans, None.
        lines: JSON paths to line numbers, from 1.
    """

    where: str
    value: Any
    lines: dict[str, int]

    def line(self, path: str) -> int:
        """Return the line of what stands at `path`, or of what would hold it."""
        while path and path not in self.lines:
            path = _parent(path)
        return self.lines.get(path, 1)

    def fault(self, path: str, message: str) -> Fault:
        """Return the fault at `path`."""
        return Fault(f"{self.where}:{self.line(path)}", path, message)


def _parent(path: str) -> str:
    cut = max(path.rfind("."), path.rfind("["))
    return path[:cut] if cut > 0 else ""


def read(where: str, text: str) -> tuple[list[Document], list[Fault]]:
    """Read every document in `text`, and every fault that keeps one from being read.

    Args:
        where: the file's name, for the faults.
        text: YAML, of which JSON is a part.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            reader = _Reader(where)
            value = reader.value(node, "")
            faults.extend(reader.faults)
            if value is not None:
                documents.append(Document(where, value, reader.lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.append(
            Fault(f"{where}:{mark.line + 1 if mark else 1}", "", f"expected YAML: {printable(str(error.problem))}")
        )
    except (yaml.YAMLError, ValueError) as error:
        faults.append(Fault(f"{where}:1", "", f"expected YAML: {printable(str(error))}"))
    except RecursionError:
        faults.append(Fault(f"{where}:1", "", "expected a policy: the YAML is nested too deeply"))
    return documents, faults


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []
        self._left = _MOST_NODES
        self._constructor = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: str) -> Any:
        """Return the value of `node`, and note its line."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {_MOST_NODES} values")
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        tag = node.tag.rpartition(":")[2]
        if tag not in _PLAIN:
            # A date or a binary is a string to everybody who reads JSON.
            return str(node.value)
        try:
            return self._constructor.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self._fault(node, path, f"expected a value, got {printable(str(node.value))}")
            return None

    def _map(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in self._pairs(node):
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                self._fault(key, path, "expected a string as key")
                continue
            below = f"{path}.{name}" if path else str(name)
            if name in found:
                self._fault(key, below, "the key stands twice; expected it once")
                continue
            self.lines[below] = key.start_mark.line + 1
            found[name] = self.value(item, below)
        return found

    @staticmethod
    def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        yield from node.value

    def _fault(self, node: yaml.Node, path: str, message: str) -> None:
        self.faults.append(Fault(f"{self.where}:{node.start_mark.line + 1}", path, message))
