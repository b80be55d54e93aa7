"""Sequences of requests by several users, each through the webhook under a strict policy: what the policy promises holds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.openshift import controller
from tests.openshift.api import outcomes
from tests.openshift.imports import CHECKED
from tests.openshift.objects import EXTERNAL_REGISTRY, INTERNAL_REGISTRY, Document, Stream
from tests.openshift.server import Outcome, Request
from tests.openshift.wire import encode_stream
from tests.support import guarded
from tests.support.builders import NOW
from tests.support.examples import examples
from tests.support.guarded import APP, EVIL, HOME, IMPORTER, LIB, PLAIN, PUSHER, REASON, TEST, Fact, Webhooks

from webhook.policy.lint.checks import lint

STREAMS = st.sampled_from(["a", "b"])
TAGS = st.sampled_from(["v1", "live", "prod"])
USERS = st.sampled_from(["alice", "bob", "alice", "bob", "root", "ops"])
IMAGES = (APP, TEST, EVIL, LIB)
PULL_SPECS = st.sampled_from(
    [
        "quay.io/acme/app:1",
        "quay.io/acme/app:v2",
        "quay.io/acme/test:1",
        "evil.example/x/y:1",
        f"{PLAIN}/lib/z:1",
        f"{PLAIN}/lib/z:v1",
        f"{PLAIN}/lib/w:1",
    ]
)
ODD = st.sampled_from(
    [
        f"quay.io/acme/app@{APP}",
        f"evil.example/x/y@{EVIL}",
        "quay.io/acme/deep/er:1",
        "quay.io/acme-evil/x:1",
        "quay.io/evil/x:1",
        "quay.io.evil.example/acme/app:1",
        "evil.example/quay.io/acme/app:1",
        "Evil.example/x/y:1",
        "busybox",
        f"{INTERNAL_REGISTRY}/{HOME}/b:live",
        f"{INTERNAL_REGISTRY}/other/pub:1",
        f"{EXTERNAL_REGISTRY}/{HOME}/b:live",
    ]
)
REPOSITORIES = st.sampled_from(["", "", "quay.io/acme/app", "quay.io/acme/test", "evil.example/x/y", f"{PLAIN}/lib/z"])
DOCKER = st.builds(lambda name: {"kind": "DockerImage", "name": name}, PULL_SPECS | PULL_SPECS | ODD)
ALIASES = st.sampled_from(
    [
        *({"kind": "ImageStreamTag", "name": name} for name in ("v1", "live", "prod", "a:live", "b:prod", "b:live")),
        {"kind": "ImageStreamTag", "name": "pub:1", "namespace": "other"},
        *({"kind": "ImageStreamImage", "name": f"{stream}@IMAGE"} for stream in "ab"),
        {"kind": "ImageStreamImage", "name": f"pub@{EVIL}", "namespace": "other"},
    ]
)
# Reasons that ops gives, and one that anybody can write.
ANNOTATIONS = st.sampled_from([{}, {}, {}, {REASON: "fire"}, {REASON: "flood"}, {"a": "b"}])
INSECURE = st.sampled_from([{}, {}, {}, {"openshift.io/image.insecureRepository": "true"}])


def policies() -> st.SearchStrategy[dict[str, Any]]:
    """Draw an import policy."""
    return st.sampled_from([{}, {}, {}, {"insecure": True}, {"scheduled": True}, {"importMode": "Legacy"}])


SPEC_TAGS = st.fixed_dictionaries(
    {},
    optional={
        "from": DOCKER | ALIASES,
        "reference": st.booleans(),
        "importPolicy": policies(),
        "referencePolicy": st.sampled_from([{"type": "Source"}, {"type": "Local"}]),
        "generation": st.sampled_from([0, 7]),
    },
)


def imported(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw an image of an import."""
    return st.fixed_dictionaries(
        {
            "from": st.builds(lambda name: {"kind": "DockerImage", "name": name}, names),
            "importPolicy": st.sampled_from([{}, {"insecure": True}]),
        },
        optional={"to": st.builds(lambda tag: {"name": tag}, TAGS)},
    )


