"""The images that the tags of a stream mean, fetched once each as long as they are remembered."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from webhook.admission.codec import GROUP, VERSION
from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.model.tag import Image
from webhook.resources.image import read_image
from webhook.resources.stored import digests

_IMAGES: Final = Resource(GROUP, VERSION, "images")
_REMEMBERED: Final = 8_192  # images, of about a kilobyte each
_TOGETHER: Final = 8  # requests under way; an API server gives a client a few hundred


class Images:
    """The images of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._get = lru_cache(maxsize=_REMEMBERED)(self._fetch)

    def of(self, stream: Mapping[str, Any]) -> Mapping[str, Image]:
        """Return the newest images of the tags of `stream`, by digest; one that the cluster has not is left out.

        Raises:
            ClusterError: an image cannot be fetched.
        """
        wanted = sorted({digest for _, digest in digests(stream) if digest})
        with ThreadPoolExecutor(_TOGETHER) as pool:
            found = zip(wanted, pool.map(self._get, wanted), strict=True)
            return {digest: image for digest, image in found if image is not None}

    def _fetch(self, digest: str) -> Image | None:
        try:
            return read_image(self._cluster.get(_IMAGES, digest))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # pruned, though a tag names it still
                return None
            raise
