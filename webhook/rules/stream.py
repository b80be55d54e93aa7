"""Rules about an image stream as a whole, decided where one is written; a review of a tag does not say them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.model.change import Reason, StreamChange, TagField
from webhook.rules.base import Rule, Violation, parameter
from webhook.rules.context import EvaluationContext
from webhook.rules.policies import word
from webhook.schemas.parameters import Bool, Count


@dataclass(frozen=True, slots=True)
class LookupPolicy(Rule):
    """Whether pods may name the stream's tags directly; an imagestreamtag shows it, but only its stream stores it."""

    kind: ClassVar[str] = "lookupPolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.LOOKUP_POLICY})
    evaluates_tags: ClassVar[bool] = False
    evaluates_streams: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("local",)
    local: bool | None = parameter(Bool(), "what `lookupPolicy.local` must be", default=None)

    def check(self, change: StreamChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the stream's lookup is not as it must be."""
        del context
        new = change.new
        if new is not None and new.lookup_local is not self.local:
            yield Violation(
                f"local lookup is {word(new.lookup_local)}; expected {word(self.local is True)}",
                "spec.lookupPolicy.local",
                Reason.FORBIDDEN,
            )

    def remediation(self) -> Iterator[str]:
        """Yield the command that sets the stream's lookup."""
        yield f"Set its `lookupPolicy.local`: `oc set image-lookup STREAM --enabled={word(self.local is True)}`."


@dataclass(frozen=True, slots=True)
class TagLimit(Rule):
    """How many tags a stream may have; a stream that loses tags is not held to it, however many are left."""

    kind: ClassVar[str] = "tagLimit"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.TAG_COUNT})
    evaluates_tags: ClassVar[bool] = False
    evaluates_streams: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("max",)
    max: int | None = parameter(Count(1), "the most tags it may have", default=None)

    def check(self, change: StreamChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the stream has more tags than it may, and not fewer than it had."""
        del context
        new, old = change.new, change.old
        if new is None or self.max is None or new.tags <= self.max or (old is not None and new.tags < old.tags):
            return
        yield Violation(f"the stream has {new.tags} tags; allowed: {self.max}", "spec.tags", Reason.FORBIDDEN)

    def remediation(self) -> Iterator[str]:
        """Yield how a stream gets fewer tags."""
        yield f"Delete tags until {self.max} are left (`oc tag -d STREAM:TAG`), or begin another stream."
