"""The resources through which a tag can be made to mean something else, each read into what it would change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from webhook.model.change import Change, Place, TagField
from webhook.model.review import Review
from webhook.resources import (
    imagestreamimports,
    imagestreammappings,
    imagestreams,
    imagestreamstatus,
    imagestreamtags,
    imagetags,
    stored,
)
from webhook.resources.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, with its subresource after a slash.

    Attributes:
        name: the resource's name.
        changes: reads a review into what it would change.
        places: where its tags stand, one of each sort.
        ledger: what each field of its object means to a tag.
        streams: whether it says something of a stream as a whole.
    """

    name: str
    changes: Callable[..., tuple[Change, ...]]
    places: tuple[Place, ...]
    ledger: Ledger
    streams: bool = False


RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        resource.name: resource
        for resource in (
            Resource(imagestreamtags.NAME, imagestreamtags.changes, imagestreamtags.PLACES, imagestreamtags.LEDGER),
            Resource(imagetags.NAME, imagetags.changes, imagetags.PLACES, imagetags.LEDGER),
            Resource(imagestreams.NAME, imagestreams.changes, imagestreams.PLACES, imagestreams.LEDGER, streams=True),
            Resource(
                imagestreamstatus.NAME,
                imagestreamstatus.changes,
                imagestreamstatus.PLACES,
                imagestreamstatus.LEDGER,
                streams=True,
            ),
            Resource(
                imagestreamimports.NAME,
                imagestreamimports.changes,
                imagestreamimports.PLACES,
                imagestreamimports.LEDGER,
            ),
            Resource(
                imagestreammappings.NAME,
                imagestreammappings.changes,
                imagestreammappings.PLACES,
                imagestreammappings.LEDGER,
            ),
        )
    }
)
# The resources themselves; whoever speaks of one means its subresources too.
NAMES: Final = tuple(dict.fromkeys(name.partition("/")[0] for name in RESOURCES))
CARRIED: Final[frozenset[frozenset[TagField]]] = frozenset(
    (*(place.carries for resource in RESOURCES.values() for place in resource.places), *stored.CARRIED)
)


def changes(review: Review, *, untouched: bool = True) -> tuple[Change, ...]:
    """Return what `review` would change.

    Args:
        review: the question.
        untouched: whether tags of which nothing changes are wanted too: a stream may have a thousand.
    """
    return RESOURCES[review.resource].changes(review, untouched=untouched)
