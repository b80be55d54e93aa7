"""What is known of an API resource: one value for each, from which all rooms take what they need.

The ledger of a resource has a row for each field of its API type (image.openshift.io/v1): what the field means to a
tag, or why it means nothing to one. A row without effect also holds for the fields below it that
have no row of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from webhook.model.review import Change, Place, Review, TagField
from webhook.model.tag import NOTHING
from webhook.resources.cel import Cel
from webhook.resources.objects import Object, Probe
from webhook.schemas.schema import Document

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"


@dataclass(frozen=True, slots=True)
class Row:
    """What one field means.

    Attributes:
        feeds: what the rules read of it, nothing if it has no effect.
        because: why it has no effect, or what else is to know.
        recorded: whether it is recorded and nothing else.
        completed: whether a default may write it.
        of_old: whether the old object's is read.
    """

    feeds: frozenset[TagField] = frozenset()
    because: str = ""
    recorded: bool = False
    completed: bool = False
    of_old: bool = False

    @property
    def has_effect(self) -> bool:
        """Whether the field decides or is recorded."""
        return bool(self.feeds) or self.recorded


Ledger = Mapping[str, Row]


class Changes(Protocol):
    """Reads a review into what it would change."""

    def __call__(self, review: Review, *, untouched: bool) -> tuple[Change, ...]:
        """Return the changes; tags of which nothing changes are among them if `untouched`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API resource of image.openshift.io/v1.

    Attributes:
        name: the resource, with its subresource after a slash.
        schema: the type of its object, which has the name of the kind.
        changes: reads a review into what it would change.
        places: where its tags are, for findings and patches; one of each sort.
        ledger: what each field of its object means to a tag.
        fill: returns an object as the API server completes it; its second argument is the object that it replaces,
            itself completed, empty if it is created.
        probe: how `istag-webhook probe` asks for it.
        cel: how CEL reads its tags, or the reason why they are not exported.
        operations: the operations that can change a tag (admission.k8s.io/v1, Operation).
        short: returns the object of a policy test's short form, from namespace, stream, tag and TagReference; None if
            the resource has no short form.
        streams: whether a review says something of a stream as a whole.
    """

    name: str
    schema: type[Document]
    changes: Changes
    places: tuple[Place, ...]
    ledger: Ledger
    fill: Callable[[Object, Object], dict[str, Any]]
    probe: Probe
    cel: Cel | str
    operations: tuple[str, ...] = (CREATE, UPDATE)
    short: Callable[[str, str, str, Object], dict[str, Any]] | None = None
    streams: bool = False

    @property
    def kind(self) -> str:
        """The kind of its object."""
        return self.schema.__name__

    @property
    def plural(self) -> str:
        """The name without the subresource."""
        return self.name.partition("/")[0]

    @property
    def subresource(self) -> str:
        """The subresource, "" if there is none."""
        return self.name.partition("/")[2]

    @property
    def says_old(self) -> bool:
        """Whether a review says what a tag was before."""
        return UPDATE in self.operations

    def defaulted(self, manifest: Object, old: Object | None = None) -> dict[str, Any]:
        """Return `manifest` as the API server completes it before it calls a validating webhook.

        Args:
            manifest: an object of the resource's kind, as a user writes it.
            old: the object that it replaces, itself completed; None if it is created.
        """
        return self.fill(manifest, old or NOTHING)


def feeds(*fields: TagField, because: str = "", completed: bool = False, of_old: bool = False) -> Row:
    """Return the row of a field that rules read."""
    return Row(frozenset(fields), because, completed=completed, of_old=of_old)


def recorded(because: str) -> Row:
    """Return the row of a field that is recorded and decides nothing."""
    return Row(because=because, recorded=True)


def no_effect(because: str) -> Row:
    """Return the row of a field without effect on what a tag means."""
    return Row(because=because)


def row_of(ledger: Ledger, path: str) -> Row | None:
    """Return the row that holds for the field at `path`, such as `spec.tags[].name`, None if there is none."""
    while path:
        if path in ledger:
            return ledger[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def below(path: str, rows: Ledger) -> dict[str, Row]:
    """Return `rows` of a type for a field that has the type."""
    return {f"{path}.{name}" if name else path: row for name, row in rows.items()}


_MOVES: Final = (TagField.SOURCE, TagField.MOVE)
METADATA_ROW: Final = no_effect("the API server keeps it for itself, or the request says it")
# core/v1, ObjectReference.
SOURCE_ROWS: Final[Ledger] = {
    "": no_effect("of a source the API server reads kind, name and namespace only"),
    "kind": feeds(TagField.SOURCE_KIND, *_MOVES),
    "name": feeds(*_MOVES),
    "namespace": feeds(*_MOVES),
}
IMPORT_POLICY_ROWS: Final[Ledger] = {
    "insecure": feeds(TagField.IMPORT_POLICY, completed=True),
    "scheduled": feeds(TagField.IMPORT_POLICY, completed=True),
    "importMode": feeds(TagField.IMPORT_POLICY, completed=True),
}
REFERENCE_POLICY_ROWS: Final[Ledger] = {"type": feeds(TagField.REFERENCE_POLICY, completed=True)}
# image.openshift.io/v1, TagReference; its name has another meaning in each resource.
TAG_ROWS: Final[Ledger] = {
    **below("from", SOURCE_ROWS),
    "reference": feeds(TagField.IMPORT_POLICY, because="a tag with it is never imported"),
    "generation": no_effect("a number here asks for an import of what the tag names already"),
    **below("importPolicy", IMPORT_POLICY_ROWS),
    **below("referencePolicy", REFERENCE_POLICY_ROWS),
}
CONDITION_ROWS: Final[Ledger] = {
    "type": feeds(TagField.CONDITIONS, of_old=True),
    "status": feeds(TagField.CONDITIONS, of_old=True),
    "reason": feeds(TagField.CONDITIONS, because="the sentence says it", of_old=True),
    "message": feeds(TagField.CONDITIONS, because="the sentence says it", of_old=True),
    "lastTransitionTime": no_effect("when an import ended says nothing of what the tag means"),
    "generation": no_effect("which import is meant says nothing of what the tag means"),
}
