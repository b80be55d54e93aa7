"""The model of openshift-apiserver: what was recorded comes out of it, and so do the facts that were probed by hand."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.openshift import comparison, controller, recorded
from tests.openshift.api import outcomes
from tests.openshift.objects import Document, Stream
from tests.openshift.server import Cluster, Outcome, Request, Rights
from tests.openshift.wanted import decode as decode_import
from tests.openshift.wanted import encode as encode_import
from tests.openshift.wire import encode_stream

ROOT = Path(__file__).parents[2]
INTERNAL = "image-registry.openshift-image-registry.svc:5000"
DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"


@cache
def traces() -> dict[int, dict[str, Any]]:
    """Read the recorded sequences by number."""
    return {trace["trace"]: trace for trace in recorded.read(recorded.PACKED)}


@pytest.mark.parametrize("decade", sorted({number // 10 for number in traces()}), ids="{:02}x".format)
def test_recorded_sequences_come_out_alike(decade: int) -> None:
    """Code, reviews, answer and state of each recorded step are among the model's outcomes."""
    ours = [trace for number, trace in traces().items() if number // 10 == decade]
    assert [str(difference) for trace in ours for difference in comparison.differences(trace)] == []


def test_the_controller_imports_what_it_imported() -> None:
    """Each recorded request of the import controller is one that the model's controller sends."""
    found = []
    for trace in traces().values():
        cluster = recorded.beginning(trace)
        state: Document = {}
        for step in trace["steps"]:
            if step["user"] == "importer":
                cluster = recorded.adopted(cluster, trace["namespace"], state)
                stream = cluster.streams[trace["namespace"], step["body"]["metadata"]["name"]]
                sent = [controller.wanted(stream), controller.scheduled(stream)]
                found.append(spec_of_import(step["body"]) in [spec_of_import(body) for body in sent if body])
            state = step["state"]
    assert found == [True] * 40


def spec_of_import(body: Document) -> Any:
    """Leave of an import what it asks for, with its defaults."""
    return encode_import(decode_import(body))["spec"]


def test_the_recordings_are_whole() -> None:
    """There are as many sequences, steps and reviews as were recorded."""
    steps = [step for trace in traces().values() for step in trace["steps"]]
    assert (len(traces()), len(steps)) == (186, 1512)
    assert {step["user"] for step in steps} == {"alice", "bob", "admin", "registry", "importer"}


TAMPERED: dict[str, tuple[str, Callable[[Any], object]]] = {
    "the code": ("istag.put", lambda step: step.update(code=418)),
    "the operation of a review": ("istag.put", lambda step: step["reviews"][0]["request"].update(operation="DELETE")),
    "the name of a review": ("ism", lambda step: step["reviews"][0]["request"].update(name="other")),
    "one review less": ("is.put", lambda step: step["reviews"].pop()),
    "a source in the new object": ("istag.put", lambda step: spec_of(step, "object")["from"].update(name="other")),
    "an import policy in the old object": (
        "istag.patch.merge",
        lambda step: spec_of(step, "oldObject")["importPolicy"].update(scheduled=True),
    ),
    "a generation": ("is.put", lambda step: stream_of(step)["metadata"].update(generation=77)),
    "an annotation": ("isi", lambda step: stream_of(step)["metadata"]["annotations"].update(a="b")),
    "an item of history": ("ism", lambda step: stream_of(step)["status"]["tags"][0]["items"].pop()),
    "the order of history": ("ism", lambda step: stream_of(step)["status"]["tags"][0]["items"].reverse()),
    "a tag": ("istag.put", lambda step: stream_of(step)["spec"]["tags"].pop()),
    "a stream that is gone": ("istag.put", lambda step: step.update(state=dict.fromkeys(step["state"]))),
    "that nothing was written": (
        "is.put",
        lambda step: stream_of(step)["metadata"].update(resourceVersion=step["body"]["metadata"]["resourceVersion"]),
    ),
    "the answer": ("istag.put", lambda step: step["response"]["object"]["tag"]["from"].update(name="other")),
    "what was imported": ("isi", lambda step: step["response"]["result"]["images"][0].update(image=DIGEST)),
}


def spec_of(step: Document, side: str) -> Any:
    """Return the tag in the first review of a step."""
    return step["reviews"][0]["request"][side]["tag"]


def stream_of(step: Document) -> Any:
    """Return a stream after a step."""
    return next(stream for stream in step["state"].values() if stream)


@pytest.mark.parametrize("what", TAMPERED)
def test_a_recording_that_is_not_so_is_noticed(what: str) -> None:
    """The comparison is complete: a recorded step that is changed in one place differs."""
    kind, tamper = TAMPERED[what]
    for original in traces().values():
        for place, step in enumerate(original["steps"]):
            if step["kind"] != kind or step["code"] >= 300:
                continue
            trace = deepcopy(original)
            try:
                tamper(trace["steps"][place])
            except (KeyError, IndexError, TypeError, AttributeError, StopIteration):
                continue
            if trace == original:
                continue
            found = list(comparison.differences(trace))
            assert place in {difference.step for difference in found}
            return
    pytest.fail("no recorded step can be changed so")


@pytest.mark.parametrize("wrong", [False, True], ids=["alike", "different"])
def test_the_command_compares_a_folder(tmp_path: Path, *, wrong: bool) -> None:
    """`python -m tests.openshift FOLDER` names the steps that differ, and exits with 1 if there are any."""
    trace = deepcopy(traces()[2])
    if wrong:
        trace["steps"][1]["code"] = 418
    (tmp_path / "002.json").write_text(json.dumps(trace))
    command = [sys.executable, "-m", "tests.openshift", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == int(wrong), done.stderr
    assert ("002.1 is.status.put: code 418 | model 200" in done.stdout) is wrong
    assert f"1 sequence, {len(trace['steps'])} steps: {'1 step differs' if wrong else '0 steps differ'}" in done.stdout


# What FACTS of the recordings say that was seen by directed requests alone. Each case sends requests one after another,
# and says what the last one may end in.


class Sent:
    """A namespace to which requests are sent one after another."""

    def __init__(self) -> None:
        self.cluster = Cluster(registries=recorded.REGISTRIES, rights=Rights(status_writers=frozenset({"root"})))
        self.last: list[Outcome] = []

    def send(self, method: str, resource: str, name: str, body: Any = None, **rest: Any) -> "Sent":
        """Send a request, and go on with one of its outcomes."""
        request = Request(rest.pop("user", "alice"), method, resource, "app", name, body, **rest)
        self.last = outcomes(self.cluster, request)
        self.cluster = self.last[0].cluster
        return self

    def tag(self, name: str, source: tuple[str, str] | None, **tag: Any) -> "Sent":
        """Set a tag by a PUT, as `oc tag` does."""
        spec = {**({"from": {"kind": source[0], "name": source[1]}} if source else {}), **tag}
        return self.send("PUT", "imagestreamtags", name, {"metadata": {"name": name}, "tag": spec})

    def push(self, name: str, image: str, **fields: Any) -> "Sent":
        """Push an image to a tag."""
        stream, _, tag = name.partition(":")
        body = {"metadata": {"name": stream}, "tag": tag, "image": {"metadata": {"name": image}, **fields}}
        return self.send("POST", "imagestreammappings", "", body)

    def stream(self, *tags: Mapping[str, Any], **spec: Any) -> "Sent":
        """Create the stream `a`."""
        body = {"metadata": {"name": "a"}, "spec": {"tags": list(tags), **spec}}
        return self.send("POST", "imagestreams", "", body)

    def edit(self, change: Callable[[Any], object]) -> "Sent":
        """Read the stream `a`, change it, and write it back."""
        document = self.read()
        change(document)
        return self.send("PUT", "imagestreams", "a", document)

    def read(self) -> Any:
        """Read the stream `a`."""
        return deepcopy(encode(self.a))

    @property
    def a(self) -> Stream:
        """The stream `a` after the first of the outcomes."""
        return self.cluster.streams["app", "a"]

    def images(self, tag: str) -> list[list[str]]:
        """List the images in the history of a tag, for each outcome; of a reference without an image the reference."""
        streams = [outcome.cluster.streams["app", "a"] for outcome in self.last]
        return [[event.image or event.reference for event in stream.history[tag].events] for stream in streams]


def encode(stream: Stream) -> dict[str, Any]:
    """Write a stream as a client reads it."""
    return encode_stream(stream.decorated())


ALIAS = ("ImageStreamTag", "v1")
QUAY = ("DockerImage", "quay.io/acme/app:1")


def test_an_empty_patch_asks_both_webhooks() -> None:
    """A merge patch `{}` is an update."""
    sent = Sent().tag("a:v1", QUAY)
    sent.send("PATCH", "imagestreamtags", "a:v1", {}, content_type="application/merge-patch+json")
    assert [each.webhook for each in sent.last[0].reviews] == ["mutate", "validate"]


def test_a_post_without_a_tag_makes_an_empty_stream() -> None:
    """A POST of an imagestreamtag with `tag: null` makes the stream and no tag."""
    sent = Sent().send("POST", "imagestreamtags", "", {"metadata": {"name": "a:v1"}, "tag": None})
    assert (sent.last[0].code, sent.a.tags) == (201, {})


def test_a_look_stores_nothing() -> None:
    """An import with `import: false` makes no stream."""
    image = {
        "from": {"kind": "DockerImage", "name": "127.0.0.1:21500/lib/busybox:t1"},
        "importPolicy": {"insecure": True},
    }
    sent = Sent().send("POST", "imagestreamimports", "", {"metadata": {"name": "a"}, "spec": {"images": [image]}})
    assert (sent.last[0].code, sent.cluster.streams) == (201, {})


@pytest.mark.parametrize(
    ("change", "rises"),
    [
        ({"importPolicy": {"importMode": "PreserveOriginal"}}, True),
        ({"reference": True}, True),
        ({"from": {"kind": "DockerImage", "name": "quay.io/acme/app:2"}}, True),
        ({"generation": 0}, True),
        ({"importPolicy": {"scheduled": True}}, False),
        ({"importPolicy": {"insecure": True}}, False),
        ({"referencePolicy": {"type": "Local"}}, False),
        ({"annotations": {"a": "b"}}, False),
        ({"generation": 99}, False),
        ({"generation": None}, False),
    ],
    ids=str,
)
def test_what_raises_the_generation_of_a_tag(change: dict[str, Any], *, rises: bool) -> None:
    """Only what the server counts as a change of the reference asks for a new import."""
    sent = Sent().stream({"name": "v1", "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}})
    sent.edit(lambda document: document["spec"].update(lookupPolicy={"local": True}))
    sent.edit(lambda document: document["spec"]["tags"][0].update(change))
    assert (sent.a.tags["v1"].generation != 1) is rises


def test_another_kind_alone_is_no_change() -> None:
    """A source that keeps its name and changes its kind is stored, and nothing follows from it."""
    sent = Sent().tag("a:v1", ("DockerImage", "v2")).push("a:v2", DIGEST).tag("a:v1", ("ImageStreamTag", "v2"))
    tag = sent.a.tags["v1"]
    assert (tag.generation, tag.source and tag.source.kind, "v1" in sent.a.history) == (1, "ImageStreamTag", False)


def test_an_alias_of_another_stream_is_never_filled_later() -> None:
    """An alias of a tag without history is accepted, and a push to it changes nothing, nor does the same PUT again."""
    sent = Sent().send("POST", "imagestreams", "", {"metadata": {"name": "b"}})
    sent.tag("a:v2", ("ImageStreamTag", "b:v1")).push("b:v1", DIGEST).tag("a:v2", ("ImageStreamTag", "b:v1"))
    assert "v2" not in sent.a.history


def test_a_reference_stays_the_other_streams() -> None:
    """An alias is made local to its stream, but not with `reference: true`."""
    sent = Sent().send("POST", "imagestreams", "", {"metadata": {"name": "b"}}).push("b:v1", DIGEST)
    sent.tag("a:own", ("ImageStreamTag", "b:v1")).tag("a:theirs", ("ImageStreamTag", "b:v1"), reference=True)
    found = {tag: history.events[0].reference for tag, history in sent.a.history.items()}
    assert found == {"own": f"{INTERNAL}/app/a@{DIGEST}", "theirs": f"{INTERNAL}/app/b@{DIGEST}"}


def test_a_chain_follows_a_push_by_one_step() -> None:
    """A push to v1 moves v2 <- v1, and not v3 <- v2."""
    sent = Sent().tag("a:v1", None).tag("a:v2", ALIAS).tag("a:v3", ("ImageStreamTag", "v2")).push("a:v1", DIGEST)
    assert (sent.images("v2"), "v3" in sent.a.history) == ([[DIGEST]], False)


def test_a_chain_may_follow_a_put() -> None:
    """A PUT of the tag v1 moves v2 <- v1, and may or may not move v3 <- v2."""
    sent = Sent().tag("a:v1", None).tag("a:v2", ALIAS).tag("a:v3", ("ImageStreamTag", "v2"))
    sent.tag("a:v1", ("DockerImage", "quay.io/acme/app:1"), reference=True)
    assert sent.images("v2") == [[QUAY[1]]] * len(sent.last)
    assert {"v3" in outcome.cluster.streams["app", "a"].history for outcome in sent.last} == {True, False}


def test_a_put_of_a_stream_may_leave_aliases_behind() -> None:
    """One PUT that moves v1 and adds aliases of it gives all of them the new image, the old one, or none."""
    sent = Sent().stream(
        {"name": "v1", "reference": True, "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}}
    )
    aliases = [
        {"name": name, "from": {"kind": "ImageStreamTag", "name": of}} for name, of in (("v2", "v1"), ("v3", "v2"))
    ]

    def change(document: Any) -> None:
        document["spec"]["tags"][0]["from"]["name"] = "quay.io/acme/app:2"
        document["spec"]["tags"] += aliases

    sent.edit(change)
    found = {
        tuple(
            stream.history[name].events[0].reference[-1] if name in stream.history else ""
            for name in ("v1", "v2", "v3")
        )
        for stream in (outcome.cluster.streams["app", "a"] for outcome in sent.last)
    }
    assert found == {("2", "2", "2"), ("2", "2", ""), ("2", "1", "1"), ("2", "1", "")}


def test_an_image_with_two_references_is_either() -> None:
    """An ImageStreamImage source of an image that is in history with two references takes either of them."""
    sent = Sent().tag("a:v1", None).push("a:v1", DIGEST, dockerImageReference=f"quay.io/acme/one@{DIGEST}")
    sent.push("a:v2", DIGEST, dockerImageReference=f"quay.io/acme/two@{DIGEST}")
    sent.tag("a:v3", ("ImageStreamImage", DIGEST[len("sha256:") :][:12]))
    found = {outcome.cluster.streams["app", "a"].history["v3"].events[0].reference for outcome in sent.last}
    assert found == {f"quay.io/acme/one@{DIGEST}", f"quay.io/acme/two@{DIGEST}"}


def test_a_mark_as_sent_decides_on_the_reference_of_a_push() -> None:
    """Of an image that exists, the reference is made local only if the push marks it as managed."""
    mark = {"metadata": {"name": DIGEST, "annotations": {"openshift.io/image.managed": "true"}}}
    foreign = {"dockerImageReference": f"evil.example/x/y@{DIGEST}"}
    sent = Sent().tag("a:v1", None).push("a:v1", DIGEST, **foreign)
    assert sent.a.history["v1"].events[0].reference == foreign["dockerImageReference"]
    sent.push("a:v2", DIGEST, **foreign, **mark).push("a:v3", DIGEST, **foreign)
    found = {tag: history.events[0].reference for tag, history in sent.a.history.items()}
    assert found["v2"] == f"{INTERNAL}/app/a@{DIGEST}"
    assert found["v3"] == foreign["dockerImageReference"]


def test_the_same_push_again_is_no_event_and_an_older_image_is() -> None:
    """An image that is on top already makes no item; going back to an older one makes a new item."""
    sent = Sent().tag("a:v1", None)
    for image in (DIGEST, DIGEST, OTHER, DIGEST):
        sent.push("a:v1", image)
    assert sent.images("v1") == [[DIGEST, OTHER, DIGEST]]


def test_a_push_to_an_alias_is_covered_by_the_next_move_of_its_target() -> None:
    """A push to an alias puts its image on top, and the next push to the target goes above it."""
    sent = Sent().tag("a:v1", None).tag("a:v2", ALIAS).push("a:v2", OTHER).push("a:v1", DIGEST)
    assert sent.images("v2") == [[DIGEST, OTHER]]


def test_a_status_write_stores_more_than_the_status() -> None:
    """It stores annotations, labels and `lookupPolicy` too, and puts tags and repository back."""
    sent = Sent().stream({"name": "v1", "from": {"kind": "DockerImage", "name": QUAY[1]}})
    document = sent.read()
    document["metadata"].update(annotations={"openshift.io/image.insecureRepository": "true"}, labels={"a": "b"})
    document["spec"].update(lookupPolicy={"local": True}, tags=[], dockerImageRepository="quay.io/acme/app")
    document["status"]["tags"] = [{"tag": "v1", "items": [{"image": DIGEST, "dockerImageReference": f"q/x@{DIGEST}"}]}]
    sent.send("PUT", "imagestreams/status", "a", document, user="root")
    stream = sent.a
    assert (stream.local, stream.repository, list(stream.tags), stream.meta.labels) == (True, "", ["v1"], {"a": "b"})
    assert stream.meta.annotations == {"openshift.io/image.insecureRepository": "true"}
    assert stream.history["v1"].events[0].generation == 1


def test_the_first_insecure_image_of_a_registry_decides_for_all() -> None:
    """A registry is tried once in a request, so an insecure image of another repository can decide as well."""

    def image(repository: str, *, insecure: bool) -> Document:
        name = f"127.0.0.1:21500/{repository}:t1"
        return {"from": {"kind": "DockerImage", "name": name}, "importPolicy": {"insecure": insecure}}

    images = [image("lib/busybox", insecure=False), image("lib/other", insecure=True)]
    sent = Sent().send("POST", "imagestreamimports", "", {"metadata": {"name": "a"}, "spec": {"images": images}})
    assert {outcome.answer["images"][0]["status"] for outcome in sent.last} == {"Success", "Failure"}


def test_apply_removes_what_it_applied_before() -> None:
    """A tag that leaves an applied configuration leaves the stream."""
    tags = [{"name": name, "from": {"kind": "DockerImage", "name": QUAY[1]}} for name in ("v1", "v2")]
    sent = Sent()
    for some in (tags, tags[:1]):
        body = {"kind": "ImageStream", "metadata": {"name": "a"}, "spec": {"tags": some}}
        sent.send("PATCH", "imagestreams", "a", body, content_type="application/apply-patch+yaml")
    assert list(sent.a.tags) == ["v1"]
