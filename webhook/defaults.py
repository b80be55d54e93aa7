"""Defaults: sets fields that are unset or have the API server's own default."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from webhook.model.decision import PatchOp
from webhook.model.review import TagChange
from webhook.model.tag import NOTHING, SourceKind, TagReference
from webhook.resources import parsing
from webhook.resources.objects import IMPORT_MODE, REFERENCE_POLICY
from webhook.schemas.containers import Record, TextMap
from webhook.schemas.parameters import Bool, Choice

KEEP: Final = "istag-webhook/keep"


@dataclass(frozen=True, slots=True)
class Completion:
    """The values that a policy's default sets; None, or no annotations, leaves a field unchanged."""

    import_mode: str | None = None
    scheduled: bool | None = None
    insecure: bool | None = None
    reference_policy: str | None = None
    annotations: tuple[tuple[str, str], ...] = ()


def _completion(
    importPolicy: Mapping[str, Any] = NOTHING,  # noqa: N803 - the policy's name
    referencePolicy: str | None = None,  # noqa: N803 - the policy's name
    annotations: tuple[tuple[str, str], ...] = (),
) -> Completion:
    return Completion(
        importPolicy.get("importMode"),
        importPolicy.get("scheduled"),
        importPolicy.get("insecure"),
        referencePolicy,
        annotations,
    )


COMPLETION: Final = Record(
    {
        "importPolicy": Record(
            {"importMode": Choice(IMPORT_MODE, "PreserveOriginal"), "scheduled": Bool(), "insecure": Bool()},
            dict,
            docs={
                "importMode": "how to import a manifest list; set only if a tag has it unset or Legacy",
                "scheduled": "whether to import the tag periodically; set only for a DockerImage without a digest",
                "insecure": "whether the registry may be accessed without a verified certificate",
            },
            needs=("importMode", "scheduled", "insecure"),
        ),
        "referencePolicy": Record({"type": Choice(REFERENCE_POLICY, "Local", required=True)}, lambda type: type),  # noqa: A006 - the API's name
        "annotations": TextMap(),
    },
    _completion,
    needs=("importPolicy", "referencePolicy", "annotations"),
    required=True,
)


def complete(change: TagChange, document: Mapping[str, Any], completions: Iterable[Completion]) -> tuple[PatchOp, ...]:
    """Return the shortest patch that applies `completions` to the tag of `change`, empty if there is nothing to set.

    Only a tag with a new or changed source is completed, and only if the API server would store the patch. The first
    of `completions` that sets a field wins. If the source is unchanged, only the two fields are restored that the
    API server defaults itself: `oc tag` and a repeated apply omit them, which would reset them.
    """
    tag = change.new
    if tag is None or tag.source is None or not change.touched or change.faults:
        return ()
    place, wanted = change.place, _together(tuple(completions))
    if wanted is None or not place.kept:
        return ()
    sent = _at(document, place.pointer)
    homes = {home: _at(document, home) for home in place.homes}
    kept = {word.strip() for home in homes.values() if KEEP in home for word in str(home[KEEP]).split(",")}
    import_policy, reference_policy = (dict(of(tag, wanted, kept)) for of in (_import_policy, _reference_policy))
    annotations = _missing(wanted, homes, kept)
    if change.old is not None and not change.moved:
        import_policy = _restored(import_policy, "importMode", change.old.import_mode)
        reference_policy = _restored(reference_policy, "type", change.old.reference_policy)
        annotations = {}
    return (
        *_policy(place.pointer, "importPolicy", sent, import_policy),
        *_policy(place.pointer, "referencePolicy", sent, reference_policy),
        *_annotations(homes, annotations),
    )


def _together(completions: tuple[Completion, ...]) -> Completion | None:
    """Merge `completions`; the first that sets a field wins. Return None if there are none."""
    if len(completions) <= 1:
        return completions[0] if completions else None
    first = {
        field: next((value for each in completions if (value := getattr(each, field)) is not None), None)
        for field in ("import_mode", "scheduled", "insecure", "reference_policy")
    }
    annotations = {name: value for each in reversed(completions) for name, value in each.annotations}
    return Completion(**first, annotations=tuple(annotations.items()))


def _restored(wanted: Mapping[str, Any], field: str, was: str) -> dict[str, Any]:
    """Return `field` of `wanted` if the tag had this value before."""
    return {field: was} if wanted.get(field) == was else {}


def _import_policy(tag: TagReference, wanted: Completion, kept: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of `importPolicy` to set, in the API's order."""
    source = tag.source
    if source is None or source.kind != SourceKind.DOCKER_IMAGE:
        return
    if wanted.insecure and not tag.insecure and "insecure" not in kept:
        yield "insecure", True
    if wanted.scheduled and tag.schedulable and not tag.scheduled and "scheduled" not in kept:
        yield "scheduled", True
    mode = wanted.import_mode
    if mode and tag.import_mode in ("", IMPORT_MODE) and tag.import_mode != mode and "importMode" not in kept:
        yield "importMode", mode


def _reference_policy(tag: TagReference, wanted: Completion, kept: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the field of `referencePolicy` to set."""
    policy, found = wanted.reference_policy, tag.reference_policy
    if policy and found in ("", REFERENCE_POLICY) and found != policy and "referencePolicy" not in kept:
        yield "type", policy


def _missing(wanted: Completion, homes: Mapping[str, Mapping[str, Any]], kept: set[str]) -> dict[str, str]:
    """Return the annotations that no home of the tag has yet."""
    return {
        name: value
        for name, value in wanted.annotations
        if "annotations" not in kept and not any(name in home for home in homes.values())
    }


def _policy(pointer: str, name: str, sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[PatchOp]:
    """Yield the operations that set `wanted` in the policy `name`; create the policy if it is missing."""
    if wanted and not isinstance(sent.get(name), dict):
        yield PatchOp("add", f"{pointer}/{name}", dict(wanted))
        return
    for field, value in wanted.items():
        yield PatchOp("add", f"{pointer}/{name}/{field}", value)


def _annotations(homes: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, str]) -> Iterator[PatchOp]:
    """Yield the operations that write `wanted` to every home: a new tag must have the same annotations in all."""
    if not wanted:
        return
    stored = next((found for found in homes.values() if found), NOTHING)
    for position, (home, found) in enumerate(homes.items()):
        if found:
            for name, value in wanted.items():
                yield PatchOp("add", f"{home}/{name.replace('~', '~0').replace('/', '~1')}", value)
        else:
            # The first home is the object's own, which an update stores. It copies nothing from the others.
            yield PatchOp("add", home, {**(stored if position else {}), **wanted})


def _at(document: Mapping[str, Any], pointer: str) -> Mapping[str, Any]:
    """Return the object at a JSON Pointer (RFC 6901) that was read before, empty if its end is not an object."""
    found: Any = document
    for token in pointer.split("/")[1:]:
        found = found[int(token)] if isinstance(found, list) else parsing.mapping(found).get(token)
    return parsing.mapping(found)


def patched_document(document: Mapping[str, Any], patch: Iterable[PatchOp]) -> dict[str, Any]:
    """Return `document` with `patch` applied as the API server applies it, without changing `document`.

    The result shares unchanged parts with `document`.
    """
    result = dict(document)
    for operation in patch:
        *parents, last = (token.replace("~1", "/").replace("~0", "~") for token in operation.path.split("/")[1:])
        at: Any = result
        for token in parents:
            key = int(token) if isinstance(at, list) else token
            at[key] = at = copy(at[key])
        at[last] = operation.value
    return result