# The images that are imported together: any, or of one registry, so that the transport matters.
IMPORTED = st.lists(imported(PULL_SPECS | ODD), max_size=3) | st.lists(
    imported(st.sampled_from([f"{PLAIN}/lib/z:1", f"{PLAIN}/lib/z:v1", f"{PLAIN}/lib/w:1"])), min_size=2, max_size=2
)


class Sequences(RuleBasedStateMachine):
    """One project, and everything that can be asked of it."""

    policy = guarded.policy()

    def __init__(self) -> None:
        super().__init__()
        self.cluster = guarded.beginning()
        self.before = self.cluster
        self.excused: set[Fact] = set()
        self.last: tuple[Request, Outcome, Webhooks] | None = None
        self.deleted: tuple[str, str] | None = None
        self.awaited: set[tuple[str, str]] = set()
        self.opened: set[str] = set()

    def send(self, data: Any, user: str, method: str, resource: str, name: str, body: Any, **rest: Any) -> None:
        """Send a request through the webhook, and go on with one of its outcomes."""
        body = self._with_images(data, body)
        dry = rest.pop("dry_run", None)
        if dry is None:
            dry = data.draw(st.sampled_from([False] * 9 + [True]), label="dry run")
        request = Request(user, method, resource, HOME, name, body, dry_run=dry, **rest)
        found = outcomes(self.cluster, request, webhooks := Webhooks(self.policy))
        outcome = data.draw(st.sampled_from(found), label="outcome") if len(found) > 1 else found[0]
        self.before, self.cluster = self.cluster, outcome.cluster
        self.last = request, outcome, webhooks
        self.deleted = None
        if resource in ("imagestreamtags", "imagetags"):
            self.awaited.update(guarded.awaited(self.before, self.cluster))

    def _with_images(self, data: Any, body: Any) -> Any:
        """Name images that a stream has had in place of IMAGE, and now and then one that it has not."""
        if isinstance(body, dict):
            return {key: self._with_images(data, value) for key, value in body.items()}
        if isinstance(body, list):
            return [self._with_images(data, value) for value in body]
        if not isinstance(body, str) or not body.endswith("@IMAGE"):
            return body
        stream = self.stream(body.partition("@")[0])
        events = [event for history in stream.history.values() for event in history.events] if stream else []
        known = sorted({event.image for event in events if event.image}) or [APP]
        return body.replace("IMAGE", data.draw(st.sampled_from(known), label="image"))

    def stream(self, name: str) -> Stream | None:
        """Read a stream."""
        return self.cluster.streams.get((HOME, name))

    @initialize(data=st.data(), repository=REPOSITORIES)
    def begin(self, data: Any, repository: str) -> None:
        """Begin with two streams, one of which may follow a repository."""
        for stream, followed in (("a", ""), ("b", repository)):
            body = self._body(stream, {}, followed, {}, {})
            self.send(data, "alice", "POST", "imagestreams", "", body, dry_run=False)

    @rule(data=st.data(), user=USERS, stream=STREAMS, tag=TAGS, spec=SPEC_TAGS | st.none(), annotations=ANNOTATIONS)
    def put_tag(self, data: Any, user: str, stream: str, tag: str, spec: Any, annotations: Any) -> None:
        """Replace a tag, as `oc tag` does."""
        body = {"metadata": {"name": f"{stream}:{tag}", "annotations": annotations}, "tag": spec}
        self.send(data, user, "PUT", "imagestreamtags", f"{stream}:{tag}", body)

    @rule(
        data=st.data(), user=USERS, stream=STREAMS, tag=TAGS, spec=SPEC_TAGS, annotations=ANNOTATIONS, how=st.booleans()
    )
    def post_tag(self, data: Any, user: str, stream: str, tag: str, spec: Any, annotations: Any, *, how: bool) -> None:
        """Create a tag, by either resource."""
        meta = {"name": f"{stream}:{tag}", **({"annotations": annotations} if how else {})}
        whole = {**spec, "annotations": annotations}
        resource, field = ("imagestreamtags", "tag") if how else ("imagetags", "spec")
        self.send(data, user, "POST", resource, "", {"metadata": meta, field: whole})

    @rule(
        data=st.data(),
        user=USERS,
        stream=STREAMS,
        tag=TAGS,
        spec=SPEC_TAGS | st.none(),
        how=st.booleans(),
        annotations=ANNOTATIONS,
    )
    def patch_tag(self, data: Any, user: str, stream: str, tag: str, spec: Any, annotations: Any, *, how: bool) -> None:
        """Patch a tag, by either resource."""
        resource, field = ("imagestreamtags", "tag") if how else ("imagetags", "spec")
        if not how and spec is not None:
            spec = {"name": tag, **spec, "annotations": annotations}
        body = {field: spec, **({"metadata": {"annotations": annotations}} if how and annotations else {})}
        kind = data.draw(st.sampled_from(["merge", "strategic-merge"]), label="patch")
        name = f"{stream}:{tag}"
        self.send(data, user, "PATCH", resource, name, body, content_type=f"application/{kind}-patch+json")

    @rule(
        data=st.data(),
        user=USERS,
        stream=STREAMS,
        tags=st.dictionaries(TAGS, SPEC_TAGS, max_size=3),
        repository=REPOSITORIES,
        annotations=ANNOTATIONS,
        insecure=INSECURE,
        apply=st.booleans(),
    )
    def write_stream(self, data: Any, user: str, stream: str, *, apply: bool, **given: Any) -> None:
        """Create a stream, or replace it, or apply it on the server."""
        body = self._body(stream, **given)
        if apply:
            kind = "application/apply-patch+yaml"
            self.send(data, user, "PATCH", "imagestreams", stream, {"kind": "ImageStream", **body}, content_type=kind)
        elif (old := self.stream(stream)) is None:
            self.send(data, user, "POST", "imagestreams", "", body)
        else:
            read = encode_stream(old.decorated())
            keep = data.draw(st.booleans(), label="keep tags")
            tags = {tag["name"]: tag for tag in read["spec"].get("tags", ())} if keep else {}
            tags.update({tag["name"]: tag for tag in body["spec"]["tags"]})
            spec = {**read["spec"], **body["spec"], "tags": list(tags.values())}
            annotations = {**(old.meta.annotations if keep else {}), **body["metadata"]["annotations"]}
            meta = {**read["metadata"], "annotations": annotations}
            self.send(data, user, "PUT", "imagestreams", stream, {**read, "metadata": meta, "spec": spec})

    @staticmethod
    def _body(
        stream: str, tags: Mapping[str, Any], repository: str, annotations: Document, insecure: Document
    ) -> dict[str, Any]:
        spec = {"tags": [{"name": name, **tag, "annotations": annotations} for name, tag in tags.items()]}
        followed = {"dockerImageRepository": repository} if repository else {}
        return {"metadata": {"name": stream, "annotations": {**annotations, **insecure}}, "spec": {**spec, **followed}}

    @rule(
        data=st.data(),
        user=st.sampled_from(["root", "root", "alice"]),
        stream=STREAMS,
        tag=TAGS,
        items=st.lists(st.tuples(PULL_SPECS | ODD, st.sampled_from(IMAGES)), max_size=2),
        annotations=INSECURE,
    )
    def write_status(self, data: Any, user: str, stream: str, tag: str, items: Any, annotations: Any) -> None:
        """Write the history of a tag, as only an administrator may."""
        old = self.stream(stream)
        if old is None:
            return
        read = encode_stream(old.decorated())
        history = {entry["tag"]: entry for entry in read["status"].get("tags", ())}
        written = [{"dockerImageReference": name, "image": image, "generation": 1} for name, image in items]
        history[tag] = {"tag": tag, "items": written}
        meta = {**read["metadata"], "annotations": {**old.meta.annotations, **annotations}}
        body = {**read, "metadata": meta, "status": {"tags": list(history.values())}}
        self.send(data, user, "PUT", "imagestreams/status", stream, body)

    @rule(
        data=st.data(),
        user=USERS,
        stream=STREAMS,
        images=IMPORTED,
        repository=st.just("") | st.just("") | REPOSITORIES,
        stores=st.sampled_from([True, True, False]),
        annotations=ANNOTATIONS,
    )
    def import_images(
        self, data: Any, user: str, stream: str, images: Any, repository: str, annotations: Any, *, stores: bool
    ) -> None:
        """Import images, or a repository."""
        followed = {"repository": {"from": {"kind": "DockerImage", "name": repository}}} if repository else {}
        spec = {"import": stores, "images": images, **followed}
        self.send(
            data,
            user,
            "POST",
            "imagestreamimports",
            "",
            {"metadata": {"name": stream, "annotations": annotations}, "spec": spec},
        )

    @rule(
        data=st.data(),
        user=USERS | st.just(PUSHER),
        stream=STREAMS,
        tag=TAGS,
        image=st.sampled_from(IMAGES),
        reference=PULL_SPECS | ODD | st.none(),
        marked=st.booleans(),
        annotations=ANNOTATIONS,
    )
    def push(self, data: Any, user: str, stream: str, tag: str, image: str, *, marked: bool, **given: Any) -> None:
        """Push an image, or say that one was pushed."""
        meta = {"name": image, "annotations": {"openshift.io/image.managed": "true"} if marked else {}}
        reference = {"dockerImageReference": given["reference"]} if given["reference"] else {}
        body = {
            "metadata": {"name": stream, "annotations": given["annotations"]},
            "tag": tag,
            "image": {"metadata": meta, **reference},
        }
        self.send(data, user, "POST", "imagestreammappings", "", body)

    @rule(
        data=st.data(), user=USERS, stream=STREAMS, tag=TAGS, resource=st.sampled_from(["imagestreamtags", "imagetags"])
    )
    def delete_tag(self, data: Any, user: str, stream: str, tag: str, resource: str) -> None:
        """Delete a tag, which no webhook is asked about."""
        self.send(data, user, "DELETE", resource, f"{stream}:{tag}", None)
        self.deleted = stream, tag

    @rule(data=st.data(), user=USERS, stream=STREAMS | st.just(""))
    def delete_stream(self, data: Any, user: str, stream: str) -> None:
        """Delete a stream, or all of them."""
        self.send(data, user, "DELETE", "imagestreams", stream, None)

    @rule(data=st.data(), user=USERS, stream=STREAMS)
    def forget_check(self, data: Any, user: str, stream: str) -> None:
        """Remove the annotation that marks a stream as imported, so that it is imported again."""
        body = {"metadata": {"annotations": {CHECKED: None}}}
        kind = "application/merge-patch+json"
        self.send(data, user, "PATCH", "imagestreams", stream, body, content_type=kind)

    @rule(data=st.data(), stream=STREAMS, due=st.booleans())
    def controller_runs(self, data: Any, stream: str, *, due: bool) -> None:
        """Let the import controller do what it would."""
        found = self.stream(stream)
        body = None if found is None else controller.scheduled(found) if due else controller.wanted(found)
        if body is not None:
            self.send(data, IMPORTER, "POST", "imagestreamimports", "", body)

    @rule(repository=st.sampled_from(["acme/app", "acme/test"]), tag=TAGS, image=st.sampled_from(IMAGES))
    def upstream_moves(self, repository: str, tag: str, image: str) -> None:
        """Let another client push to a registry."""
        hosts = dict(self.cluster.registries.hosts)
        registry = hosts["quay.io"]
        tags = {**registry.tags, repository: {**registry.tags[repository], tag: image}}
        hosts["quay.io"] = replace(registry, tags=tags)
        self.cluster = replace(self.cluster, registries=replace(self.cluster.registries, hosts=hosts))
        self.before, self.last = self.cluster, None

    @invariant()
    @precondition(lambda self: self.last is not None)
    def only_owners_are_exempt(self) -> None:
        """An exemption holds for its owner alone, and a reason only with the change that it is given with."""
        assert self.last is not None
        for name, reason, asked in self.last[2].exempted:
            assert guarded.OWNERS[name] == asked.user
            if name == "break-glass":
                assert set(reason.split("; ")) & guarded.given_reasons(asked)

    @invariant()
    @precondition(lambda self: self.last is not None)
    def what_is_promised_holds(self) -> None:
        """No tag means an image that is denied, no immutable tag moved, no import was insecure."""
        assert self.last is not None
        request, outcome, webhooks = self.last
        new = {*guarded.wrong(self.cluster), *guarded.moved(self.before, self.cluster)} - self.excused
        exempt = any(name == "break-glass" for name, *_ in webhooks.exempted)
        if exempt:
            self.opened |= {key[1] for key, stream in self.cluster.streams.items() if stream.repository}
        for fact in sorted(new):
            excuse = (
                exempt
                or self._was_excused(fact)
                or guarded.not_promised(fact, self.cluster, self.deleted, self.awaited)
            )
            assert excuse, f"{fact} after {request}"
            if fact[0] not in ("moved", "overwritten"):
                self.excused.add(fact)
        if request.resource == "imagestreamimports" and outcome.code == 201 and not exempt:
            insecure = guarded.is_insecure_import(request.body, outcome.answer)
            name = request.body["metadata"]["name"]
            mended = request.user == IMPORTER and any(fact[:2] == ("insecure", name) for fact in self.excused)
            assert mended or not insecure, f"an insecure import: {request}"

    def _was_excused(self, fact: Fact) -> bool:
        """Say whether something follows from what an exemption let in: by an import, a repository, or through an alias."""
        sort, name, tag, value = fact
        if sort in ("moved", "overwritten"):
            return self.last is not None and self.last[0].user == IMPORTER and name in self.opened
        alike = [other for other in self.excused if _family(other[0]) == _family(sort)]
        stream = self.stream(name)
        source = stream.tags[tag].source if stream is not None and tag in stream.tags else None
        if "image" in sort and (source is None or source.kind != "DockerImage"):
            return any(other[3] == value for other in alike)
        follows = "image" in sort or (self.last is not None and self.last[0].user == IMPORTER)
        return follows and any(other[1:3] in ((name, tag), (name, "*")) for other in alike)


def _family(sort: str) -> str:
    """Put sources and the images that were imported from them together."""
    return sort.replace("source", "image")


# A few hundred sequences in `make test`, ten thousand with the profile of `make fuzz`.
Sequences.TestCase.settings = settings(examples(300), stateful_step_count=25)
TestSequences = Sequences.TestCase


BROKEN = {
    **{f"without-{rule}": guarded.policy(rule) for rule in guarded.RULES},
    "an-exemption-for-all": guarded.policy(owner='"*"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_policy_that_promises_less_is_noticed(name: str) -> None:
    """Without any one of the rules, or with an exemption for everybody, the sequences find what they look for."""
    machine = type("Broken", (Sequences,), {"policy": BROKEN[name]})
    few = settings(max_examples=300, stateful_step_count=25, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=few)


def test_what_is_not_promised_is_warned_of() -> None:
    """`policy validate` has a warning for each thing that the policy language cannot promise."""
    assert guarded.WARNED.keys() == guarded.NOT_PROMISED.keys()
    assert set(guarded.WARNED.values()) <= {warning.name for warning in lint(guarded.policy(), NOW).warnings}
