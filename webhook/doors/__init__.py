"""The resources through which a tag can be made to mean something else, each read into the tags it would change."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from webhook.doors import imagestreamtags
from webhook.model import Review, TagChange

DOORS: Final[Mapping[str, Callable[[Review], tuple[TagChange, ...]]]] = MappingProxyType(
    {imagestreamtags.NAME: imagestreamtags.tags}
)


def tags(review: Review) -> tuple[TagChange, ...]:
    """Return the tags that `review` would make mean something else."""
    return DOORS[review.door](review)
