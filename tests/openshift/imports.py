"""The resource imagestreamimports, as users and the import controller send it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import bodies, references, storage, strategy
from .objects import NOW, Condition, Document, Event, History, InputError, Meta, Source, SpecTag, Stream, added
from .registry import Found
from .server import Call
from .wanted import Import, Wanted, decode, encode
from .wire import member, text

CHECKED = "openshift.io/image.dockerRepositoryCheck"


def post(call: Call) -> int:
    """Import images into a stream; a stream that is not there is made."""
    body = bodies.sent(call.request)
    uid = text(member(call.request.body, "metadata"), "uid")
    wanted = decode(body)
    name = wanted.meta.name
    wanted = call.mutated("CREATE", wanted, (encode, decode))
    _check(wanted)
    full = replace(wanted, meta=replace(wanted.meta, uid=call.tick(), created=NOW))
    call.validate("CREATE", name, encode(full), None)
    stream = _stream(call, wanted.meta, uid)
    found, tags = _found(call, wanted)
    call.answer = {
        "images": [_shown(image) for image in found],
        "tags": {tag: _shown(image) for tag, image in tags.items()},
    }
    if wanted.stores:
        _store(call, stream, wanted, found, tags)
    return 201


def _check(wanted: Import) -> None:
    if not wanted.images and wanted.repository is None:
        raise InputError(422, "spec.images: you must specify at least one image or a repository import")
    for each in (*wanted.images, *([wanted.repository] if wanted.repository else [])):
        reference = references.parsed(each.source.name)
        if each.source.kind != "DockerImage":
            raise InputError(422, "from.kind: only DockerImage is supported")
        if reference is None and each.source.name != "*":
            raise InputError(422, f"from.name: {each.source.name!r} is no reference")
        if each.to == "":
            raise InputError(422, "to.name: the name of the target tag must be specified")
        if each is wanted.repository and (reference is None or reference.tag or reference.digest):
            raise InputError(422, "from.name: you must specify an image repository, not a tag or ID")
        strategy.check_policy(each.policy)
    strategy.check_stream(Stream(wanted.meta))


def _stream(call: Call, meta: Meta, uid: str) -> Stream:
    stream = call.read(meta.name)
    if stream is None:
        if meta.version or uid:
            raise InputError(404, f"imagestreams {meta.name!r} not found")
        return Stream(Meta(meta.name, meta.namespace))
    if meta.version and meta.version != stream.meta.version:
        raise InputError(409, "the image stream was updated")
    return stream


def _found(call: Call, wanted: Import) -> tuple[list[Found], Mapping[str, Found]]:
    """Look for each image, and for the tags of the repository.

    The first image of a repository decides how all of them are fetched. A registry is tried once in a request, and what
    came of it counts for all its repositories: the server takes them in no fixed order, `spec.repository` last.
    """
    groups: dict[tuple[str, str], bool] = {}
    parsed = [(references.parsed(image.source.name), image.policy) for image in wanted.images]
    for reference, policy in parsed:
        if reference is not None:
            groups.setdefault(reference.repository, policy.insecure)
    hosts: dict[str, bool] = {}
    for host in sorted({host for host, _ in groups}):
        hosts[host] = call.choices.of(sorted({insecure for key, insecure in groups.items() if key[0] == host}))
    registries = call.cluster.registries
    found = [
        Found(reason="Invalid", message="invalid name")
        if reference is None
        else registries.image(reference, policy.mode, insecure=hosts[reference.repository[0]])
        for reference, policy in parsed
    ]
    repository = wanted.repository
    reference = references.parsed(repository.source.name) if repository else None
    if repository is None or reference is None:
        return found, {}
    mode, insecure = repository.policy.mode, hosts.get(reference.repository[0], repository.policy.insecure)
    if registries.unreachable(reference, insecure=insecure):
        return found, {}
    had = [
        other.tag
        for (other, policy), image in zip(parsed, found, strict=True)
        if other
        and not image.reason
        and not other.digest
        and (other.repository, policy.mode) == (reference.repository, mode)
    ]
    tags = registries.tags(reference, had)
    return found, {tag: registries.image(replace(reference, tag=tag), mode, insecure=insecure) for tag in tags}


def _shown(found: Found) -> Document:
    return (
        {"status": "Failure", "reason": found.reason} if found.reason else {"status": "Success", "image": found.image}
    )


def _store(call: Call, stream: Stream, wanted: Import, found: list[Found], tags: Mapping[str, Found]) -> None:
    new = not stream.meta.version
    after = stream
    if wanted.repository is not None:
        for tag, image in tags.items():
            after = _imported(after, tag, replace(wanted.repository, to=tag), image, of_repository=True)
    for each, image in zip(wanted.images, found, strict=True):
        if each.to is not None:
            after = _imported(after, each.to, each, image, of_repository=False)
    images = {name for image in (*found, *tags.values()) if not image.reason for name in (image.image, *image.listed)}
    call.cluster = replace(call.cluster, images=call.cluster.images | images)
    annotations = {**after.meta.annotations, CHECKED: NOW}
    checked = replace(after, meta=replace(after.meta, annotations=annotations))
    if new:
        storage.created(call, checked, keep_status=True)
    elif after != stream or CHECKED not in stream.meta.annotations:
        storage.updated(call, checked, keep_status=True)


def _imported(stream: Stream, tag: str, wanted: Wanted, found: Found, *, of_repository: bool) -> Stream:
    generation = stream.meta.generation + 1
    if found.reason:
        return _failed(stream, tag, wanted, found, generation, of_repository=of_repository)
    reference = references.parsed(wanted.source.name)
    if reference is None:
        return stream
    event = Event(found.image, str(replace(reference, tag="", digest=found.image)), generation)
    history, spec = stream.history.get(tag, History()), stream.tags.get(tag)
    newest = history.events[0] if history.events else None
    if (
        newest is None
        or spec is None
        or spec.generation is None
        or (newest.reference, newest.image) != (event.reference, event.image)
        or spec.generation > newest.generation
    ):
        name = str(replace(reference, tag=tag, digest="")) if of_repository else wanted.source.name
        stream = added(stream.with_tag(tag, _spec(spec, name, wanted)), tag, event)
    stream = stream.with_tag(tag, replace(stream.tags[tag], policy=wanted.policy))
    return stream.with_history(tag, replace(stream.history[tag], conditions=()))


def _spec(spec: SpecTag | None, name: str, wanted: Wanted) -> SpecTag:
    """Make the spec tag name what was imported; a reference policy that was chosen stays."""
    base = spec or SpecTag(reference_policy=wanted.reference_policy)
    return replace(base, source=Source("DockerImage", name), generation=0, policy=wanted.policy)


def _failed(stream: Stream, tag: str, wanted: Wanted, found: Found, generation: int, *, of_repository: bool) -> Stream:
    condition = Condition("ImportSuccess", "False", found.reason, found.message, generation)
    history, spec = stream.history.get(tag, History()), stream.tags.get(tag)
    if not any(condition.repeats(known) for known in history.conditions):
        stream = stream.with_history(tag, replace(history, conditions=(condition,)))
        if spec is not None:
            stream = stream.with_tag(tag, replace(spec, generation=0))
    if spec is None and not of_repository:
        stream = stream.with_tag(tag, _spec(None, wanted.source.name, wanted))
    return stream
