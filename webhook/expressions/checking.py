"""An expression's type, and everything in it that can only fail or mislead when it is evaluated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from webhook.expressions.inference import Checker
from webhook.expressions.syntax import Node
from webhook.expressions.types import BOOL, Type, fits


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of an expression before it is evaluated.

    Attributes:
        type: the type of its result.
        variables: the declared variables that it reads.
        functions: the functions and macros that it calls.
        added: whether it calls a function that the engine adds to the language.
        faults: a sentence for each thing that is wrong.
    """

    type: Type
    variables: frozenset[str]
    functions: frozenset[str]
    added: bool
    faults: tuple[str, ...]


def check(source: str, tree: Node, variables: Mapping[str, Type], fault_of_pattern: Callable[[str], str]) -> Checked:
    """Check the types of an expression that must be true or false.

    Args:
        source: the expression.
        tree: the same, parsed.
        variables: the types of the variables that it may read.
        fault_of_pattern: returns why a pattern of `matches`, a CEL string, does not compile; "" if it does.
    """
    checker = Checker(source, variables, fault_of_pattern)
    found = checker.type_of(tree)
    if not fits(found, BOOL):
        checker.faults.append(f"expected an expression that is true or false, got {found}")
    return Checked(
        found,
        frozenset(checker.read),
        frozenset(checker.called),
        checker.added,
        tuple(dict.fromkeys(checker.faults)),
    )
