"""What the policy's defaults would set in the tags of a cluster, which of it imports, and the PATCH that sets it.

A fix is planned for one version of a stream and written against that version alone: if somebody else was faster, the
stream is read and planned again. So it is safe to interrupt and rerun.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from webhook.admission.codec import operation
from webhook.cluster.client import JSON_PATCH, Cluster
from webhook.errors import ClusterError
from webhook.model.decision import PatchOp
from webhook.policy.loading import Policy
from webhook.resources.parsing import items, mapping, text
from webhook.resources.stored import digests
from webhook.scan.importing import followers, has_no_generation, why_imported
from webhook.scan.listing import STREAMS
from webhook.scan.stream import completion

_TRIES: Final = 5  # as often as client-go's RetryOnConflict
_OVERTAKEN: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a tag that is to be set.

    Attributes:
        field: its path in the tag, such as `("importPolicy", "importMode")`.
        value: what it is set to.
        imports: how setting it imports the tag, "" if it does not.
    """

    field: tuple[str, str]
    value: Any
    imports: str = ""


@dataclass(frozen=True, slots=True)
class TagFix:
    """What one tag lacks.

    Attributes:
        index: its place in `spec.tags`.
        name: its name.
        settings: what is to be set.
        image: the digest of the image that it means now, "" if it was never imported.
        followers: other tags of the stream that move with it.
    """

    index: int
    name: str
    settings: tuple[Setting, ...]
    image: str = ""
    followers: tuple[str, ...] = ()

    @property
    def imports(self) -> bool:
        """Whether setting it all imports the tag."""
        return any(setting.imports for setting in self.settings)

    def operations(self, stored: Mapping[str, Any]) -> Iterator[PatchOp]:
        """Yield what sets it all in the tag as it is `stored`."""
        missing: dict[str, dict[str, Any]] = {}
        for setting in self.settings:
            parent, key = setting.field
            path = f"/spec/tags/{self.index}/{parent}"
            if isinstance(stored.get(parent), dict):
                yield PatchOp("add", f"{path}/{_escaped(key)}", setting.value)
            else:
                missing.setdefault(path, {})[key] = setting.value
        for path, value in missing.items():
            yield PatchOp("add", path, value)


@dataclass(frozen=True, slots=True)
class Fix:
    """What the tags of one stream lack.

    Attributes:
        stream: the stream as it was read.
        tags: the tags that lack something.
    """

    stream: Mapping[str, Any]
    tags: tuple[TagFix, ...]

    @classmethod
    def of(cls, stream: Mapping[str, Any], policy: Policy) -> "Fix":
        """Return what `policy` completes in `stream`."""
        tags = items(mapping(stream.get("spec")).get("tags"))
        woken = [text(each.get("name")) for each in tags if has_no_generation(each)]
        found: dict[int, list[Setting]] = {}
        for index, field, value in _fields(completion(stream, policy)):
            how = why_imported(tags[index], _with(tags[index], field, value))
            if woken and not how:  # whatever is written, these are imported
                how = f"imports {', '.join(woken)} at once"
            found.setdefault(index, []).append(Setting(field, value, how))
        images, moved = dict(digests(stream)), followers(stream)
        names = {index: text(tags[index].get("name")) for index in found}
        return cls(
            stream,
            tuple(
                TagFix(index, name, tuple(found[index]), images.get(name, ""), tuple(moved.get(name, ())))
                for index, name in names.items()
            ),
        )

    @property
    def importing(self) -> list[str]:
        """The names of the tags that are imported if all of it is set."""
        return [tag.name for tag in self.tags if tag.imports]

    def divided(self, allowed: Collection[str]) -> tuple["Fix", "Fix"]:
        """Return what is to be set if only the tags `allowed` may be imported, and the rest."""
        halves: tuple[list[TagFix], list[TagFix]] = ([], [])
        for tag in self.tags:
            for half, wanted in zip(halves, (True, False), strict=True):
                now = [each for each in tag.settings if (tag.name in allowed or not each.imports) is wanted]
                if now:
                    half.append(replace(tag, settings=tuple(now)))
        return replace(self, tags=tuple(halves[0])), replace(self, tags=tuple(halves[1]))

    def patch(self) -> list[dict[str, Any]]:
        """Return the JSON Patch; it names the version that it is for, and the API server denies it for any other."""
        tags = self.stream["spec"]["tags"]
        version = PatchOp("add", "/metadata/resourceVersion", self.stream["metadata"]["resourceVersion"])
        return [
            operation(each) for each in (version, *(op for tag in self.tags for op in tag.operations(tags[tag.index])))
        ]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done to one stream.

    Attributes:
        done: what was set.
        rest: what was left.
        spent: how many tags may have been imported: an answer can be lost, and its tags are found set then.
    """

    done: Fix
    rest: Fix
    spent: int


def apply(
    cluster: Cluster, key: str, policy: Policy, planned: Collection[str] = (), most: int = 0, tries: int = _TRIES
) -> Applied | None:
    """Set what the tags of one stream lack as it is now, None if the stream no longer exists.

    Args:
        cluster: where it is.
        key: its `namespace/name`.
        policy: whose defaults are applied.
        planned: the tags that may be imported.
        most: how many of them may be imported now.
        tries: how often to plan anew if somebody else was faster.

    Raises:
        ClusterError: the API server or a webhook denies it, or the stream changes faster than it can be planned.
    """
    namespace, _, name = key.partition("/")
    try:
        plan = Fix.of(cluster.get(STREAMS, name, namespace), policy)
        allowed = [tag for tag in plan.importing if tag in planned][:most]
        done, rest = plan.divided(allowed)
        if done.tags:
            try:
                cluster.patch(STREAMS, name, done.patch(), namespace, content_type=JSON_PATCH)
            except ClusterError as error:
                # A patch of tags that no longer exist is denied (422) before its version is looked at (409).
                now = error.status in _OVERTAKEN and cluster.get(STREAMS, name, namespace)
                if not now or tries == 1 or now == plan.stream:
                    raise
                again = apply(cluster, key, policy, allowed, most, tries - 1)
                return again and replace(again, spent=len(allowed))
    except ClusterError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return Applied(done, rest, len(allowed))


def _fields(patch: Collection[PatchOp]) -> Iterator[tuple[int, tuple[str, str], Any]]:
    """Yield the index of the tag, the field and the value of what a completion sets, each field by itself."""
    for each in patch:
        _, _, _, index, parent, *key = (part.replace("~1", "/").replace("~0", "~") for part in each.path.split("/"))
        for name, value in ({key[0]: each.value} if key else each.value).items():
            yield int(index), (parent, name), value


def _with(tag: Mapping[str, Any], field: tuple[str, str], value: Any) -> dict[str, Any]:
    """Return `tag` with one field set."""
    parent, key = field
    return {**tag, parent: {**mapping(tag.get(parent)), key: value}}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
