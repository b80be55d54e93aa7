"""A cluster behind the webhook: a strict policy, the model of the server, and what the policy promises of its state."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonpatch
from tests.openshift import references
from tests.openshift.admission import Review, request_of
from tests.openshift.imports import CHECKED
from tests.openshift.objects import INTERNAL_REGISTRY, Document, Event, History, Meta, Source, Stream
from tests.openshift.registry import Registries, Registry
from tests.openshift.server import Cluster, Rights
from tests.support.builders import NOW, policy_of

from webhook.admission import codec, engine
from webhook.model.decision import Mode
from webhook.policy.policy import Policy
from webhook.resources import catalog

HOME = "app"
IMPORTER = "system:serviceaccount:openshift-infra:image-import-controller"
PUSHER = "system:serviceaccount:openshift-image-registry:registry"
REASON = "example.com/reason"
OWNERS = {"importer": IMPORTER, "break-glass": "ops"}
# A registry without TLS that the policy allows: whatever is imported from it was imported insecurely.
PLAIN = "plain.example:5000"
_POLICY = f"""
spec:
  exemptions:
    - {{name: importer, users: ["{IMPORTER}"]}}
    - {{name: break-glass, users: [OWNER], annotation: {REASON}}}
  defaults:
    - {{name: every-architecture, set: {{importPolicy: {{importMode: PreserveOriginal}}}}}}
  rules:
"""
RULES = {
    "secure": "importPolicy: {insecure: false}",
    "trusted": f'registries: {{allow: ["quay.io/acme/**", "{PLAIN}", "{INTERNAL_REGISTRY}/{HOME}/**"]}}',
    "tested": "match: {tags: [prod]}, registries: {deny: [quay.io/acme/test]}",
    "fixed": 'match: {tags: ["v*"]}, immutable: {}',
    "own": "crossNamespace: {}",
}


def policy(*without: str, owner: str = "ops") -> Policy:
    """Load the strict policy.

    Args:
        without: Rules that are left out.
        owner: Who may break the glass.
    """
    rules = [f"    - {{name: {name}, mode: enforce, {rule}}}" for name, rule in RULES.items() if name not in without]
    return policy_of(_POLICY.replace("OWNER", owner) + "\n".join(rules) + "\n")


APP, TEST, EVIL, LIB, NEW = (f"sha256:{digit * 64}" for digit in "abcdf")
_TAGS = {"1": APP, "v1": APP, "v2": TEST, "live": APP, "prod": APP}


def beginning() -> Cluster:
    """Return an empty project, registries, and a stream of another project."""
    other = Stream(
        Meta("pub", "other", "pub", "1", 1),
        history={"1": History((Event(EVIL, f"evil.example/x/y@{EVIL}", 1),))},
    )
    registries = Registries(
        {
            "quay.io": Registry({"acme/app": _TAGS, "acme/test": {**_TAGS, "1": TEST}, "evil/x": {"1": EVIL}}),
            "evil.example": Registry({"x/y": {"1": EVIL, "v1": EVIL}}),
            PLAIN: Registry({"lib/z": {"1": LIB, "v1": LIB}, "lib/w": {"1": NEW}}, secure=False),
        }
    )
    return Cluster({("other", "pub"): other}, registries=registries, rights=Rights(frozenset({"root"})))


@dataclass
class Webhooks:
    """The webhook, between the model and its store.

    Args:
        policy: Its policy.
        exempted: The exemptions that held, each with the review.
        reviews: How many reviews it answered.
    """

    policy: Policy
    exempted: list[tuple[str, str, Review]] = field(default_factory=list)
    reviews: int = 0

    def mutate(self, asked: Review) -> Document | None:
        """Complete the object."""
        decision = engine.mutate(self._read(asked), self.policy)
        if not decision.patch:
            return asked.object
        patched: Document = jsonpatch.apply_patch(asked.object, [codec.operation(each) for each in decision.patch])
        return patched

    def validate(self, asked: Review) -> str | None:
        """Decide, and say why it is denied."""
        decision = engine.validate(self._read(asked), self.policy)
        if decision.exemption is not None:
            self.exempted.append((decision.exemption.name, decision.exemption.reason, asked))
        return None if decision.allowed else "; ".join(map(str, decision.in_mode(Mode.ENFORCE)))

    def _read(self, asked: Review) -> Any:
        self.reviews += 1
        return codec.of_document(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request_of(asked)},
            catalog.RESOURCES,
            NOW,
        )


def is_trusted(pull_spec: str) -> bool:
    """Say whether the policy allows an image, by the model's own parser."""
    reference = references.parsed(pull_spec)
    if reference is None:
        return False
    full = reference.defaulted()
    registry = full.registry.lower().removesuffix(":443")
    return (
        (registry == "quay.io" and full.namespace == "acme")
        or registry == PLAIN
        or (registry == INTERNAL_REGISTRY and full.namespace == HOME)
    )


def is_test(pull_spec: str) -> bool:
    """Say whether an image comes from the repository that `prod` may not come from."""
    reference = references.parsed(pull_spec)
    return reference is not None and reference.repository == ("quay.io", "acme/test")


# A violation in a state: its sort, the stream, the tag, the value.
Fact = tuple[str, str, str, str]


