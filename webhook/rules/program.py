"""CEL, compiled and evaluated within bounds; the only module that uses the engine."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from webhook.errors import MalformedExpression
from webhook.model.review import Review
from webhook.rules.base import CostBudget
from webhook.text import quoted

if TYPE_CHECKING:
    from cel import Context
    from cel import Program as Compiled

TAG: Final = "tag"
_UNDEFINED: Final = re.compile(r"Undefined variable or function: '([\w.]+)'")
_FAILED: Final = re.compile(r"Function '([\w.]+)' error")
_OTHER_TYPE: Final = "a value is null or has another type than the expression expects"
_UNKNOWN: Final = "the CEL engine failed, please report this"
_SENTENCES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (IndexError, "an index is outside of its list"),
    (ZeroDivisionError, "division by zero"),
    (OverflowError, "a number does not fit into 64 bits"),
    (TypeError, _OTHER_TYPE),
)


def _engine() -> tuple[ModuleType, ModuleType]:
    """Return the engine and its extensions; the import takes as long as all others, so it is only done for CEL."""
    import cel  # noqa: PLC0415 - see above
    from cel import stdlib  # noqa: PLC0415 - see above

    return cel, stdlib


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An expression that counts its cost; equal only to itself.

    Attributes:
        variables: the variables that it reads.
        functions: the functions and macros that it calls.
        added: whether it calls a function that the engine adds to the language.
    """

    variables: frozenset[str]
    functions: frozenset[str]
    added: bool
    compiled: "Compiled" = field(repr=False)


def compiled(source: str) -> Program:
    """Compile an expression and check its types, so that mistakes are errors here and not in production.

    Raises:
        MalformedExpression: with a message for each mistake.
    """
    from webhook.expressions.checking import check  # noqa: PLC0415 - only for CEL, like the engine
    from webhook.expressions.declarations import declarations  # noqa: PLC0415 - only for CEL, like the engine
    from webhook.expressions.parser import counted, parse  # noqa: PLC0415 - only for CEL, like the engine

    cel, _ = _engine()
    try:
        cel.compile(source)
    except ValueError as error:
        said = str(error).replace(source, "", 1).partition("ERROR: ")[2]  # the message begins with the whole expression
        raise MalformedExpression("expected a CEL expression: " + said.partition("\n")[0]) from None
    tree = parse(source)
    counts = counted(source, tree)
    found = check(source, tree, declarations(), fault_of_pattern)
    if found.faults:
        raise MalformedExpression(*found.faults)
    if TAG in found.variables:
        counts = f"[{TAG}].map({TAG}, {counts}\n)[0]"  # so that the engine reads it once, not in each iteration
    return Program(found.variables, found.functions, found.added, cel.compile(counts))


def fault_of_pattern(literal: str) -> str:
    """Return why a pattern of `matches` does not compile, "" if it does.

    Args:
        literal: the pattern, as a CEL string.
    """
    cel, _ = _engine()
    try:
        cel.evaluate(f"''.matches({literal})")
    except RuntimeError as error:
        *_, reason = (line for line in str(error).splitlines() if line.startswith("error: "))
        return reason.removeprefix("error: ").partition(". Check function")[0]
    return ""


class Evaluation:
    """The evaluation of expressions on one review; values that all of its tags share are computed once."""

    def __init__(self, review: Review, budget: CostBudget) -> None:
        from webhook.expressions.parser import COUNT  # noqa: PLC0415 - only for CEL, like the engine

        cel, self._stdlib = _engine()
        self._values = {"object": review.object, "oldObject": review.old_object, "request": review.request}
        self._warm = partial(cel.evaluate, "true")
        self._context: Context = cel.Context()
        self._added = False
        # The engine rebuilds all variables for each new one, so the tag is a variable that it reads from a callback.
        self._asked: dict[str, Any] = {}
        self._context.set_variable_resolver(self._asked.get)
        self._context.add_function(COUNT, budget.take)
        self._budget = budget
        self._known: dict[Program, Any] = {}

    def result(self, program: Program, tag: Callable[[], dict[str, Any]]) -> Any:
        """Evaluate `program` with `tag()` as the variable `tag`; exceptions of the engine propagate.

        Raises:
            TimeoutError: the cost exceeds the remaining budget of the review.
        """
        if program in self._known:
            return self._known[program]
        self._prepare(program)
        if TAG in program.variables:
            self._asked[TAG] = tag()
            return self._budget.spend(partial(program.compiled.execute, self._context))
        found = self._known[program] = self._budget.spend(partial(program.compiled.execute, self._context))
        return found

    def _prepare(self, program: Program) -> None:
        """Convert the variables that `program` reads, once; the cost is bounded by the size of the review."""
        missing = program.variables & self._values.keys()
        for name in missing:
            self._context.add_variable(name, self._values.pop(name))
        if program.added and not self._added:
            self._stdlib.add_stdlib_to_context(self._context)
            self._added = True
        if missing:
            self._warm(self._context)


def failure(error: BaseException) -> str:
    """Return why an expression could not be evaluated, from the engine's exception."""
    if isinstance(error, TimeoutError):
        return str(error)
    if isinstance(error, KeyError):
        return f"{quoted(str(error.args[0]))} is missing; test for it with has() or in first"
    if isinstance(error, RuntimeError) and (found := _UNDEFINED.search(str(error))):
        return f"{found[1]} was called with null or a value of the wrong type"
    if isinstance(error, RuntimeError) and (found := _FAILED.search(str(error))):
        return f"{found[1]} was called with an invalid value"
    return next((text for kind, text in _SENTENCES if isinstance(error, kind)), _UNKNOWN)
