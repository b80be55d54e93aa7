"""imagestreamimports: `spec.images` with a tag in `to`, and every tag of `spec.repository` (`oc import-image`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from webhook.errors import MalformedReference
from webhook.model.review import Change, Place, Review, StreamChange, TagChange, TagField
from webhook.model.tag import Source, SourceKind
from webhook.reference import ImageReference
from webhook.resources import parsing
from webhook.resources.cel import GIVEN, NO_ANNOTATIONS, Cel, TagReader, got, literal, there
from webhook.resources.definition import (
    CREATE,
    IMPORT_POLICY_ROWS,
    METADATA_ROW,
    REFERENCE_POLICY_ROWS,
    SOURCE_ROWS,
    Ledger,
    Resource,
    below,
    feeds,
    no_effect,
    recorded,
)
from webhook.resources.objects import DIGEST, Object, Probe, Run, always, is_object, made, with_policies
from webhook.schemas.stream import ImageStreamImport

NAME: Final = "imagestreamimports"
_SCHEMA: Final = ImageStreamImport()
_FORBIDDEN: Final = "FieldValueForbidden"
_NOWHERE: Final = "registry.invalid/istag-webhook/probe"  # RFC 2606: it never resolves
_KEPT: Final = parsing.KEPT - {TagField.ANNOTATIONS}
_REPOSITORY: Final = Place(
    "spec.repository", "/spec/repository", "spec.repository.from.name", parsing.REFERENCE, kept=_KEPT
)


def _image(index: int | str) -> Place:
    """Return the place of one of `spec.images`."""
    path = f"spec.images[{index}]"
    return Place(path, f"/spec/images/{index}", f"{path}.to.name", parsing.REFERENCE, kept=_KEPT)


_FROM: Final[Ledger] = {**SOURCE_ROWS, "namespace": no_effect("a DockerImage has no namespace")}
_ANSWER: Final = no_effect("it is part of the answer")
_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": recorded("the reason of an exemption; the API server stores none"),
    "spec.import": feeds(TagField.SOURCE, TagField.MOVE, because="without it nothing is stored"),
    **below("spec.images[].from", _FROM),
    "spec.images[].to.name": feeds(TagField.NAME),
    **below("spec.images[].importPolicy", IMPORT_POLICY_ROWS),
    **below("spec.images[].referencePolicy", REFERENCE_POLICY_ROWS),
    "spec.images[].includeManifest": _ANSWER,
    **below("spec.repository.from", _FROM),
    **below("spec.repository.importPolicy", IMPORT_POLICY_ROWS),
    **below("spec.repository.referencePolicy", REFERENCE_POLICY_ROWS),
    "spec.repository.includeManifest": _ANSWER,
    "status": no_effect("the API server fills it in for the answer"),
}


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tags that `review` would import; with `spec.import: false`, nothing changes.

    The API server imports an image without `to` to no tag (openshift-apiserver, registry/imagestreamimport). It sets
    the tag's `from` and `importPolicy`, and the `referencePolicy` of a new tag. The review does not contain the old
    tag.
    """
    del untouched  # it does not contain the old tags
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
    """Yield the tags of the images, and those of the repository."""
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
    """Yield everything to import, to a tag or not."""
    for index, image in enumerate(map(parsing.mapping, parsing.items(spec.get("images")))):
        yield _image(index), image
    if isinstance(repository := spec.get("repository"), dict):
        yield _REPOSITORY, repository


def _insecure(entries: Iterable[tuple[Place, Mapping[str, Any]]]) -> dict[str, str]:
    """Return the field that makes imports from a registry insecure, by registry.

    The importer groups imports by repository, and the first of a group decides its transport. It tries a registry once
    per request, and the resulting transport, such as plain HTTP, applies to all its repositories (openshift-apiserver,
    importer/importer.go; library-go, registryclient). Nothing here relies on which is the first.
    """
    found: dict[str, str] = {}
    for place, entry in entries:
        if parsing.mapping(entry.get("importPolicy")).get("insecure") is True:
            found.setdefault(_registry(parsing.source(entry.get("from"))), place.field("importPolicy.insecure"))
    found.pop("", None)
    return found


