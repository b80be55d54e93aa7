"""imagestreamimports: `spec.images` that go `to` a tag, and every tag of `spec.repository` (`oc import-image`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from webhook.model.change import Change, Place, StreamChange, TagChange, TagField
from webhook.model.review import Review
from webhook.model.tag import Source
from webhook.resources import ledger, parsing
from webhook.resources.ledger import Ledger, feeds, no_effect, recorded
from webhook.schemas.stream import ImageStreamImport

NAME: Final = "imagestreamimports"
_SCHEMA: Final = ImageStreamImport()
_KEPT: Final = parsing.KEPT - {TagField.ANNOTATIONS}
_REPOSITORY: Final = Place(
    "spec.repository", "/spec/repository", "spec.repository.from.name", parsing.REFERENCE, kept=_KEPT
)


def _image(index: int | str) -> Place:
    """Return where one of `spec.images` stands."""
    path = f"spec.images[{index}]"
    return Place(path, f"/spec/images/{index}", f"{path}.to.name", parsing.REFERENCE, kept=_KEPT)


PLACES: Final = (_image("*"), _REPOSITORY)
_FROM: Final[Ledger] = {**ledger.SOURCE, "namespace": no_effect("a DockerImage is in no namespace")}
_ANSWER: Final = no_effect("it is what the answer shows")
LEDGER: Final[Ledger] = {
    "metadata": ledger.METADATA,
    "metadata.name": feeds(TagField.NAME, because="the request's name wins"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": recorded("the reason of an exemption; the API server stores none"),
    "spec.import": feeds(TagField.SOURCE, TagField.MOVE, because="without it nothing is stored"),
    **ledger.below("spec.images[].from", _FROM),
    "spec.images[].to.name": feeds(TagField.NAME),
    **ledger.below("spec.images[].importPolicy", ledger.IMPORT_POLICY),
    **ledger.below("spec.images[].referencePolicy", ledger.REFERENCE_POLICY),
    "spec.images[].includeManifest": _ANSWER,
    **ledger.below("spec.repository.from", _FROM),
    **ledger.below("spec.repository.importPolicy", ledger.IMPORT_POLICY),
    **ledger.below("spec.repository.referencePolicy", ledger.REFERENCE_POLICY),
    "spec.repository.includeManifest": _ANSWER,
    "status": no_effect("the API server fills it in for the answer"),
}


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
    spec = parsing.mapping(new.get("spec"))
    if spec.get("import") is not True:
        return ()
    name = parsing.name_of(review.name, new)
    faults = parsing.by_element(found)
    given = parsing.annotations(new.get("metadata"))
    tags = tuple(_images(review, name, spec, given))
    owned = {change.place.path for change in tags}
    tags = tuple(replace(change, faults=faults.get(change.place.path, ())) for change in tags) if faults else tags
    rest = tuple(fault for path, some in faults.items() if path not in owned for fault in some)
    return (*tags, StreamChange(NAME, review.namespace, name, faults=rest)) if rest else tags


def _images(review: Review, name: str, spec: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[TagChange]:
    """Yield the tags that the images go to, and those of the repository."""
    entries = tuple(_entries(spec))
    riders = _insecure(entries)
    for place, entry in entries:
        reference = parsing.tag_reference(entry, given)
        field = riders.get(_registry(reference.source), "")
        if field and not reference.insecure:
            reference = replace(reference, insecure=True, insecure_field=field)
        if place is _REPOSITORY:
            yield TagChange(NAME, place, review.namespace, name, "*", reference, every_tag=True, old_unknown=True)
        elif to := parsing.text(parsing.mapping(entry.get("to")).get("name")):
            yield TagChange(NAME, place, review.namespace, name, to, reference, old_unknown=True)


def _entries(spec: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield everything that is to be imported, with or without a tag that it goes to."""
    for index, image in enumerate(map(parsing.mapping, parsing.items(spec.get("images")))):
        yield _image(index), image
    if isinstance(repository := spec.get("repository"), dict):
        yield _REPOSITORY, repository


def _insecure(entries: Iterable[tuple[Place, Mapping[str, Any]]]) -> dict[str, str]:
    """Return the field that makes imports from a registry insecure, by the registry.

    The importer groups what it imports by repository, and the first of a group decides its transport. It tries a
    registry once in a request, and whether that ended in plain HTTP counts for all its repositories
    (openshift-apiserver, importer/importer.go; library-go, registryclient). Which is the first is not relied on.
    """
    found: dict[str, str] = {}
    for place, entry in entries:
        if parsing.mapping(entry.get("importPolicy")).get("insecure") is True:
            found.setdefault(_registry(parsing.source(entry.get("from"))), place.field("importPolicy.insecure"))
    found.pop("", None)
    return found


def _registry(source: Source | None) -> str:
    """Return the registry of a source, "" if it has none that can be read."""
    return source.reference.registry if source is not None and source.reference is not None else ""
