"""imagestreams/status: what the tags of a stream currently mean, and other fields that the API server stores there.

It keeps `spec.tags` and `spec.dockerImageRepository` as stored, but accepts `status`, `spec.lookupPolicy` and the
annotations as sent (openshift-apiserver, registry/imagestream, StatusStrategy).
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from webhook.model.review import Change, Place, Review, TagChange, TagField
from webhook.model.tag import NOTHING, TagReference
from webhook.resources import history, parsing
from webhook.resources.definition import METADATA_ROW, UPDATE, Ledger, Resource, feeds, no_effect
from webhook.resources.objects import LOOKUP, PROBE, PROBE_RULE, Object, Probe, Run, is_object, marked
from webhook.resources.sides import INSECURE, OVERWRITTEN, Side, made_insecure, overwritten, sides, stream_change
from webhook.schemas.stream import ImageStream
from webhook.text import printable

NAME: Final = "imagestreams/status"
_REMOVED: Final = Place("status.tags", "/status/tags", "status.tags", history.EVENT)


def _spec(index: int | str) -> Place:
    """Return the place of one of `spec.tags`, which cannot be written here."""
    return Place(f"spec.tags[{index}]", f"/spec/tags/{index}", f"spec.tags[{index}].name", parsing.TAG)


_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.annotations": feeds(
        TagField.IMPORT_POLICY,
        TagField.MOVE,
        because="the reason of an exemption, and whether a repository is imported again",
    ),
    "metadata.labels": no_effect("a stream's labels do not affect what its tags mean"),
    "spec": no_effect("the API server keeps the stored value"),
    "spec.lookupPolicy.local": feeds(TagField.LOOKUP_POLICY, because="recorded too"),
    "status.dockerImageRepository": no_effect("the API server computes it when it is read"),
    "status.publicDockerImageRepository": no_effect("the API server computes it when it is read"),
    "status.tags[].tag": feeds(TagField.NAME),
    "status.tags[].items[].dockerImageReference": feeds(TagField.SOURCE, TagField.MOVE),
    "status.tags[].items[].image": feeds(TagField.MOVE),
    "status.tags[].items[].created": no_effect("the order of the list decides"),
    "status.tags[].items[].generation": no_effect("the order of the list decides"),
    "status.tags[].conditions": no_effect("the result of an import does not set a tag"),
}


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the changes of `review`: new items in the tags' history, and how all tags are imported."""
    del untouched  # only changes of a status are evaluated
    if review.object is None:
        return ()
    name = parsing.name_of(review.name, review.object)
    new, old = sides(review)
    stream = stream_change(
        review,
        name,
        (replace(new.stream, tags=old.stream.tags), chain.from_iterable(new.faults.values())),
        (old.stream, chain.from_iterable(old.faults.values())),
    )
    insecure = made_insecure(review, name, new, old, untouched=False)
    kept = replace(new, tags=old.tags, repository=old.repository)
    followed = overwritten(review, name, kept, old, changed=False)
    return (stream, *_imported(review, name, new, old), *insecure, *followed, *_pointed(review, name, old))


def _imported(review: Review, name: str, new: Side, old: Side) -> Iterator[TagChange]:
    """Yield every tag if the stream's annotation starts or stops making it insecure."""
    if new.insecure is old.insecure:
        return
    for index, tag in enumerate(map(parsing.mapping, old.tags)):
        place = _spec(index)
        after, before = new.tag(tag, place.path), old.tag(tag, place.path)
        yield TagChange(NAME, place, review.namespace, name, parsing.text(tag.get("name")), after, before)


def _pointed(review: Review, name: str, stored: Side) -> Iterator[TagChange]:
    """Yield the new items in the history of a tag, and the tags that no longer mean an image.

    An older item does not move the tag, but an ImageStreamImage source may name its image from then on.
    """
    olds = dict(history.events(review.old_object or NOTHING, review.namespace, name))
    for tag, events in history.events(review.object or NOTHING, review.namespace, name):
        old = olds.get(tag, ())
        known = {(each.source, each.image) for each in old}
        if events:
            olds.pop(tag, None)
        for event in events:
            newest = event.position == 0
            if (event.source, event.image) not in known or (newest and event.reference != old[0].reference):
                before = (old[0].reference if old else _awaited(stored, tag, event)) if newest else None
                yield TagChange(NAME, event.place, review.namespace, name, tag, event.reference, before)
    for tag, old in olds.items():
        if old:
            yield TagChange(NAME, _REMOVED, review.namespace, name, tag, None, old[0].reference)


def _awaited(stored: Side, tag: str, event: history.Event) -> TagReference | None:
    """Return the tag that has a source and was never imported, None if the event may be of its source."""
    found = next((each for each in map(parsing.mapping, stored.tags) if each.get("name") == tag), None)
    reference = stored.tag(found, "spec.tags") if found is not None else None
    wanted = reference.source.reference if reference is not None and reference.source is not None else None
    given = event.source.reference if event.source is not None else None
    return None if wanted is None or (given is not None and given.name == wanted.name) else reference


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageStream with a new status; the stored specification stays, except for `lookupPolicy`."""
    sent, status = parsing.mapping(manifest.get("spec")), manifest.get("status")
    spec = {**parsing.mapping(old.get("spec")), "lookupPolicy": sent.get("lookupPolicy") or dict(LOOKUP)}
    if status is None or is_object(status):
        status = {"dockerImageRepository": "", **(status or {})}
    return {**manifest, "spec": spec, "status": status}


def _probed(run: Run) -> dict[str, Any] | None:
    """Return an ImageStream with one more tag in its status; the API server honours the dry run of its write."""
    if (stream := run.stream) is None:
        return None
    status = {"dockerImageRepository": "", **(stream.get("status") or {})}
    tags = [*(status.get("tags") or ()), {"tag": f"{PROBE_RULE}-{run.word}", "items": []}]
    metadata = stream["metadata"]
    annotations = {**(metadata.get("annotations") or {}), PROBE: run.word}
    return {
        **run.object(ImageStream, metadata["name"]),
        **stream,
        "metadata": {**metadata, "annotations": annotations},
        "status": {**status, "tags": tags},
    }


def _marked(review: Review) -> tuple[str, str] | None:
    """Return the mark of a probe; metadata sent with a status may be dropped before the webhooks are called."""
    if (mark := marked(review)) is not None:
        return mark
    for tag in _names(review.object or NOTHING) - _names(review.old_object or NOTHING):
        if tag.startswith(f"{PROBE_RULE}-"):
            return f"the tag {printable(tag)}", "status.tags"
    return None


def _names(document: Object) -> set[str]:
    """Return the names of the tags in a stream's status."""
    tags = parsing.items(parsing.mapping(document.get("status")).get("tags"))
    return {parsing.text(parsing.mapping(each).get("tag")) for each in tags}


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageStream,
    changes=_changes,
    places=(history.place("*", "*"), _spec("*"), INSECURE, OVERWRITTEN),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(_probed, kinds=frozenset(), denials={}, replaces=True, mark=_marked),
    cel="only the webhook evaluates a write of a stream's status",
    operations=(UPDATE,),
    streams=True,
)
