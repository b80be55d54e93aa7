"""Example reviews, which show what a rule denies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.model.change import TagChange
from webhook.model.review import Review, User
from webhook.resources.catalog import TAG, changes
from webhook.resources.objects import made
from webhook.rules.base import EvaluationContext, Rule

# Names that no policy is likely to match.
STREAM: Final = "istag-webhook-lint"
OTHER: Final = "istag-webhook-lint-other"
_TAG: Final = f"{STREAM}:tag"


@dataclass(frozen=True, slots=True)
class Example:
    """A review, and the tag that it creates."""

    review: Review
    change: TagChange

    def denied(self, rule: Rule) -> frozenset[str]:
        """Return the messages of `rule` for the tag, regardless of the rule's match."""
        return frozenset(violation.message for violation in rule.check(self.change, EvaluationContext(self.review)))


def example(source: Mapping[str, str]) -> Example:
    """Return a new image stream tag with the source `source`, completed as the API server does."""
    document = TAG.defaulted(made(TAG.schema, STREAM, _TAG, tag={"from": dict(source)}))
    return of_object(document)


def of_object(document: Mapping[str, Any]) -> Example:
    """Return the example that creates an ImageStreamTag, from `example` or completed by a default."""
    request = {
        "operation": "CREATE",
        "name": _TAG,
        "namespace": STREAM,
        "userInfo": {"username": STREAM, "groups": []},
        "object": document,
        "oldObject": None,
    }
    review = Review(
        version="admission.k8s.io/v1",
        uid="",
        resource=TAG.name,
        kind=TAG.kind,
        operation="CREATE",
        namespace=STREAM,
        name=_TAG,
        user=User(STREAM),
        dry_run=True,
        request=request,
    )
    return Example(review, next(change for change in changes(review) if isinstance(change, TagChange)))