def _registry(source: Source | None) -> str:
    """Return the registry of a source, "" if it has none or is invalid."""
    return source.reference.registry if source is not None and source.reference is not None else ""


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageStreamImport as the API server completes it."""
    del old  # it can only be created
    spec = manifest.get("spec")
    if is_object(spec):
        spec = {"import": False, **spec}
        if isinstance(spec.get("images"), list):
            spec["images"] = [_filled(image) for image in spec["images"]]
        if is_object(spec.get("repository")):
            spec["repository"] = with_policies(spec["repository"])
    return {**manifest, "spec": spec, "status": {}}


def _filled(image: Any) -> Any:
    """Return one of `spec.images`; without `to`, it is imported to the tag of its source."""
    if not is_object(image):
        return image
    filled, source = with_policies(image), image.get("from")
    if filled.get("to") is None and is_object(source) and (tag := _tag_of(source.get("name"))):
        filled["to"] = {"name": tag}
    return filled


def _tag_of(name: Any) -> str:
    try:
        return ImageReference.parse(name).tag if isinstance(name, str) else ""
    except MalformedReference:
        return ""


def _short(namespace: str, stream: str, tag: str, value: Object) -> dict[str, Any]:
    """Return an ImageStreamImport to a tag, with the policies and the source of `value`."""
    image = {key: item for key, item in value.items() if key != "annotations"}
    spec = {"import": True, "images": [{**image, "to": {"name": tag}}]}
    return made(ImageStreamImport, namespace, stream, value.get("annotations"), spec=spec)


def _probed(run: Run) -> dict[str, Any]:
    """Return an import that the API server denies: its stream does not exist (404), or has another version (409)."""
    image = with_policies({"from": {"kind": SourceKind.DOCKER_IMAGE.value, "name": f"{_NOWHERE}@{DIGEST}"}})
    made = run.object(ImageStreamImport, run.absent, spec={"import": True, "images": [image]}, status={})
    return {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}


def _all_forbidden(answer: Object) -> bool:
    """Whether every cause is a forbidden value: the list of allowed registries is consulted after the webhooks."""
    causes = parsing.items(parsing.mapping(answer.get("details")).get("causes"))
    return bool(causes) and all(parsing.mapping(each).get("reason") == _FORBIDDEN for each in causes)


_CEL_PATH: Final = f'"spec.images[\\"" + {got("t", "to", "name")} + "\\"]"'
_CEL_IMAGES: Final = got("object", "spec", "images", default="[]")


def _tags(reader: TagReader, side: str) -> str:
    """Return the tags of an import in CEL."""
    if side == "oldObject":
        return "[]"
    given = f"[{GIVEN['object']}, {{}}]"
    image = reader.tag("t", "t.to.name", _CEL_PATH, (), given, nameField=f'{_CEL_PATH} + ".to.name"')
    images = f'{_CEL_IMAGES}.filter(t, {got("t", "to", "name")} != "").map(t, {image})'
    repository = reader.tag(
        "object.spec.repository", '"*"', '"spec.repository"', (), given, every="true",
        nameField='"spec.repository.from.name"',
    )  # fmt: skip
    return (
        f'!({there("object", "spec")} && "import" in object.spec && object.spec["import"] == true) ? [] :\n'
        f"{images} +\n"
        f"({there('object', 'spec', 'repository')} ? [{repository}] : [])"
    )


def _entries_in_cel(reader: TagReader) -> str:
    """Return in CEL everything that an import fetches, to a tag or not."""

    def entry(tag: str, path: str) -> str:
        return reader.tag(tag, '""', path, (), NO_ANNOTATIONS, nameField='""', fromField='""')

    repository = entry("object.spec.repository", '"spec.repository"')
    return (
        f"request.resource.resource != {literal(NAME)} ? [] :\n"
        f"({there('object', 'spec', 'repository')} ? [{repository}] : []) +\n"
        f"{_CEL_IMAGES}.map(t, {entry('t', _CEL_PATH)})"
    )


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageStreamImport,
    changes=_changes,
    places=(_image("*"), _REPOSITORY),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(
        _probed,
        kinds=frozenset({"imagestream", "imagestreamimport"}),
        denials={
            HTTPStatus.NOT_FOUND: always,
            HTTPStatus.CONFLICT: always,
            HTTPStatus.UNPROCESSABLE_ENTITY: _all_forbidden,
        },
    ),
    cel=Cel(_tags, entries=_entries_in_cel),
    operations=(CREATE,),
    short=_short,
)
