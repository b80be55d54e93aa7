"""A rule in CEL, in the form of a ValidatingAdmissionPolicy's validations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

from marshmallow import ValidationError

from webhook.errors import MalformedExpression
from webhook.model.review import TagChange
from webhook.model.tag import Image
from webhook.resources.cel import literal
from webhook.rules.base import EvaluationContext, Rule, Violation, parameter
from webhook.rules.program import TAG, Evaluation, Program, compiled, failure
from webhook.rules.vocabulary import Denial, Inexpressible, Subject, Terms
from webhook.schemas.containers import Items, Record
from webhook.schemas.parameters import Parameter, Schema, Sentence, shown
from webhook.text import quoted

_LONGEST: Final = 5_000
# The language's own functions, and those of the string library, which Kubernetes supports in every version with CEL
# (kubernetes.io/docs/reference/using-api/cel).
_KNOWN: Final = frozenset(
    {
        *(
            "size",
            "contains",
            "startsWith",
            "endsWith",
            "matches",
            "has",
            "all",
            "exists",
            "exists_one",
            "map",
            "filter",
        ),
        *("string", "bytes", "int", "uint", "double", "bool", "duration", "timestamp", "type", "dyn"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
        *("charAt", "indexOf", "lastIndexOf", "substring", "replace", "split", "join"),
        *("lowerAscii", "upperAscii", "trim"),
    }
)
# The request of a ValidatingAdmissionPolicy has neither these nor an index that could name them.
_UNKNOWN: Final = re.compile(r"\brequest\s*(?:\.\s*(?:object|oldObject|uid)\b|\[)|\brequest\b(?!\s*\.)")


@dataclass(frozen=True, slots=True)
class Validation:
    """One expression and the message for changes it denies (admissionregistration.k8s.io/v1, Validation)."""

    expression: str
    message: str
    program: Program = field(repr=False, compare=False)


class Cel(Parameter):
    """A CEL expression, compiled."""

    expected = "a CEL expression"

    def read(self, value: Any) -> tuple[str, Program]:
        """Return the expression and its program."""
        if value == "":  # the YAML value of an unquoted !tag.insecure
            raise ValidationError('expected a CEL expression, got ""; quote an expression that begins with !')
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(value)
        if len(value) > _LONGEST:
            raise ValidationError(f"expected at most {_LONGEST} characters of CEL, got {len(value)}")
        try:
            return value, compiled(value)
        except MalformedExpression as error:
            raise ValidationError(list(error.args)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": _LONGEST,
            "pattern": r"\S",
            "description": _described(),
        }


def _validation(expression: tuple[str, Program], message: str = "") -> Validation:
    source, program = expression
    return Validation(source, message or f"failed expression: {source}", program)


def _described() -> str:
    """Return the description of an expression in a policy's JSON Schema, with the fields of `tag`."""
    fields = "\n".join(f"- {path} ({kind}): {meaning}" for path, kind, meaning in Expression.variables())
    return (
        "CEL that is true for an allowed change. It reads object, oldObject and request, as in "
        f"ValidatingAdmissionPolicy, and tag:\n{fields}"
    )


_VALIDATION: Final = Record(
    {"expression": Cel(required=True), "message": Sentence()},
    _validation,
    docs={"message": "the message for a denied user"},
)


@dataclass(frozen=True, slots=True)
class Expression(Rule):
    """CEL on `object`, `oldObject` and `request`, as in ValidatingAdmissionPolicy, and on `tag`.

    Types are checked when the policy is loaded. All expressions of a review share a budget of 50,000 macro iterations
    and half a second; a change that exceeds it is denied.
    """

    kind: ClassVar[str] = "expression"
    reads_review: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("validations",)
    validations: tuple[Validation, ...] = parameter(
        Items(_VALIDATION), "conditions: each an `expression` that must be true, and the `message` otherwise"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each expression that is not true, or that cannot be evaluated."""
        evaluation, tag = context.once(Evaluation), partial(as_variable, change)
        for validation in self.validations:
            try:
                result = evaluation.result(validation.program, tag)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - every failure is a denial; a panic of the engine is not an Exception
                if context.past and isinstance(error, TimeoutError):
                    continue  # the result for the old object is unknown, so the finding counts as new
                failed = f"{quoted(validation.expression)} could not be evaluated: {failure(error)}"
                yield Violation(failed, change.place.path)
                continue
            if result is not True:
                wrong = validation.message
                if result is not False:
                    wrong = f"{quoted(validation.expression)}: expected a boolean, got {shown(result)}"
                yield Violation(wrong, change.place.path)

    def cel(self, terms: Terms) -> Iterator[Denial] | Inexpressible:
        """Yield a denial for each expression, or return why some API servers cannot evaluate them."""
        reasons = filter(None, map(_inexpressible, self.validations))
        return next(map(Inexpressible, reasons), None) or self._denials(terms)

    def _denials(self, terms: Terms) -> Iterator[Denial]:
        for path, subject in (
            (literal("metadata.annotations"), Subject.EVERY_TAG),
            (literal("spec"), Subject.OVERWRITTEN),
            (terms.tag.path, Subject.TAG),
        ):
            for each in self.validations:
                yield Denial(terms.untrue(each.expression), path, each.message, subject)

    @classmethod
    def variables(cls) -> list[tuple[str, str, str]]:
        """Return the fields of `tag`."""
        from webhook.expressions.declarations import described  # noqa: PLC0415 - only documentation needs it

        return described()

    def remediation(self) -> Iterator[str]:
        """Yield the expressions that must be true."""
        for validation in self.validations:
            yield f"Make this expression true: `{validation.expression}` (else: {validation.message})."


def _inexpressible(validation: Validation) -> str:
    """Return why some API servers cannot evaluate an expression, "" if all can."""
    program = validation.program
    if TAG in program.variables:
        return "it reads `tag`, which only the webhook provides; use object, oldObject and request instead"
    if _UNKNOWN.search(validation.expression):
        return "it reads a part of `request` that the API server does not provide"
    if missing := sorted(name for name in program.functions - _KNOWN if name[0].isalpha()):
        return f"it calls {', '.join(missing)}, which some API servers do not support"
    return ""


def as_variable(change: TagChange) -> dict[str, Any]:
    """Return the CEL variable `tag` of a change; `webhook.expressions.declarations` declares its type."""
    new = change.new
    source = new.source if new else None
    image = source.reference if source else None
    return {
        "resource": change.resource,
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
    """Return the CEL value of the whole image in a push or a scan, None otherwise."""
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
