"""Rules about what the API server and the cluster say themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs.alphabets import CONDITION_TYPE
from webhook.globs.matching import Glob, any_matches
from webhook.model.change import Change, TagChange, TagField
from webhook.rules.base import Rule, Violation, parameter
from webhook.rules.context import EvaluationContext
from webhook.schemas.patterns import globs
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class Schema(Rule):
    """The resource's required fields and enumerations, as the API server holds them; always there in `enforce`."""

    kind: ClassVar[str] = "schema"
    evaluates_streams: ClassVar[bool] = True
    evaluates_untouched: ClassVar[bool] = False  # what is stored already the API server took

    def check(self, change: Change, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each field that is not as the API server wants it."""
        del context
        for fault in change.faults:
            yield Violation(fault.message, fault.field, fault.reason)

    def remediation(self) -> Iterator[str]:
        """Yield where it is said what a field may hold."""
        yield "Mend the field that the message names: `oc explain imagestream.spec.tags` says what a tag may hold."


@dataclass(frozen=True, slots=True)
class Conditions(Rule):
    """Conditions of a tag that may not be False: `ImportSuccess` is, where its last import failed."""

    kind: ClassVar[str] = "conditions"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.CONDITIONS})
    needs: ClassVar[tuple[str, ...]] = ("deny",)
    deny: tuple[Glob, ...] = parameter(
        globs(CONDITION_TYPE), "types of conditions that may not be False, such as ImportSuccess"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each such condition, of a tag that still points where it did."""
        del context
        if change.moved and change.old is not None:
            return
        for condition in change.conditions:
            if condition.status == "False" and any_matches(self.deny, condition.type):
                why = ": ".join(part for part in (condition.reason, condition.message) if part) or "no reason given"
                yield Violation(f"condition {quoted(condition.type)} is False: {quoted(why)}", condition.field)

    def remediation(self) -> Iterator[str]:
        """Yield how an import is tried again."""
        yield "Mend what the condition says, then import again: `oc import-image STREAM:TAG`."
        yield "Or point the tag elsewhere: what another source's import said no longer counts."
