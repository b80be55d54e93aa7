"""CEL, compiled and evaluated; the one room that knows the engine."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from webhook.errors import MalformedExpression
from webhook.model import Review
from webhook.rules.steps import COUNT, Steps, counted

if TYPE_CHECKING:
    from cel import Context
    from cel import Program as Compiled

TAG: Final = "tag"
_OF_THE_REVIEW: Final = ("object", "oldObject", "request")
VARIABLES: Final = (*_OF_THE_REVIEW, TAG)
# The standard functions and macros of the language (cel-spec, doc/langdef.md); the package's stdlib module adds more.
_FUNCTIONS: Final = frozenset(
    [
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "string",
        "bytes",
        "int",
        "uint",
        "double",
        "bool",
        "duration",
        "timestamp",
        "type",
        "dyn",
        "has",
        "all",
        "exists",
        "exists_one",
        "map",
        "filter",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getFullYear",
        "getHours",
        "getMilliseconds",
        "getMinutes",
        "getMonth",
        "getSeconds",
    ]
)
_BOUND: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")


def _engine() -> tuple[ModuleType, ModuleType]:
    """Return the engine, and what it adds; importing it takes as long as all the rest, so who has no CEL does not."""
    import cel  # noqa: PLC0415 - see above
    from cel import stdlib  # noqa: PLC0415 - see above

    return cel, stdlib


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An expression that counts what it costs; the same as none but itself.

    Attributes:
        variables: those of `VARIABLES` that it reads.
        functions: what it calls.
        added: whether it calls one that is not the language's own.
    """

    variables: frozenset[str]
    functions: frozenset[str]
    added: bool
    compiled: "Compiled" = field(repr=False)


def compiled(source: str) -> Program:
    """Compile an expression; a name that nothing declares is an error here, not in production.

    Raises:
        MalformedExpression: with one sentence.
    """
    cel, stdlib = _engine()
    try:
        program: Compiled = cel.compile(source)
    except ValueError as error:
        said = str(error).replace(source, "", 1).partition("ERROR: ")[2]  # it repeats the whole expression first
        raise MalformedExpression("expected a CEL expression: " + said.partition("\n")[0]) from None
    added = {part for name in stdlib.STDLIB_FUNCTIONS for part in name.split(".")}  # such as `math` and `greatest`
    variables, functions = frozenset(program.variables()), frozenset(program.functions())
    if unknown := variables - {*VARIABLES, *_BOUND.findall(source), *added}:
        raise MalformedExpression(f"unknown name {', '.join(sorted(unknown))}; expected {', '.join(VARIABLES)}")
    if missing := {name for name in functions if name.isidentifier()} - _FUNCTIONS - added:
        raise MalformedExpression(f"unknown function {', '.join(sorted(missing))}")
    extended, counts = not added.isdisjoint((functions | variables) - _FUNCTIONS), counted(source)
    if TAG in variables:
        counts = f"[{TAG}].map({TAG}, {counts}\n)[0]"  # so that the engine asks for it once, and not in each turn
    return Program(variables & {*VARIABLES}, functions, extended, cel.compile(counts))


class Evaluation:
    """What expressions are evaluated with on one review; what is the same for all of its tags is done once."""

    def __init__(self, review: Review, steps: Steps) -> None:
        cel, self._stdlib = _engine()
        self._values = {"object": review.object, "oldObject": review.old_object, "request": review.request}
        self._warm = partial(cel.evaluate, "true")
        self._context: Context = cel.Context()
        self._added = False
        # Each new variable makes the engine build all of them anew, so the tag is one that it asks for.
        self._asked: dict[str, Any] = {}
        self._context.set_variable_resolver(self._asked.get)
        self._context.add_function(COUNT, steps.take)
        self._steps = steps
        self._known: dict[Program, Any] = {}

    def result(self, program: Program, tag: Callable[[], dict[str, Any]]) -> Any:
        """Evaluate `program` where the variable `tag` is what `tag` returns; whatever the engine raises comes out.

        Raises:
            TimeoutError: it costs more than is left for the review.
        """
        if program in self._known:
            return self._known[program]
        self._prepare(program)
        if TAG in program.variables:
            self._asked[TAG] = tag()
            return self._steps.spend(partial(program.compiled.execute, self._context))
        found = self._known[program] = self._steps.spend(partial(program.compiled.execute, self._context))
        return found

    def _prepare(self, program: Program) -> None:
        """Have what `program` reads, and let the engine take it up; that costs what the review's size allows."""
        missing = program.variables & self._values.keys()
        for name in missing:
            self._context.add_variable(name, self._values.pop(name))
        if program.added and not self._added:
            self._stdlib.add_stdlib_to_context(self._context)
            self._added = True
        if missing:
            self._warm(self._context)
