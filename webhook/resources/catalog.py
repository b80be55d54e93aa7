"""All resources that the webhook evaluates, and image streams as a cluster stores them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum, auto
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
from webhook.resources.definition import DELETE, Resource
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
    """Return the place of one of `status.tags`."""
    path = f"status.tags[{index}]"
    fields = {"from.name": _REFERENCE, "from.namespace": _REFERENCE}
    return Place(path, f"/status/tags/{index}", f"{path}.tag", carries, fields=fields)


# The data on tags that a stored stream has and no review has.
STORED_CARRIED: Final = (_PUSHED, _FOREIGN, _TAG, _NEWEST)


def stored_parts(review: Review, images: Mapping[str, Image]) -> Iterator[tuple[Change, ...]]:
    """Yield everything in the stream of `review`, each part as a tuple of changes.

    The parts are the stream, each of its tags, and what applies to every tag: the repository that it follows, and the
    annotation that makes imports insecure.

    Args:
        review: of an ImageStream as it is stored, as both its object and its old object.
        images: the known images, by digest: the rules about images evaluate the tags that mean them.
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
    """Yield each tag of a stream's status with the digest of its newest image, "" without one."""
    for tag, found in events(document, "", ""):
        yield tag, found[0].image if found else ""


def _from_elsewhere(change: TagChange, event: Event | None) -> Iterator[TagChange]:
    """Yield the tag by its newest image, if that is from another repository than the tag's source.

    A push only writes the history, so a tag may mean something else than its source.
    """
    if event is None or event.source is None or event.source.kind != SourceKind.DOCKER_IMAGE:
        return
    source = change.new.source if change.new else None
    named, found = (each.reference if each else None for each in (source, event.source))
    if found is None or named is None or named.name != found.name:
        place = replace(event.place, carries=_NEWEST)
        yield replace(change, place=place, new=event.reference, old=event.reference, conditions=())


def _only_pushed(review: Review, name: str, event: Event, images: Mapping[str, Image], side: Side) -> TagChange:
    """Return a tag that is only in the status, not in the specification."""
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


# By name, in the order of listings.
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
# The names without subresource: a resource in a policy includes its subresources.
NAMES: Final = tuple(dict.fromkeys(resource.plural for resource in RESOURCES.values()))
# The resources that store objects of a kind, by the kind: a manifest is written to one of them.
KINDS: Final[Mapping[str, Resource]] = MappingProxyType(
    {resource.kind: resource for resource in RESOURCES.values() if not resource.subresource}
)
# One tag, as `oc tag` writes it; stored image streams; the object that the image import controller sends.
TAG: Final = imagestreamtags.RESOURCE
STREAM: Final = imagestreams.RESOURCE
IMPORT: Final = imagestreamimports.RESOURCE
PUSH: Final = imagestreammappings.RESOURCE
# The API server carries out a dry run of these (observed).
CARRIED_OUT: Final = (IMPORT.name, PUSH.name)
# The fields of a tag at each place.
CARRIED: Final[frozenset[frozenset[TagField]]] = frozenset(
    (*(place.carries for resource in RESOURCES.values() for place in resource.places), *STORED_CARRIED)
)


class Effect(Enum):
    """The effect of an allowed change."""

    SOURCE = auto()  # the source of the tag
    IMAGE = auto()  # its image alone
    IMPORT = auto()  # its image, and perhaps its source, if the import succeeds
    PERHAPS = auto()  # perhaps every tag of the stream
    STREAM = auto()  # the stream is removed
    NOTHING = auto()  # nothing that a tag means


def effect(resource: str, operation: str, path: str) -> Effect:
    """Return the effect of a change of the tag at `path` in an object of `resource`."""
    if resource == STREAM.name:
        if operation == DELETE:
            return Effect.STREAM
        other = Effect.PERHAPS if path == REPOSITORY.path else Effect.NOTHING
        return Effect.SOURCE if path.startswith("spec.tags") else other
    if resource == imagestreamstatus.NAME:
        return Effect.IMAGE if path.endswith(".items[0]") or path == "status.tags" else Effect.NOTHING
    if resource == IMPORT.name:
        return Effect.PERHAPS if path == "spec.repository" else Effect.IMPORT
    return Effect.IMAGE if resource == PUSH.name else Effect.SOURCE


def changes(review: Review, *, untouched: bool = True) -> tuple[Change, ...]:
    """Return the changes that `review` would make.

    Args:
        review: the review.
        untouched: whether unchanged tags are included; a stream may have a thousand.
    """
    return RESOURCES[review.resource].changes(review, untouched=untouched)
