"""All resources that the webhook evaluates: to add one, add its module here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webhook.model.change import Change, TagField
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
from webhook.resources.definition import Resource

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
    (*(place.carries for resource in RESOURCES.values() for place in resource.places), *stored.CARRIED)
)


def changes(review: Review, *, untouched: bool = True) -> tuple[Change, ...]:
    """Return what `review` would change.

    Args:
        review: the question.
        untouched: whether to return tags of which nothing changes, too: a stream may have a thousand.
    """
    return RESOURCES[review.resource].changes(review, untouched=untouched)
