"""The settings of the policy's defaults that the tags of one stream lack, and which of them import a tag. Pure.

openshift-apiserver increments the generation of a tag if its reference changes. It increments that of a tag without
one on any write (registry/imagestream/strategy.go: tagRefChanged, ensureSpecTagGenerationsAreSet). The import
controller then imports the tag at once, from whatever its source names now. A scheduled tag is imported at the next
tick.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from webhook.admission.codec import operation
from webhook.evaluate.scan import completion
from webhook.model.decision import PatchOp
from webhook.model.tag import SourceKind
from webhook.policy.policy import Policy
from webhook.resources.catalog import digests
from webhook.resources.parsing import items, mapping, text

AT_ONCE: Final = "imports the tag at once"
ON_SCHEDULE: Final = "imports the tag on a schedule"
_LEGACY: Final = "Legacy"  # the API server's default unless the cluster sets another


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a tag to set.

    Attributes:
        field: its path in the tag, such as `("importPolicy", "importMode")`.
        value: the value to set.
        imports: how setting it imports the tag, "" if it does not.
    """

    field: tuple[str, str]
    value: Any
    imports: str = ""


@dataclass(frozen=True, slots=True)
class TagFix:
    """The settings that one tag lacks.

    Attributes:
        index: its index in `spec.tags`.
        name: its name.
        settings: the fields to set.
        image: the digest of its current image, "" if it was never imported.
        followers: other tags of the stream that move with it.
    """

    index: int
    name: str
    settings: tuple[Setting, ...]
    image: str = ""
    followers: tuple[str, ...] = ()

    @property
    def imports(self) -> bool:
        """Whether making all settings imports the tag."""
        return any(setting.imports for setting in self.settings)

    def operations(self, stored: Mapping[str, Any]) -> Iterator[PatchOp]:
        """Yield the operations that make all settings in the tag as it is `stored`."""
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
    """The settings that the tags of one stream lack.

    Attributes:
        stream: the stream as it was read.
        tags: the tags that lack settings.
    """

    stream: Mapping[str, Any]
    tags: tuple[TagFix, ...]

    @classmethod
    def of(cls, stream: Mapping[str, Any], policy: Policy) -> "Fix":
        """Return the settings of `policy` that `stream` lacks."""
        tags = items(mapping(stream.get("spec")).get("tags"))
        woken = [text(each.get("name")) for each in tags if has_no_generation(each)]
        found: dict[int, list[Setting]] = {}
        for index, field, value in _fields(completion(stream, policy)):
            how = why_imported(tags[index], _with(tags[index], field, value))
            if woken and not how:  # any write imports these
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
        """The names of the tags that are imported if all settings are made."""
        return [tag.name for tag in self.tags if tag.imports]

    def divided(self, allowed: Collection[str]) -> tuple["Fix", "Fix"]:
        """Return the settings to make if only the tags `allowed` may be imported, and the remaining settings."""
        halves: tuple[list[TagFix], list[TagFix]] = ([], [])
        for tag in self.tags:
            for half, wanted in zip(halves, (True, False), strict=True):
                now = [each for each in tag.settings if (tag.name in allowed or not each.imports) is wanted]
                if now:
                    half.append(replace(tag, settings=tuple(now)))
        return replace(self, tags=tuple(halves[0])), replace(self, tags=tuple(halves[1]))

    def patch(self) -> list[dict[str, Any]]:
        """Return the JSON Patch; it states its resourceVersion, and the API server rejects it for any other."""
        tags = self.stream["spec"]["tags"]
        version = PatchOp("add", "/metadata/resourceVersion", self.stream["metadata"]["resourceVersion"])
        return [
            operation(each) for each in (version, *(op for tag in self.tags for op in tag.operations(tags[tag.index])))
        ]


def _fields(patch: Collection[PatchOp]) -> Iterator[tuple[int, tuple[str, str], Any]]:
    """Yield the index of the tag, the field and the value of each setting of a completion."""
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


def why_imported(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return how writing a tag imports it, "" if it does not.

    Args:
        before: the tag as it is stored (image.openshift.io/v1, TagReference).
        after: the tag as it is written.
    """
    if not _importable(after):
        return ""
    if _referred(before) != _referred(after) or has_no_generation(after):
        return AT_ONCE
    scheduled = (mapping(tag.get("importPolicy")).get("scheduled") is True for tag in (before, after))
    return ON_SCHEDULE if tuple(scheduled) == (False, True) else ""


def has_no_generation(tag: Mapping[str, Any]) -> bool:
    """Whether any write of its stream imports the tag: the generation is 0, or null as in objects of old releases."""
    return _importable(tag) and "generation" in tag and not tag["generation"]


def followers(stream: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Return the tags that move with each tag of `stream` that others name as their source, in order."""
    metadata, direct = stream["metadata"], dict[str, list[str]]()
    for tag in map(mapping, items(mapping(stream.get("spec")).get("tags"))):
        source = mapping(tag.get("from"))
        of, _, name = text(source.get("name")).rpartition(":")
        own = source.get("namespace") in (None, "", metadata["namespace"]) and of in ("", metadata["name"])
        if source.get("kind") == SourceKind.IMAGE_STREAM_TAG and own:
            direct.setdefault(name, []).append(text(tag.get("name")))
    return {name: list(_reached(direct, name)) for name in direct}


def _reached(direct: Mapping[str, list[str]], name: str) -> Iterator[str]:
    """Yield the names reachable from `name`, each once, and never `name` itself."""
    seen, ahead = {name}, [name]
    while ahead:
        for each in direct.get(ahead.pop(0), ()):
            if each not in seen:
                seen.add(each)
                ahead.append(each)
                yield each


def _importable(tag: Mapping[str, Any]) -> bool:
    """Whether the import controller imports the tag at all."""
    return mapping(tag.get("from")).get("kind") == SourceKind.DOCKER_IMAGE and tag.get("reference") is not True


def _referred(tag: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values that the API server compares to detect a changed reference."""
    source = mapping(tag.get("from"))
    mode = mapping(tag.get("importPolicy")).get("importMode") or _LEGACY
    return source.get("namespace") or "", source.get("name"), tag.get("reference") is True, mode
