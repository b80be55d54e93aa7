"""A rule written in CEL, as a ValidatingAdmissionPolicy writes its validations; the one room that knows the engine."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import ValidationError

from webhook.model import Image, Review, TagChange
from webhook.parameters import Items, Parameter, Record, Schema, Sentence
from webhook.rules.base import Rule, Violation, parameter
from webhook.rules.steps import COUNT, Steps, TooDeep, counted
from webhook.text import quoted

if TYPE_CHECKING:
    from cel import Program

_VARIABLES: Final = ("object", "oldObject", "request", "tag")
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
        "max",
        "min",
    ]
)
_BOUND: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_LONGEST: Final = 5_000


def _engine() -> tuple[ModuleType, ModuleType]:
    """Return the engine, and what it adds; importing it takes as long as all the rest, so who has no CEL does not."""
    import cel  # noqa: PLC0415 - see above
    from cel import stdlib  # noqa: PLC0415 - see above

    return cel, stdlib


def _added(stdlib: ModuleType) -> set[str]:
    """Return the names in the functions that the engine adds, such as `math` and `greatest`."""
    return {part for name in stdlib.STDLIB_FUNCTIONS for part in name.split(".")}


@dataclass(frozen=True, slots=True)
class Validation:
    """One expression and the sentence for those it refuses (admissionregistration.k8s.io/v1, Validation)."""

    expression: str
    message: str
    program: "Program" = field(repr=False, compare=False)
    variables: tuple[str, ...] = field(repr=False, compare=False)
    added: bool = field(repr=False, compare=False)
    counts: bool = field(repr=False, compare=False)

    def holds(self, variables: Mapping[str, Callable[[], Any]]) -> Any:
        """Evaluate the expression; whatever the engine raises comes out.

        Raises:
            TimeoutError: it costs more than it may.
        """
        values = {name: variables[name]() for name in self.variables}
        if not (self.added or self.counts):
            return self.program.execute(values)
        cel, stdlib = _engine()
        context, steps = cel.Context(values), Steps()
        if self.added:
            stdlib.add_stdlib_to_context(context)
        context.add_function(COUNT, steps.take)
        try:
            return self.program.execute(context)
        finally:
            if steps.spent:  # CEL's || and && may have swallowed that
                raise TimeoutError("it costs too much on this review")


class Cel(Parameter):
    """A CEL expression, compiled."""

    expected = "a CEL expression"

    def read(self, value: Any) -> "tuple[str, Program]":
        """Return the expression and its program; a name that nothing declares is an error here, not in production."""
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(value)
        if len(value) > _LONGEST:
            raise ValidationError(f"expected {_LONGEST} characters of CEL at most, got {len(value)}")
        cel, stdlib = _engine()
        try:
            program: Program = cel.compile(value)
        except ValueError as error:
            first = str(error).partition("\n")[0].rpartition("ERROR: ")[2]
            raise ValidationError(f"expected a CEL expression: {first}") from None
        added = _added(stdlib)
        unknown = set(program.variables()) - {*_VARIABLES, *_BOUND.findall(value), *added}
        if unknown:
            raise ValidationError(f"unknown name {', '.join(sorted(unknown))}; expected {', '.join(_VARIABLES)}")
        words = {name for name in program.functions() if name.isidentifier()}
        if missing := words - _FUNCTIONS - added:
            raise ValidationError(f"unknown function {', '.join(sorted(missing))}")
        try:
            return value, cel.compile(counted(value))
        except TooDeep as error:
            raise ValidationError(str(error)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1, "maxLength": _LONGEST}


def _validation(expression: "tuple[str, Program]", message: str = "") -> Validation:
    source, program = expression
    extended = _added(_engine()[1])
    return Validation(
        source,
        message or f"failed expression: {source}",
        program,
        tuple(name for name in _VARIABLES if name in program.variables()),
        added=not extended.isdisjoint(set(program.functions()) - _FUNCTIONS) or "math" in program.variables(),
        counts=COUNT in program.functions(),
    )


_VALIDATION: Final = Record(
    {"expression": Cel(required=True), "message": Sentence()},
    _validation,
    docs={"expression": "CEL that is true of what is allowed", "message": "the sentence that a refused user reads"},
)


@dataclass(frozen=True, slots=True)
class Expression(Rule):
    """What CEL says of `object`, `oldObject` and `request`, as in ValidatingAdmissionPolicy, and of `tag`."""

    kind: ClassVar[str] = "expression"
    reads_review: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("validations",)
    validations: tuple[Validation, ...] = parameter(
        Items(_VALIDATION), "what must be true: each an `expression`, and the `message` for those it refuses"
    )

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation for each expression that is not true, or that cannot be evaluated."""
        variables: Mapping[str, Callable[[], Any]] = {
            "object": lambda: review.object,
            "oldObject": lambda: review.old_object,
            "request": lambda: review.request,
            "tag": lambda: as_variable(change),
        }
        for validation in self.validations:
            try:
                result = validation.holds(variables)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is (a panic of the engine is no Exception), it is an answer
                said = f"{type(error).__name__}: {error}"
                yield Violation(
                    f"{quoted(validation.expression)} could not be evaluated: {quoted(said)}", change.place.path
                )
                continue
            if result is not True:
                wrong = validation.message
                if result is not False:
                    wrong = f"{quoted(validation.expression)} is no boolean but {quoted(str(result))}"
                yield Violation(wrong, change.place.path)

    def comply(self) -> Iterator[str]:
        """Yield the expressions that must be true."""
        for validation in self.validations:
            yield f"Make this true: `{validation.expression}` (else: {validation.message})."


def as_variable(change: TagChange) -> dict[str, Any]:
    """Return the CEL variable `tag`: what is judged, whichever resource carried it."""
    new = change.new
    source = new.source if new else None
    image = source.reference if source else None
    return {
        "door": change.door,
        "namespace": change.namespace,
        "stream": change.stream,
        "name": change.tag,
        "everyTag": change.every_tag,
        "isNew": change.old is None and not change.old_unknown,
        "oldUnknown": change.old_unknown,
        "moved": change.moved,
        "from": {
            "kind": source.kind if source else "",
            "name": source.name if source else "",
            "namespace": source.namespace if source else "",
            "registry": image.registry if image else "",
            "repository": image.repository if image else "",
            "tag": image.effective_tag if image else "",
            "digest": image.digest if image else "",
        },
        "insecure": bool(new and new.insecure),
        "scheduled": bool(new and new.scheduled),
        "importMode": new.import_mode if new else "",
        "referencePolicy": new.reference_policy if new else "",
        "annotations": dict(new.annotations) if new else {},
        "image": _image(change.image),
    }


def _image(image: Image | None) -> dict[str, Any] | None:
    """Return what a push or a scan says of the whole image, None elsewhere."""
    if image is None:
        return None
    return {
        "digest": image.name,
        "labels": dict(image.labels) if image.labels is not None else None,
        "platforms": list(image.platforms),
        "size": image.size,
        "layers": image.layers,
        "signatures": [{"type": each.type, "trusted": each.trusted} for each in image.signatures],
    }
