"""What the rule kinds about a whole object say, in CEL: streams, and the signatures of a pushed image."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.policy.vap.check import HERE, Says, sentence
from webhook.policy.vap.syntax import got, literal, matches
from webhook.rules.base import Rule, listed
from webhook.rules.image import Signatures
from webhook.rules.policies import word
from webhook.rules.stream import LookupPolicy, TagLimit


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """One sentence of a rule about an object, `object` or `oldObject`.

    Attributes:
        wrong: whether the object is not as it must be.
        says: what is said then.
    """

    wrong: Says
    says: Says


def _lookup_policy(rule: LookupPolicy) -> Iterator[ObjectCheck]:
    local = word(rule.local is True)
    yield ObjectCheck(
        lambda o: f"({got(o, 'spec', 'lookupPolicy', 'local', default='false')} == true) != {local}",
        lambda _: literal(f"spec.lookupPolicy.local: local lookup is {word(not rule.local)}; expected {local}"),
    )


def _tag_limit(rule: TagLimit) -> Iterator[ObjectCheck]:
    def count(o: str) -> str:
        return f"size({got(o, 'spec', 'tags', default='[]')})"

    def wrong(o: str) -> str:
        fewer = "" if o == "oldObject" else f" && (oldObject == null || {count(o)} >= {count('oldObject')})"
        return f"{count(o)} > {rule.max}{fewer}"

    yield ObjectCheck(
        wrong,
        lambda o: sentence(
            literal("spec.tags"), f"the stream has {HERE} tags; allowed: {rule.max}", f"string({count(o)})"
        ),
    )


def _signatures(rule: Signatures) -> Iterator[ObjectCheck]:
    trusted = (
        'has(s.conditions) && s.conditions != null && s.conditions.exists(c, c.type == "Trusted" && c.status == "True")'
    )
    counts = [*([trusted] if rule.trusted else ()), *([f"({matches('s.type', rule.types)})"] if rule.types else ())]

    def count(o: str) -> str:
        found = got(o, "image", "signatures", default="[]")
        return f"size({found}.filter(s, {' && '.join(counts)}))" if counts else f"size({found})"

    wanted = f" of type {listed(rule.types)}" if rule.types else ""
    kind = "trusted " if rule.trusted else ""
    yield ObjectCheck(
        lambda o: f"{count(o)} < {rule.minimum}",
        lambda o: sentence(
            literal("image.signatures"),
            f"the image has {HERE} {kind}signatures{wanted}; expected {rule.minimum} at least",
            f"string({count(o)})",
        ),
    )


OBJECT_CHECKS: Final[Mapping[type[Rule], Callable[[Any], Iterator[ObjectCheck]]]] = {
    LookupPolicy: _lookup_policy,
    TagLimit: _tag_limit,
    Signatures: _signatures,
}
