"""Converts the nodes of YAML documents to JSON values, and locates every value."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import yaml

from webhook.documents.document import Mark, Path, PathKeys, Section, after_index, written
from webhook.documents.scalars import Scalar, key, resolve
from webhook.errors import Fault
from webhook.text import printable

_MOST_FAULTS: Final = 1_000
PLAIN: Final = "!plain"  # marks unquoted scalars without a tag; a document cannot contain this tag
_TYPED: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "tag:yaml.org,2002:int": (int,),
        "tag:yaml.org,2002:float": (int, float),
        "tag:yaml.org,2002:bool": (bool,),
        "tag:yaml.org,2002:null": (type(None),),
    }
)
_API: Final = "istag-webhook/"
_BINARY: Final = "tag:yaml.org,2002:binary"
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
        return key(_resolved(node, own=own))
    return None


def _resolved(node: yaml.Node, *, own: bool) -> Scalar:
    """Return the value of a scalar; a date is a string in JSON.

    Raises:
        ValueError: the scalar is a number that JSON cannot represent, or does not have the type of its tag.
    """
    if node.tag == _BINARY:
        return b64decode(node.value).decode()
    types = _TYPED.get(node.tag, ())
    if node.tag != PLAIN and not types:
        return str(node.value)
    value = resolve(node.value, own=own)
    if types and type(value) not in types:
        raise ValueError(f"expected {node.tag}")
    return value


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
            return _resolved(node, own=self._own)
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
