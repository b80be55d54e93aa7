"""The types of an expression's parts, and everything in it that can only fail or mislead when it is evaluated."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from webhook.expressions.functions import NAMES, NAMESPACES, Overload, overloads
from webhook.expressions.operators import EQUALITY, element, iterated, negated, operated
from webhook.expressions.syntax import (
    MACROS,
    Call,
    Chain,
    Conditional,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
)
from webhook.expressions.types import (
    BOOL,
    DYN,
    STRING,
    TYPE,
    ListOf,
    MapOf,
    Record,
    Scalar,
    Type,
    alternatives,
    fits,
    join,
    one_of,
)
from webhook.text import nearest, printable, quoted

# Types are values of the language, by these names (cel-spec, doc/langdef.md, Values), as far as the engine knows them.
_TYPE_NAMES: Final = frozenset(
    {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"}
)
_PLAIN: Final = re.compile(r"""(?P<quote>["'])(?P<text>[A-Za-z_][\w./-]*)(?P=quote)""")
_LONGEST: Final = 60  # characters of a part of an expression in a message


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of an expression before it is evaluated.

    Attributes:
        type: the type of its result.
        variables: the declared variables that it reads.
        functions: the functions and macros that it calls.
        faults: a sentence for each thing that is wrong.
    """

    type: Type
    variables: frozenset[str]
    functions: frozenset[str]
    faults: tuple[str, ...]


def check(
    source: str, tree: Node, variables: Mapping[str, Type], fault_of_pattern: Callable[[str], str]
) -> Checked:
    """Check the types of an expression that must be true or false.

    Args:
        source: the expression.
        tree: the same, parsed.
        variables: the types of the variables that it may read.
        fault_of_pattern: returns why the pattern of `matches`, written as a CEL string, does not compile; "" if it does.
    """
    checker = _Checker(source, variables, fault_of_pattern)
    found = checker.type_of(tree)
    if not fits(found, BOOL):
        checker.faults.append(f"expected an expression that is true or false, got {found}")
    return Checked(
        found,
        frozenset(checker.read),
        frozenset(checker.called),
        tuple(dict.fromkeys(checker.faults)),
    )


class _Checker:
    """Finds the types of nodes; a part with a fault has the type DYN, so that one mistake is one fault."""

    def __init__(self, source: str, variables: Mapping[str, Type], fault_of_pattern: Callable[[str], str]) -> None:
        self._source, self._variables, self._fault_of_pattern = source, variables, fault_of_pattern
        self._bound: dict[str, Type] = {}
        self.faults: list[str] = []
        self.read: set[str] = set()
        self.called: set[str] = set()

    def type_of(self, node: Node) -> Type:
        """Return the type of `node`."""
        match node:
            case Literal():
                return Scalar(node.kind)
            case Name():
                return self._name(node)
            case Select():
                return self._select(node, node.field, self.type_of(node.operand), node.operand)
            case Index():
                return self._index(node)
            case Call():
                return self._call(node)
            case Unary():
                operand = self.type_of(node.operand)
                return self._or_fault(
                    negated(node.operator, operand), f"{self._quoted(node)}: {node.operator} cannot take {operand}"
                )
            case Chain():
                return self._chain(node)
            case Conditional():
                return self._conditional(node)
            case ListLiteral():
                return ListOf(_common(self.type_of(each) for each in node.items))
            case MapLiteral():
                return MapOf(
                    _common(self.type_of(key) for key, _ in node.entries),
                    _common(self.type_of(value) for _, value in node.entries),
                )
            case _:
                raise TypeError(type(node).__name__)

    def _name(self, node: Name) -> Type:
        if node.name in self._bound:
            return self._bound[node.name]
        if node.name in self._variables:
            self.read.add(node.name)
            return self._variables[node.name]
        if node.name in _TYPE_NAMES:
            return TYPE
        known = (*self._bound, *self._variables)
        expected = _meant(nearest(node.name, known)) or f"; expected {', '.join(self._variables)}"
        return self._fault(f"unknown name {printable(node.name[:_LONGEST])}{expected}")

    def _select(self, node: Node, field: str, operand: Type, of: Node) -> Type:
        """Return the type of a field of `operand`."""
        found: list[Type] = []
        known: dict[str, None] = {}
        is_open = True
        for each in alternatives(operand):
            if each is DYN:
                return DYN
            if isinstance(each, Record):
                known.update(dict.fromkeys(each.fields))
                is_open = is_open and each.open
                if field in each.fields:
                    found.append(each.fields[field].type)
            elif isinstance(each, MapOf) and fits(STRING, each.key):
                found.append(each.value)
        if found:
            return one_of(found)
        if not known:
            return self._fault(f"{self._quoted(node)}: {operand} has no fields")
        path = self._shown(of)
        like = nearest(field, known)
        expected = _meant(f"{path}.{like}" if like else "") or f"; expected one of {', '.join(known)}"
        by_index = f'; the webhook does not know it: read it as {path}["{field}"]' if is_open else ""
        return self._fault(f"unknown field {path}.{printable(field[:_LONGEST])}{expected}{by_index}")

    def _index(self, node: Index) -> Type:
        operand, index = self.type_of(node.operand), self.type_of(node.index)
        plain = _PLAIN.fullmatch(self._text(node.index)) if isinstance(node.index, Literal) else None
        records = [each for each in alternatives(operand) if isinstance(each, Record)]
        if plain and records:
            name = plain["text"]
            if any(name in each.fields for each in records) or not any(each.open for each in records):
                return self._select(node, name, operand, node.operand)
        return self._or_fault(element(operand, index), f"{self._quoted(node)}: {operand} has no index of type {index}")

    def _chain(self, node: Chain) -> Type:
        left = self.type_of(node.first)
        for (_, before), (operator, operand) in pairwise((("", node.first), *node.rest)):
            right = self.type_of(operand)
            found = operated(operator, left, right)
            if found is None:
                whole = self._cut(self._source[(node.first if before is node.first else before).start : operand.end])
                left = self._fault(f"{quoted(whole)}: {_mismatch(operator, left, right)}")
            else:
                left = found
        return left

    def _conditional(self, node: Conditional) -> Type:
        condition, yes, no = (self.type_of(each) for each in node.parts)
        if not fits(condition, BOOL):
            self.faults.append(f"{self._quoted(node.condition)}: expected true or false before ?, got {condition}")
        sentence = f"{self._quoted(node)}: expected values of one type on both sides of :, got {yes} and {no}"
        return self._or_fault(join((yes, no)), sentence)

    def _call(self, node: Call) -> Type:
        if node.binds:
            return self._macro(node)
        if node.target is None and node.function == "has":
            return self._has(node)
        arguments = node.parts
        name = node.function
        if isinstance(node.target, Name) and node.target.name in NAMESPACES - self._bound.keys() - self._variables.keys():
            name, arguments = f"{node.target.name}.{name}", node.arguments
        self.called.add(name)
        types = tuple(self.type_of(each) for each in arguments)
        known = overloads(name)
        if not known:
            wanted = MACROS.get(name)
            if wanted and node.target is not None:
                return self._fault(f"{name} takes a variable and an expression: LIST.{name}(x, EXPRESSION)")
            return self._fault(f"unknown function {printable(name[:_LONGEST])}{_meant(nearest(name, NAMES))}")
        method = len(arguments) > len(node.arguments)
        results = [each.gives for each in known if _applies(each, types, method=method)]
        if not results:
            return self._fault(f"{self._quoted(node)}: {_called(name, known, types, method=method)}")
        if name == "matches" and isinstance(node.arguments[0], Literal):
            self._pattern(node.arguments[0])
        return one_of(results)

    def _has(self, node: Call) -> Type:
        self.called.add("has")
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Select):
            return self._fault(f"{self._quoted(node)}: expected has(VALUE.FIELD)")
        self.type_of(node.arguments[0])
        return BOOL

    def _macro(self, node: Call) -> Type:
        self.called.add(node.function)
        target = self.type_of(node.arguments[0] if node.target is None else node.target)
        item = iterated(target)
        if item is None:
            item = self._fault(f"{self._quoted(node)}: expected a list or a map before .{node.function}, got {target}")
        with self._binding(node.binds, item):
            *conditions, last = (self.type_of(each) for each in node.arguments[1:])
        if node.function == "map":
            result: Type = ListOf(last)
        else:
            conditions.append(last)
            result = ListOf(item) if node.function == "filter" else BOOL
        for condition in conditions:
            if not fits(condition, BOOL):
                self.faults.append(f"{self._quoted(node)}: {node.function} tests for true or false, got {condition}")
        return result

    @contextmanager
    def _binding(self, name: str, item: Type) -> Iterator[None]:
        """Let `name` be a variable of the type `item`."""
        before = self._bound
        self._bound = {**before, name: item}
        try:
            yield
        finally:
            self._bound = before

    def _pattern(self, node: Literal) -> None:
        if wrong := self._fault_of_pattern(self._text(node)):
            self.faults.append(f"{self._quoted(node)} is no pattern of matches: {wrong}")

    def _or_fault(self, found: Type | None, message: str) -> Type:
        return self._fault(message) if found is None else found

    def _fault(self, message: str) -> Type:
        self.faults.append(message)
        return DYN

    def _text(self, node: Node) -> str:
        return self._source[node.start : node.end]

    def _shown(self, node: Node) -> str:
        return printable(self._cut(self._text(node)))

    def _quoted(self, node: Node) -> str:
        return quoted(self._cut(self._text(node)))

    @staticmethod
    def _cut(text: str) -> str:
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _common(types: Iterable[Type]) -> Type:
    """Return the type of the elements of a list or map that is written out; they may have several."""
    found = list(types)
    return (join(found) or DYN) if found else DYN


def _meant(word: str) -> str:
    return f"; did you mean {word}?" if word else ""


def _mismatch(operator: str, left: Type, right: Type) -> str:
    if operator in EQUALITY:
        return f"{left} and {right} are never equal; compare values of one type"
    if operator == "in":
        return f"expected a list of {left} values or a map with such keys after in, got {right}"
    return f"{operator} cannot take {left} and {right}"


def _applies(overload: Overload, types: tuple[Type, ...], *, method: bool) -> bool:
    if not (overload.method if method else overload.function) or len(overload.takes) != len(types):
        return False
    return all(fits(given, wanted) for given, wanted in zip(types, overload.takes, strict=True))


def _called(name: str, known: tuple[Overload, ...], types: tuple[Type, ...], *, method: bool) -> str:
    """Return the sentence for a call that no overload takes."""
    forms: list[str] = []
    for each in known:
        takes = [str(kind) for kind in each.takes]
        forms.append(f"{takes[0]}.{name}({', '.join(takes[1:])})" if each.method and takes else f"{name}({', '.join(takes)})")
    got = [str(kind) for kind in types]
    said = f"{got[0]}.{name}({', '.join(got[1:])})" if method else f"{name}({', '.join(got)})"
    return f"expected {' or '.join(dict.fromkeys(forms[:4]))}, got {said}"


