"""The rule kinds about what a tag points at, in CEL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from webhook.globs.matching import ReferenceGlob
from webhook.policy.vap.check import HERE, Check, at, sentence
from webhook.policy.vap.syntax import all_of, any_of, literal, matches, negated, reference_matches
from webhook.reference import INTERNAL_REGISTRIES
from webhook.rules.base import Rule, listed
from webhook.rules.source import CrossNamespace, Pin, Registries, SourceKinds


def _source_kinds(rule: SourceKinds) -> Iterator[Check]:
    yield Check(
        lambda t: all_of((f'{t}.from.kind != ""', negated(f"{t}.from.kind in {literal(list(rule.allow))}"))),
        lambda t: sentence(
            f'{t}.fromField.replace(".from.name", ".from.kind")',
            f'a source of kind "{HERE}" is not allowed; allowed: {listed(rule.allow)}',
            f"{t}.from.kind",
        ),
    )


def name_of(i: str) -> str:
    """Return the name of an image, as the webhook writes it."""
    return f'{i}.registry + "/" + {i}.repository'


UNREADABLE: Final = Check(
    lambda i: negated(f"{i}.valid"),
    lambda i: sentence(
        f"{i}.of.fromField", f'"{HERE}" cannot be evaluated: it is not an image reference', f"{i}.of.from.name"
    ),
    image=True,
)


def _registries(rule: Registries) -> Iterator[Check]:
    yield UNREADABLE

    def denied(i: str) -> str:
        shown = " + ".join(f"({references(i, (glob,))} ? [{literal(str(glob))}] : [])" for glob in rule.deny)
        return f'({shown}).join(", ")'

    if rule.deny:
        yield Check(
            lambda i: all_of((f"{i}.valid", references(i, rule.deny))),
            lambda i: sentence(
                f"{i}.of.fromField",
                f'"{HERE}" is a denied repository; denied: {HERE}',
                name_of(i),
                denied(i),
            ),
            image=True,
        )
    if rule.allow:
        yield Check(
            lambda i: all_of((f"{i}.valid", negated(references(i, rule.deny)), negated(references(i, rule.allow)))),
            lambda i: sentence(
                f"{i}.of.fromField", f'"{HERE}" is not an allowed repository; allowed: {listed(rule.allow)}', name_of(i)
            ),
            image=True,
        )


def references(i: str, globs: Iterable[ReferenceGlob]) -> str:
    """Return whether one of `globs` matches an image."""
    return reference_matches(f"{i}.registry", f"{i}.repository", globs)


def _pin(rule: Pin) -> Iterator[Check]:
    yield UNREADABLE
    stream = '{0}.from.kind == "ImageStreamTag"'.format
    if rule.digest:
        yield Check(
            lambda i: f'{i}.valid && {i}.digest == ""',
            lambda i: sentence(
                f"{i}.of.fromField", f'"{HERE}" has no digest; expected name@digest', f"{i}.of.from.name"
            ),
            image=True,
        )
        yield Check(
            stream,
            lambda t: sentence(
                f"{t}.fromField", f'"{HERE}" has no digest; expected an ImageStreamImage', f"{t}.from.name"
            ),
        )
    if not rule.denyTags:
        return
    denied = listed(rule.denyTags)

    def has(t: str, tag: str) -> str:
        return (
            f'{t}.fromField + ": \\"" + {t}.from.name + "\\" has " + ({t}.every ? "any tag" : '
            f'"the tag \\"" + {tag} + "\\"") + {literal(f"; denied: {denied}")}'
        )

    yield Check(
        lambda i: all_of(
            (f"{i}.valid", any_of((f"{i}.of.every", all_of((f'{i}.digest == ""', matches(f"{i}.tag", rule.denyTags))))))
        ),
        lambda i: has(f"{i}.of", f"{i}.tag"),
        image=True,
    )
    tag = '{0}.from.name.substring({0}.from.name.lastIndexOf(":") + 1)'.format
    yield Check(
        lambda t: all_of(
            (stream(t), any_of((f"{t}.every", all_of((f'{tag(t)} != ""', matches(tag(t), rule.denyTags))))))
        ),
        lambda t: has(t, tag(t)),
    )


def _cross_namespace(rule: CrossNamespace) -> Iterator[Check]:
    yield UNREADABLE
    allowed = listed(("the tag's own namespace", *rule.allow))
    text = f'"{HERE}" is in namespace "{HERE}"; allowed: {allowed}'

    def elsewhere(namespace: str) -> str:
        own = (f'{namespace} != ""', f"{namespace} != request.namespace", negated(matches(namespace, rule.allow)))
        return all_of(own)

    within = '{0}.repository.split("/")[0]'.format
    yield Check(
        lambda i: all_of(
            (
                f"{i}.valid",
                any_of(
                    (
                        f'{i}.registry.split(":")[0] in {literal(sorted(INTERNAL_REGISTRIES))}',
                        references(i, rule.internalRegistries),
                    )
                ),
                elsewhere(within(i)),
            )
        ),
        lambda i: sentence(f"{i}.of.fromField", text, f"{i}.of.from.name", within(i)),
        image=True,
    )
    yield Check(
        lambda t: all_of((f'{t}.from.kind != "DockerImage"', elsewhere(f"{t}.from.namespace"))),
        lambda t: sentence(at("from.namespace")(t), text, f"{t}.from.name", f"{t}.from.namespace"),
    )


CHECKS: Final[Mapping[type[Rule], Callable[[Any], Iterator[Check]]]] = {
    SourceKinds: _source_kinds,
    Registries: _registries,
    Pin: _pin,
    CrossNamespace: _cross_namespace,
}
