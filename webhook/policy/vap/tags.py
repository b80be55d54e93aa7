"""The rule kinds about the tag itself, in CEL: how it is imported and referenced, its name, annotations and past."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from webhook.globs.matching import Glob
from webhook.policy.vap.check import HERE, Check, at, sentence
from webhook.policy.vap.reading import annotation, annotation_names, has_annotation
from webhook.policy.vap.sources import UNREADABLE, name_of, references
from webhook.policy.vap.syntax import all_of, literal, matches, negated
from webhook.reference import TAG
from webhook.rules.base import Rule, listed
from webhook.rules.naming import Annotations, Immutable, TagName
from webhook.rules.policies import ImportPolicy, ReferencePolicy, word


def _schedulable(i: str) -> str:
    return f'{i}.digest == "" && !{i}.of.reference'


def _import_policy(rule: ImportPolicy) -> Iterator[Check]:
    if rule.insecure is not None:
        said = "the import must be insecure" if rule.insecure else "an insecure import is not allowed"
        yield Check(
            lambda t: f"!{t}.insecure" if rule.insecure else f"{t}.insecure",
            lambda t: sentence(f"{t}.insecureField", f"{said}; expected insecure: {word(rule.insecure is True)}"),
        )
    if rule.insecure is False:
        riders = "variables.riders.filter(x, x.valid && x.registry == {0}.registry)".format
        yield Check(
            lambda i: f"{i}.valid && !{i}.of.insecure && size({riders(i)}) > 0",
            lambda i: sentence(
                f"{riders(i)}[0].of.insecureField", "an insecure import is not allowed; expected insecure: false"
            ),
            image=True,
            always=True,
        )
    where = at("importPolicy.scheduled")
    if rule.scheduledFrom:
        yield UNREADABLE
        yield Check(
            lambda i: all_of(
                (
                    f"{i}.valid && {i}.of.scheduled",
                    _schedulable(i),
                    negated(references(i, rule.scheduledFrom)),
                )
            ),
            lambda i: sentence(
                where(f"{i}.of"),
                f'"{HERE}" may not be imported on a schedule; allowed: {listed(rule.scheduledFrom)}',
                name_of(i),
            ),
            image=True,
        )
    if rule.scheduled is not None:
        must = "the import must be scheduled" if rule.scheduled else "a scheduled import is not allowed"
        yield Check(
            lambda i: f"{i}.valid && {i}.of.scheduled != {word(rule.scheduled is True)} && {_schedulable(i)}",
            lambda i: sentence(where(f"{i}.of"), f"{must}; expected scheduled: {word(rule.scheduled is True)}"),
            image=True,
        )
    if rule.importMode:
        mode = '({0}.importMode == "" ? "Legacy" : {0}.importMode)'.format
        yield Check(
            lambda t: f'{t}.from.kind == "DockerImage" && !({mode(t)} in {literal(list(rule.importMode))})',
            lambda t: sentence(
                at("importPolicy.importMode")(t),
                f'import mode "{HERE}" is not allowed; allowed: {listed(rule.importMode)}',
                mode(t),
            ),
        )


def _reference_policy(rule: ReferencePolicy) -> Iterator[Check]:
    found = '({0}.referencePolicy == "" ? "Source" : {0}.referencePolicy)'.format
    yield Check(
        lambda t: f'{t}.from.kind != "" && !({found(t)} in {literal(list(rule.allow))})',
        lambda t: sentence(
            at("referencePolicy.type")(t),
            f'reference policy "{HERE}" is not allowed; allowed: {listed(rule.allow)}',
            found(t),
        ),
    )


def _tag_name(rule: TagName) -> Iterator[Check]:
    def named(t: str, said: str, wanted: str) -> str:
        return sentence(f"{t}.nameField", f'{said} "{HERE}"; {wanted}', f"{t}.name")

    if rule.allow or rule.deny:
        yield Check(
            lambda t: f"{t}.every",
            lambda t: sentence(f"{t}.fromField", "a whole repository is meant, whatever its tags are named"),
        )
    if rule.grammar:
        yield Check(
            lambda t: f"!{t}.every && !{t}.name.matches({literal(f'^{TAG.pattern}$')})",
            lambda t: named(t, "no registry can serve a tag named", f"expected {TAG.pattern}"),
        )
    if rule.deny:
        yield Check(
            lambda t: all_of((f"!{t}.every", matches(f"{t}.name", rule.deny))),
            lambda t: named(t, "a tag may not be named", f"denied: {listed(rule.deny)}"),
        )
    if rule.allow:
        yield Check(
            lambda t: all_of(
                (f"!{t}.every", negated(matches(f"{t}.name", rule.deny)), negated(matches(f"{t}.name", rule.allow)))
            ),
            lambda t: named(t, "a tag may not be named", f"allowed: {listed(rule.allow)}"),
        )


def _annotations(rule: Annotations) -> Iterator[Check]:
    for name, glob in rule.require:
        yield from _required(name, glob)
    if rule.deny:
        yield Check(
            lambda t: all_of((f"!{t}.every && k in {annotation_names(t)}", matches("k", rule.deny))),
            lambda t: sentence(
                at("annotations")(t), f'annotation "{HERE}" is not allowed; denied: {listed(rule.deny)}', "k"
            ),
            each=annotation_names,
        )


def _required(name: str, glob: Glob) -> Iterator[Check]:
    key, at = literal(name), f".path + {literal(f'.annotations[{literal(name)}]')}"
    yield Check(
        lambda t: f"!{t}.every && !{has_annotation(t, key)}",
        lambda t: sentence(t + at, f'annotation "{name}" is missing; expected {glob}'),
    )
    yield Check(
        lambda t: all_of((f"!{t}.every && {has_annotation(t, key)}", negated(matches(annotation(t, key), (glob,))))),
        lambda t: sentence(t + at, f'annotation "{name}" is "{HERE}"; expected {glob}', annotation(t, key)),
    )


def _immutable(rule: Immutable) -> Iterator[Check]:
    unknown = 'request.resource.resource in ["imagestreamimports", "imagestreammappings"]'
    if rule.unknown == "deny":
        yield Check(
            lambda _: unknown,
            lambda t: sentence(
                f"{t}.nameField",
                f'"{HERE}" may point elsewhere already, and this request does not say; set it as a tag',
                f"{t}.name",
            ),
            always=True,
        )
    was = (
        "variables.before.filter(w, !{0}.every && w.name == {0}.name && w.every == {0}.every && "
        'w.from.kind != "" && w.from != {0}.from)'
    ).format
    yield Check(
        lambda t: f"size({was(t)}) > 0",
        lambda t: sentence(
            f"{t}.fromField",
            f'"{HERE}" points at "{HERE}" and may not be pointed {HERE}',
            f"{t}.name",
            source(f"{was(t)}[0]"),
            f'({t}.from.kind == "" ? "at nothing" : "at \\"" + {source(t)} + "\\"")',
        ),
        always=True,
    )


def source(t: str) -> str:
    """Return how a tag's source is written in a sentence."""
    return f'{t}.from.kind + " " + ({t}.from.namespace == "" ? "" : {t}.from.namespace + "/") + {t}.from.name'


CHECKS: Final[Mapping[type[Rule], Callable[[Any], Iterator[Check]]]] = {
    ImportPolicy: _import_policy,
    ReferencePolicy: _reference_policy,
    TagName: _tag_name,
    Annotations: _annotations,
    Immutable: _immutable,
}
