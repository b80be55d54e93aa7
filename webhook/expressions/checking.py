"""Type checking: the type of an expression, from its leaves to its root, and the parts that can fail at evaluation."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from webhook.expressions import functions, syntax
from webhook.expressions.operators import KEYS, element, iterated, mismatch, negated, operated, selected
from webhook.expressions.types import (
    BOOL,
    DYN,
    TYPE,
    ListOf,
    MapOf,
    Record,
    Scalar,
    Type,
    alternatives,
    common,
    fits,
    join,
    one_of,
)
from webhook.text import printable, quoted

# Types are values of the language by these names (cel-spec, doc/langdef.md, Values), if the engine supports them.
_TYPE_NAMES: Final = frozenset({"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"})
_PLAIN: Final = re.compile(r"""(?P<quote>["'])(?P<text>[A-Za-z_][\w./-]*)(?P=quote)""")
_LONGEST: Final = 60  # characters of a part of an expression in a message


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking an expression before its evaluation.

    Attributes:
        type: the type of its result.
        variables: the declared variables that it reads.
        functions: the functions and macros that it calls.
        added: whether it calls a function that the engine adds to the language.
        faults: a message for each error.
    """

    type: Type
    variables: frozenset[str]
    functions: frozenset[str]
    added: bool
    faults: tuple[str, ...]


def check(
    source: str, tree: syntax.Node, variables: Mapping[str, Type], fault_of_pattern: Callable[[str], str]
) -> Checked:
    """Check the types of an expression that must be a boolean.

    Args:
        source: the expression.
        tree: the parsed expression.
        variables: the types of the variables that it may read.
        fault_of_pattern: returns why a pattern of `matches`, a CEL string, does not compile; "" if it does.
    """
    checker = Checker(source, variables, fault_of_pattern)
    found = checker.type_of(tree)
    if not fits(found, BOOL):
        checker.faults.append(f"expected a boolean expression, got {found}")
    return Checked(
        found,
        frozenset(checker.read),
        frozenset(checker.called),
        checker.added,
        tuple(dict.fromkeys(checker.faults)),
    )


class Checker:
    """Finds the types of nodes; a part with an error has the type DYN, so that one mistake is one error."""

    def __init__(self, source: str, variables: Mapping[str, Type], fault_of_pattern: Callable[[str], str]) -> None:
        self._source, self._variables, self._fault_of_pattern = source, variables, fault_of_pattern
        self._bound: dict[str, Type] = {}
        self.faults: list[str] = []
        self.read: set[str] = set()
        self.called: set[str] = set()
        self.added = False

    def type_of(self, node: syntax.Node) -> Type:
        """Return the type of `node`."""
        found: Type = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return found

    def _literal(self, node: syntax.Literal) -> Type:
        return Scalar(node.kind)

    def _listliteral(self, node: syntax.ListLiteral) -> Type:
        return ListOf(common(self.type_of(each) for each in node.items))

    def _mapliteral(self, node: syntax.MapLiteral) -> Type:
        keys, values = ([self.type_of(entry[side]) for entry in node.entries] for side in (0, 1))
        for (written, _), key in zip(node.entries, keys, strict=True):
            if not any(fits(key, each) for each in KEYS):
                self.faults.append(
                    f"{self._quoted(written)}: expected a string, an integer or a boolean as a key, got {key}"
                )
        return MapOf(common(keys), common(values))

    def _unary(self, node: syntax.Unary) -> Type:
        operand = self.type_of(node.operand)
        sentence = f"{self._quoted(node)}: {node.operator} cannot take {operand}"
        return self._or_fault(negated(node.operator, operand), sentence)

    def _name(self, node: syntax.Name) -> Type:
        if node.name in self._bound:
            return self._bound[node.name]
        if node.name in self._variables:
            self.read.add(node.name)
            return self._variables[node.name]
        if node.name in _TYPE_NAMES:
            return TYPE
        return self._fault(functions.unknown_name(node.name, self._bound, self._variables))

    def _select(self, node: syntax.Select) -> Type:
        return self._field(node, node.field, self.type_of(node.operand), node.operand)

    def _field(self, node: syntax.Node, field: str, operand: Type, of: syntax.Node) -> Type:
        """Return the type of a field of `operand`."""
        found, known, is_open = selected(operand, field)
        if found is not None:
            return found
        if not known:
            return self._fault(f"{self._quoted(node)}: {operand} has no fields")
        return self._fault(functions.unknown_field(self._shown(of), field, known, others=is_open))

    def _index(self, node: syntax.Index) -> Type:
        operand, index = self.type_of(node.operand), self.type_of(node.index)
        plain = _PLAIN.fullmatch(self._text(node.index)) if isinstance(node.index, syntax.Literal) else None
        records = [each for each in alternatives(operand) if isinstance(each, Record)]
        if plain and records:
            name = plain["text"]
            if any(name in each.fields for each in records) or not any(each.open for each in records):
                return self._field(node, name, operand, node.operand)
        return self._or_fault(element(operand, index), f"{self._quoted(node)}: {operand} has no index of type {index}")

    def _chain(self, node: syntax.Chain) -> Type:
        left = self.type_of(node.first)
        for operator, operand in node.rest:
            right = self.type_of(operand)
            whole = quoted(self._cut(self._source[node.start : operand.end]))
            left = self._or_fault(operated(operator, left, right), f"{whole}: {mismatch(operator, left, right)}")
        return left

    def _conditional(self, node: syntax.Conditional) -> Type:
        condition, yes, no = (self.type_of(each) for each in node.parts)
        if not fits(condition, BOOL):
            self.faults.append(f"{self._quoted(node.condition)}: expected a boolean before ?, got {condition}")
        sentence = f"{self._quoted(node)}: expected values of one type on both sides of :, got {yes} and {no}"
        return self._or_fault(join((yes, no)), sentence)

    def _call(self, node: syntax.Call) -> Type:
        if node.binds:
            return self._macro(node)
        if node.target is None and node.function == "has":
            return self._has(node)
        arguments, name = node.parts, node.function
        if isinstance(node.target, syntax.Name) and self._is_namespace(node.target.name):
            name, arguments = f"{node.target.name}.{name}", node.arguments
        self.called.add(name)
        known = functions.overloads(name)
        if not known:
            return self._fault(functions.unknown_function(name, functions.NAMES))
        types = tuple(self.type_of(each) for each in arguments)
        method = len(arguments) > len(node.arguments)
        applying = [each for each in known if functions.applies(each, types, method=method)]
        if not applying:
            return self._fault(f"{self._quoted(node)}: {functions.wrong_call(name, known, types, method=method)}")
        if name == "matches" and isinstance(node.arguments[0], syntax.Literal):
            self._pattern(node.arguments[0])
        self.added = self.added or any(each in functions.ADDED.get(name, ()) for each in applying)
        return one_of(each.gives for each in applying)

    def _is_namespace(self, name: str) -> bool:
        return name in functions.NAMESPACES and name not in self._bound and name not in self._variables

    def _has(self, node: syntax.Call) -> Type:
        self.called.add("has")
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], syntax.Select):
            return self._fault(f"{self._quoted(node)}: expected has(VALUE.FIELD)")
        self.type_of(node.arguments[0])
        return BOOL

    def _macro(self, node: syntax.Call) -> Type:
        self.called.add(node.function)
        target = DYN if node.target is None else self.type_of(node.target)
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
                self.faults.append(f"{self._quoted(node)}: expected a boolean in {node.function}, got {condition}")
        return result

    @contextmanager
    def _binding(self, name: str, item: Type) -> Iterator[None]:
        """Bind `name` to a variable of the type `item`."""
        before = self._bound
        self._bound = {**before, name: item}
        try:
            yield
        finally:
            self._bound = before

    def _pattern(self, node: syntax.Literal) -> None:
        if wrong := self._fault_of_pattern(self._text(node)):
            self.faults.append(f"{self._quoted(node)} is not a valid pattern for matches: {wrong}")

    def _or_fault(self, found: Type | None, message: str) -> Type:
        return self._fault(message) if found is None else found

    def _fault(self, message: str) -> Type:
        self.faults.append(message)
        return DYN

    def _text(self, node: syntax.Node) -> str:
        return self._source[node.start : node.end]

    def _shown(self, node: syntax.Node) -> str:
        return printable(self._cut(self._text(node)))

    def _quoted(self, node: syntax.Node) -> str:
        return quoted(self._cut(self._text(node)))

    @staticmethod
    def _cut(text: str) -> str:
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
