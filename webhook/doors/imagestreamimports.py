"""imagestreamimports: `spec.images` that go `to` a tag, and every tag of `spec.repository` (`oc import-image`)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from webhook.doors import reading
from webhook.model import Carried, Change, Place, Review, StreamChange, TagChange
from webhook.schemas.stream import ImageStreamImport

NAME: Final = "imagestreamimports"
_SCHEMA: Final = ImageStreamImport()
_KEPT: Final = reading.KEPT - {Carried.ANNOTATIONS}
_REPOSITORY: Final = Place(
    "spec.repository", "/spec/repository", "spec.repository.from.name", reading.REFERENCE, kept=_KEPT
)


def _image(index: int | str) -> Place:
    """Return where one of `spec.images` stands."""
    path = f"spec.images[{index}]"
    return Place(path, f"/spec/images/{index}", f"{path}.to.name", reading.REFERENCE, kept=_KEPT)


PLACES: Final = (_image("*"), _REPOSITORY)


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tags that `review` would import; with `spec.import: false` it is a look, and changes nothing.

    The API server imports an image without `to` into no tag (openshift-apiserver, registry/imagestreamimport). It sets
    the tag's `from` and `importPolicy`, and `referencePolicy` where the tag is new; the review does not say what the
    tag was.
    """
    del untouched  # it does not say what the tags were
    new = review.object
    if new is None:
        return ()
    found = _SCHEMA.faults(new)
    spec = reading.mapping(new.get("spec"))
    if spec.get("import") is not True:
        return ()
    name = reading.name_of(review.name, new)
    faults = reading.by_element(found)
    given = reading.annotations(new.get("metadata"))
    tags = tuple(_images(review, name, spec, given))
    owned = {change.place.path for change in tags}
    tags = tuple(replace(change, faults=faults.get(change.place.path, ())) for change in tags) if faults else tags
    rest = tuple(fault for path, some in faults.items() if path not in owned for fault in some)
    return (*tags, StreamChange(NAME, review.namespace, name, faults=rest)) if rest else tags


def _images(review: Review, name: str, spec: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[TagChange]:
    """Yield the tags that the images go to, and those of the repository."""
    for index, image in enumerate(map(reading.mapping, reading.items(spec.get("images")))):
        if to := reading.text(reading.mapping(image.get("to")).get("name")):
            reference = reading.tag_reference(image, given)
            yield TagChange(NAME, _image(index), review.namespace, name, to, reference, old_unknown=True)
    if isinstance(repository := spec.get("repository"), dict):
        reference = reading.tag_reference(repository, given)
        yield TagChange(NAME, _REPOSITORY, review.namespace, name, "*", reference, every_tag=True, old_unknown=True)