def wrong(cluster: Cluster) -> Iterator[Fact]:
    """List what a state holds that the policy denies."""
    for (namespace, name), stream in cluster.streams.items():
        if namespace != HOME:
            continue
        if stream.meta.annotations.get("openshift.io/image.insecureRepository") == "true":
            yield "insecure", name, "*", "annotation"
        if stream.repository and (not is_trusted(stream.repository) or is_test(stream.repository)):
            yield "test source" if is_test(stream.repository) else "source", name, "*", stream.repository
        for tag, spec in stream.tags.items():
            if spec.policy.insecure:
                yield "insecure", name, tag, "importPolicy"
            yield from _wrong_source(name, tag, spec.source or Source())
        for tag in stream.history:
            newest = stream.latest(tag)
            if newest is not None:
                yield from _denied("image", name, tag, newest.reference)


def _wrong_source(name: str, tag: str, source: Source) -> Iterator[Fact]:
    if source.kind == "DockerImage":
        yield from _denied("source", name, tag, source.name)
    elif source.namespace not in ("", HOME):
        yield "foreign", name, tag, source.namespace


def _denied(sort: str, name: str, tag: str, pull_spec: str) -> Iterator[Fact]:
    if not is_trusted(pull_spec):
        yield sort, name, tag, pull_spec
    elif tag == "prod" and is_test(pull_spec):
        yield f"test {sort}", name, tag, pull_spec


def moved(before: Cluster, after: Cluster) -> Iterator[Fact]:
    """List the immutable tags that had a source and have another one, or mean an image that is not their source's."""
    for (namespace, name), old in before.streams.items():
        new = after.streams.get((namespace, name), Stream(Meta()))
        for tag, spec in old.tags.items() if namespace == HOME else ():
            if not tag.startswith("v") or spec.source is None:
                continue
            now = new.tags.get(tag)
            if now is None or now.source is None or _at_home(now.source) != _at_home(spec.source):
                yield "moved", name, tag, str(now and now.source)
                continue
            newest = new.latest(tag)
            if newest is not None and newest != old.latest(tag) and not _is_of(newest, spec.source):
                yield "overwritten", name, tag, newest.reference


def _at_home(source: Source) -> tuple[str, str, str]:
    return source.kind, source.name, source.namespace or HOME


def _is_of(event: Event, source: Source) -> bool:
    """Say whether an image is what a source names; what an alias names is what its target means."""
    if source.kind != "DockerImage":
        return True
    named, pulled = references.parsed(source.name), references.parsed(event.reference)
    return named is not None and pulled is not None and named.repository == pulled.repository


# Promises that the policy language cannot make, and why; `policy validate` warns of each.
NOT_PROMISED: Mapping[str, str] = {
    "alias": "a rule that is matched by tag does not see what the target of an alias means; match the source's rule to all tags",
    "awaited": "a tag that is set while its stream's repository awaits its import: the review of a tag does not show the stream",
    "deleted": "a DELETE of an imagestreamtag or imagetag reaches no webhook; guard it by RBAC",
}


WARNED: Mapping[str, str] = {
    "alias": "alias-bypass",
    "awaited": "unguarded-immutable",
    "deleted": "unguarded-immutable",
}


def not_promised(
    fact: Fact, after: Cluster, deleted: tuple[str, str] | None, awaited: Collection[tuple[str, str]]
) -> str | None:
    """Name why the policy cannot promise that something is not so.

    Args:
        fact: What is wrong.
        after: The state after the request.
        deleted: The stream and tag that a DELETE of a tag removed.
        awaited: The streams and tags that were set as tags while the stream's repository awaited its import.

    Returns:
        A key of NOT_PROMISED; None if it is promised.
    """
    sort, name, tag, _ = fact
    stream = after.streams.get((HOME, name))
    source = stream.tags[tag].source if stream is not None and tag in stream.tags else None
    if sort == "test image" and source is not None and source.kind != "DockerImage":
        return "alias"
    if sort == "moved" and deleted == (name, tag):
        return "deleted"
    if sort in ("moved", "overwritten") and (name, tag) in awaited and stream is not None and stream.repository:
        return "awaited"
    return None


def is_insecure_import(body: Document, answer: Any) -> bool:
    """Say whether an import that stores what it finds fetched something without TLS."""
    if not body["spec"].get("import"):
        return False
    sources = [image["from"]["name"] for image in body["spec"].get("images") or []]
    found = [entry["status"] == "Success" for entry in answer["images"]]
    if any(success and PLAIN in source for source, success in zip(sources, found, strict=True)):
        return True
    repository = (body["spec"].get("repository") or {"from": {"name": ""}})["from"]["name"]
    return PLAIN in repository and any(entry["status"] == "Success" for entry in answer["tags"].values())


def given_reasons(asked: Review) -> set[str]:
    """List the reasons that a change gives: annotations that were not there before, or were others."""
    before = dict(_reasons(asked.old_object, ()))
    return {reason for path, reason in _reasons(asked.object, ()) if before.get(path) != reason}


def _reasons(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        if REASON in value:
            yield path, value[REASON]
        for key, item in value.items():
            yield from _reasons(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            name = item.get("name") if isinstance(item, Mapping) else None
            yield from _reasons(item, (*path, str(name or place)))


def awaited(before: Cluster, after: Cluster) -> Iterator[tuple[str, str]]:
    """List the tags whose source a request set while the repository of their stream awaited its import."""
    for (namespace, name), stream in after.streams.items():
        if namespace != HOME or not stream.repository or stream.meta.annotations.get(CHECKED):
            continue
        old = before.streams.get((namespace, name), Stream(Meta()))
        for tag, spec in stream.tags.items():
            if tag not in old.tags or old.tags[tag].source != spec.source:
                yield name, tag
