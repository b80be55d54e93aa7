"""The resources through which a tag can be made to mean something else, each read into what it would change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from webhook.doors import (
    imagestreamimports,
    imagestreammappings,
    imagestreams,
    imagestreamstatus,
    imagestreamtags,
    imagetags,
    standing,
)
from webhook.doors.ledger import Ledger
from webhook.model import Carried, Change, Place, Review


@dataclass(frozen=True, slots=True)
class Door:
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


DOORS: Final[Mapping[str, Door]] = MappingProxyType(
    {
        door.name: door
        for door in (
            Door(imagestreamtags.NAME, imagestreamtags.changes, imagestreamtags.PLACES, imagestreamtags.LEDGER),
            Door(imagetags.NAME, imagetags.changes, imagetags.PLACES, imagetags.LEDGER),
            Door(imagestreams.NAME, imagestreams.changes, imagestreams.PLACES, imagestreams.LEDGER, streams=True),
            Door(
                imagestreamstatus.NAME,
                imagestreamstatus.changes,
                imagestreamstatus.PLACES,
                imagestreamstatus.LEDGER,
                streams=True,
            ),
            Door(
                imagestreamimports.NAME,
                imagestreamimports.changes,
                imagestreamimports.PLACES,
                imagestreamimports.LEDGER,
            ),
            Door(
                imagestreammappings.NAME,
                imagestreammappings.changes,
                imagestreammappings.PLACES,
                imagestreammappings.LEDGER,
            ),
        )
    }
)
# The resources themselves; whoever speaks of one means its subresources too.
RESOURCES: Final = tuple(dict.fromkeys(name.partition("/")[0] for name in DOORS))
CARRIED: Final[frozenset[frozenset[Carried]]] = frozenset(
    (*(place.carries for door in DOORS.values() for place in door.places), *standing.CARRIED)
)


def changes(review: Review, *, untouched: bool = True) -> tuple[Change, ...]:
    """Return what `review` would change.

    Args:
        review: the question.
        untouched: whether tags of which nothing changes are wanted too: a stream may have a thousand.
    """
    return DOORS[review.door].changes(review, untouched=untouched)
