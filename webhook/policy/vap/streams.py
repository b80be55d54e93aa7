"""What the rule kinds say about a whole image stream, in CEL."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.policy.vap.check import HERE, Says, sentence
from webhook.policy.vap.reading import OF_STREAMS
from webhook.resources.cel import got, is_insecure, literal
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.base import Rule
from webhook.rules.expression import Expression, Validation
from webhook.rules.policies import ImportPolicy, word
from webhook.rules.stream import LookupPolicy, TagLimit


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """One sentence of a rule about an object, `object` or `oldObject`.

    Attributes:
        wrong: whether the object is not as it must be.
        says: what is said then.
        every_tag: whether it is said of every tag of the stream.
    """

    wrong: Says
    says: Says
    every_tag: bool = False


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


def _import_policy(rule: ImportPolicy) -> Iterator[ObjectCheck]:
    if rule.insecure is False:
        field = literal(f'metadata.annotations["{INSECURE_REPOSITORY}"]')
        yield ObjectCheck(
            lambda o: f"{OF_STREAMS} && {o} != null && {is_insecure(got(o, 'metadata', 'annotations', default='{}'))}",
            lambda _: sentence(field, "an insecure import is not allowed; expected insecure: false"),
            every_tag=True,
        )


def insecure_expression_checks(rule: Expression) -> Iterator[ObjectCheck]:
    """Yield a check for each expression, of every tag of a stream whose annotation makes its imports insecure."""
    for validation in rule.validations:
        yield _insecure_expression(validation)


def _insecure_expression(validation: Validation) -> ObjectCheck:
    untrue = f"!({validation.expression})"
    insecure = f"{OF_STREAMS} && {is_insecure('variables.annotations')}"
    return ObjectCheck(
        lambda o: f"{insecure} && {untrue}" if o == "object" else f"[{o}].exists(object, {untrue})",
        lambda _: literal(f"metadata.annotations: {validation.message}"),
        every_tag=True,
    )


OBJECT_CHECKS: Final[Mapping[type[Rule], Callable[[Any], Iterator[ObjectCheck]]]] = {
    LookupPolicy: _lookup_policy,
    TagLimit: _tag_limit,
    ImportPolicy: _import_policy,
}
