"""Compare recorded sequences with the model, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import lists, recorded
from .admission import Review
from .api import outcomes
from .normal import pruned
from .objects import Document, Stream
from .server import Cluster, Outcome
from .wire import encode_stream

# The differences that no comparison counts, each with a reason.
UNCOMPARED = {
    "uid, resourceVersion, creationTimestamp": "the server makes them up; whether resourceVersion moves is compared",
    "the content of metadata.managedFields": "the recordings leave it out; whether there are any is compared",
    "null, absent and empty fields": "they mean the same to the image API, and Go writes either",
    "messages of errors": "texts are not modelled; conditions have theirs, and those are compared",
    "image of imagestreamtags, but its name and reference": "the model knows images by name",
    "image of imagetags": "as above",
    "resourceVersion after an import": "an import writes the time, which is the same time within a second",
}
_META = ("uid", "resourceVersion", "creationTimestamp", "managedFields")


@dataclass(frozen=True)
class Difference:
    """A step whose recorded outcome is not one of the model's.

    Args:
        trace: The number of the sequence.
        step: The place of the step in it, or `final`.
        kind: The kind of request.
        parts: For each outcome of the model, what differs from the recorded one.
    """

    trace: int
    step: int | str
    kind: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "\n    or ".join((f"{self.trace:03}.{self.step} {self.kind}: {self.parts[0]}", *self.parts[1:]))


def differences(trace: Document) -> Iterator[Difference]:
    """Compare a sequence with the model, each step from the state that was recorded before it.

    Args:
        trace: The sequence.

    Yields:
        Each step that comes out as nothing that the model allows.
    """
    namespace = trace["namespace"]
    cluster = recorded.beginning(trace)
    state: Document = {}
    for step in trace["steps"]:
        cluster = recorded.adopted(cluster, namespace, state)
        try:
            found = outcomes(cluster, recorded.request(trace, step))
        except Exception as error:  # noqa: BLE001 - a step that the model cannot take differs, and the others are compared
            yield Difference(trace["trace"], step["i"], step["kind"], (f"the model failed: {error!r}",))
            state = step["state"]
            continue
        problems = [_problem(step, state, outcome, namespace) for outcome in found]
        if None not in problems:
            yield Difference(trace["trace"], step["i"], step["kind"], tuple(map(str, problems)))
        cluster = found[problems.index(None) if None in problems else 0].cluster
        state = step["state"]
    yield from _at_the_end(trace, recorded.adopted(cluster, namespace, state))


def _at_the_end(trace: Document, cluster: Cluster) -> Iterator[Difference]:
    streams = [
        stream.decorated() for key, stream in sorted(cluster.streams.items(), key=str) if key[0] == trace["namespace"]
    ]
    for resource, modelled in (("imagestreamtags", lists.stream_tags(streams)), ("imagetags", lists.tags(streams))):
        kind = {"kind": modelled[0]["kind"]} if modelled else {}
        left = [_object({**document, **kind}) for document in trace["final"][resource]]
        right = sorted((_object(document) for document in modelled), key=lambda document: document["metadata"]["name"])
        left, right = (pruned([{**each, "apiVersion": None} for each in side]) for side in (left, right))
        if left != right:
            yield Difference(trace["trace"], "final", f"list of {resource}", (_first(left, right),))


def _problem(step: Document, before: Document, outcome: Outcome, namespace: str) -> str | None:
    """Say what differs between the recorded outcome and one of the model's."""
    if outcome.code != step["code"]:
        return f"code {step['code']} | model {outcome.code} {outcome.message}"
    pairs: dict[str, tuple[Any, Any]] = {
        "reviews": (
            [_review(_recorded(review)) for review in step["reviews"]],
            [_review(review) for review in outcome.reviews],
        ),
        "answer": _answers(step["response"], outcome),
    }
    for part, (left, right) in pairs.items():
        if left != right:
            return f"{part}{_first(left, right)}"
    states = [step["state"], *([step["otherState"]] if "otherState" in step else [])]
    after = {name: outcome.cluster.streams.get((namespace, name)) for name in step["state"]}
    problems = [_state_problem(state, before, after, compare_version="isi" not in step["kind"]) for state in states]
    return None if None in problems else problems[0]


def _answers(response: Document, outcome: Outcome) -> tuple[Any, Any]:
    """Return the recorded answer and the model's, in one form; a recording does not keep all answers."""
    if "object" in response:
        return _object(response["object"]), _object(outcome.answer)
    if "result" in response:
        result = response["result"]
        tags = {image["tag"]: _import(image) for image in (result.get("repository") or {}).get("images") or []}
        return {"images": [_import(image) for image in result["images"]], "tags": tags}, outcome.answer
    if "deleted" in response:
        return sorted(response["deleted"]), outcome.answer
    return None, None


def _import(image: Document) -> Document:
    return {key: image[key] for key in ("status", "reason", "image") if key in image}


def _state_problem(
    state: Document, before: Document, after: Mapping[str, Stream | None], *, compare_version: bool
) -> str | None:
    for name, stream in after.items():
        document, mine = state[name], None if stream is None else encode_stream(stream.decorated())
        left, right = _object(document, managed=True), _object(mine, managed=True)
        if left != right:
            return f"state of {name}{_first(left, right)}"
        if document and mine and compare_version:
            known = ((before.get(name) or {}).get("metadata") or {}).get("resourceVersion")
            moved, modelled = (each["metadata"]["resourceVersion"] != known for each in (document, mine))
            if moved != modelled:
                return f"state of {name}: resourceVersion {'moved' if moved else 'stayed'}"
    return None


def _recorded(review: Document) -> Review:
    request = review["request"]
    subresource = request.get("subResource")
    return Review(
        review["webhook"],
        request["operation"],
        request["resource"]["resource"] + (f"/{subresource}" if subresource else ""),
        request["kind"]["kind"],
        request.get("name", ""),
        request["namespace"],
        request["userInfo"]["username"],
        request["dryRun"],
        request["object"],
        request["oldObject"],
    )


def _review(review: Review) -> Document:
    asked = (review.webhook, review.operation, review.resource, review.kind, review.name, review.user, review.dry_run)
    return {"asked": asked, "object": _object(review.object), "oldObject": _object(review.old_object)}


def _object(document: Document | None, *, managed: bool = False) -> Any:
    """Leave of an object what is compared."""
    if document is None:
        return None
    meta = {key: value for key, value in document["metadata"].items() if key not in _META}
    kept = {**document, "metadata": meta}
    if managed:
        kept["managed"] = "managedFields" in document["metadata"]
    if document.get("kind") == "ImageTag":
        kept.pop("image", None)
    elif "image" in document:
        image = document["image"] or {}
        names = ("name", "annotations") if document["kind"] == "ImageStreamMapping" else ("name",)
        image_meta = {key: value for key, value in (image.get("metadata") or {}).items() if key in names}
        kept["image"] = {"metadata": image_meta, "dockerImageReference": image.get("dockerImageReference")}
    return pruned(kept)


def _first(left: Any, right: Any, path: str = "") -> str:
    """Name the first place at which two documents differ, and what they have there."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                return _first(left.get(key), right.get(key), f"{path}.{key}")
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            if one != other:
                return _first(one, other, f"{path}[{place}]")
    return f"{path}: {str(left)[:300]} | model {str(right)[:300]}"
