"""All resources that the webhook evaluates, and image streams as a cluster stores them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from webhook.model.review import Change, Place, Review, TagChange, TagField
from webhook.model.tag import NOTHING, Image, SourceKind
from webhook.resources import (
    imagestreamimports,
    imagestreammappings,
    imagestreams,
    imagestreamstatus,
    imagestreamtags,
    imagetags,
    parsing,
)
from webhook.resources.definition import Resource
from webhook.resources.history import Event, events
from webhook.resources.imagestreams import NAME, tag_changes
from webhook.resources.sides import REPOSITORY, Side, made_insecure, side_of, stream_change

_IMAGE: Final = frozenset({TagField.IMAGE, TagField.SIGNATURES})
_PUSHED: Final = _IMAGE | {TagField.NAME, TagField.MOVE, TagField.CONDITIONS}
_FOREIGN: Final = _PUSHED | {TagField.SOURCE}
_TAG: Final = parsing.TAG | _IMAGE
_NEWEST: Final = frozenset({TagField.SOURCE})
_REFERENCE: Final = "items[0].dockerImageReference"


def _pushed(index: int, carries: frozenset[TagField]) -> Place:
    """Return where one of `status.tags` stands."""
    path = f"status.tags[{index}]"
    fields = {"from.name": _REFERENCE, "from.namespace": _REFERENCE}
    return Place(path, f"/status/tags/{index}", f"{path}.tag", carries, fields=fields)


# What a stored stream says of its tags that no review does.
STORED_CARRIED: Final = (_PUSHED, _FOREIGN, _TAG, _NEWEST)


def stored_parts(review: Review, images: Mapping[str, Image]) -> Iterator[tuple[Change, ...]]:
    """Yield all of the stream that `review` holds, each part as the changes of which it is made.

    The parts are the stream, each of its tags, and what holds for every tag: the repository that it follows, and the
    annotation that makes imports insecure.

    Args:
        review: of an ImageStream as it is stored, both its object and its old object.
        images: the images that are known, by digest: the rules about images evaluate the tags that mean them.
    """
    document = review.object or NOTHING
    name = parsing.name_of(review.name, document)
    side = side_of(document)
    newest = {tag: found[0] for tag, found in events(document, review.namespace, name) if found}
    yield (stream_change(review, name, (side.stream, ()), (side.stream, ())),)
    for change in tag_changes(review, name, side, side, untouched=True):
        event = newest.pop(change.tag, None)
        image = images.get(event.image) if event else None
        yield (replace(change, place=replace(change.place, carries=_TAG), image=image), *_from_elsewhere(change, event))
    for event in newest.values():
        yield (_only_pushed(review, name, event, images, side),)
    if (followed := side.followed(NOTHING)) is not None:
        yield (TagChange(NAME, REPOSITORY, review.namespace, name, "*", followed, followed, every_tag=True),)
    yield from ((each,) for each in made_insecure(review, name, side, side, untouched=True))


def digests(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each tag of a stream's status with the digest of its newest image, "" where it has none."""
    for tag, found in events(document, "", ""):
        yield tag, found[0].image if found else ""


def _from_elsewhere(change: TagChange, event: Event | None) -> Iterator[TagChange]:
    """Yield the tag by its newest image, if that comes from another repository than its source names.

    A push writes the history alone, so a tag need not mean what its source says.
    """
    if event is None or event.source is None or event.source.kind != SourceKind.DOCKER_IMAGE:
        return
    source = change.new.source if change.new else None
    named, found = (each.reference if each else None for each in (source, event.source))
    if found is None or named is None or named.name != found.name:
        place = replace(event.place, carries=_NEWEST)
        yield replace(change, place=place, new=event.reference, old=event.reference, conditions=())


def _only_pushed(review: Review, name: str, event: Event, images: Mapping[str, Image], side: Side) -> TagChange:
    """Return a tag that the status has and the specification does not."""
    foreign = event.source is not None and event.source.kind == SourceKind.DOCKER_IMAGE
    reference = event.reference
    return TagChange(
        imagestreammappings.NAME,
        _pushed(event.index, _FOREIGN if foreign else _PUSHED),
        review.namespace,
        name,
        event.tag,
        reference,
        reference,
        image=images.get(event.image),
        conditions=side.conditions.get(event.tag, ()),
    )


# By name, in the order in which they are listed.
RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        module.RESOURCE.name: module.RESOURCE
        for module in (
            imagestreamtags,
            imagetags,
            imagestreams,
            imagestreamstatus,
            imagestreamimports,
            imagestreammappings,
        )
    }
)
# The names without subresource: whoever speaks of a resource means its subresources too.
NAMES: Final = tuple(dict.fromkeys(resource.plural for resource in RESOURCES.values()))
# The resources that store objects of a kind, by the kind: what a manifest is written to.
KINDS: Final[Mapping[str, Resource]] = MappingProxyType(
    {resource.kind: resource for resource in RESOURCES.values() if not resource.subresource}
)
# One tag, as `oc tag` writes it; the image streams that a cluster stores; what the image import controller sends.
TAG: Final = imagestreamtags.RESOURCE
STREAM: Final = imagestreams.RESOURCE
IMPORT: Final = imagestreamimports.RESOURCE
# What a tag is said to be at each place.
CARRIED: Final[frozenset[frozenset[TagField]]] = frozenset(
    (*(place.carries for resource in RESOURCES.values() for place in resource.places), *STORED_CARRIED)
)


def changes(review: Review, *, untouched: bool = True) -> tuple[Change, ...]:
    """Return what `review` would change.

    Args:
        review: the question.
        untouched: whether to return tags of which nothing changes, too: a stream may have a thousand.
    """
    return RESOURCES[review.resource].changes(review, untouched=untouched)
