"""The definition of an API resource: one value for each, which all rooms use.

The ledger of a resource has a row for each field of its API type (image.openshift.io/v1): the effect of the field on a
tag, or why it has no effect. A row without effect also applies to the fields below it without a row of their own.
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
DELETE: Final = "DELETE"


@dataclass(frozen=True, slots=True)
class Row:
    """The effect of one field.

    Attributes:
        feeds: the fields of a tag that rules read from it, empty without an effect.
        because: why it has no effect, or a remark.
        recorded: whether it is only recorded.
        completed: whether a default may write it.
        of_old: whether it is read from the old object too.
    """

    feeds: frozenset[TagField] = frozenset()
    because: str = ""
    recorded: bool = False
    completed: bool = False
    of_old: bool = False

    @property
    def has_effect(self) -> bool:
        """Whether the field has an effect or is recorded."""
        return bool(self.feeds) or self.recorded


Ledger = Mapping[str, Row]


class Changes(Protocol):
    """Reads the changes from a review."""

    def __call__(self, review: Review, *, untouched: bool) -> tuple[Change, ...]:
        """Return the changes; unchanged tags are included if `untouched`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API resource of image.openshift.io/v1.

    Attributes:
        name: the resource, with its subresource after a slash.
        schema: the type of its object, named like the kind.
        changes: reads the changes from a review.
        places: the places of its tags, for findings and patches; one of each sort.
        ledger: the effect of each field of its object on a tag.
        fill: returns an object as the API server completes it; its second argument is the object that it replaces,
            itself completed, empty for a creation.
        probe: the request of `istag-webhook probe` to it.
        cel: how CEL reads its tags, or the reason why they are not exported.
        operations: the operations that can change a tag (admission.k8s.io/v1, Operation).
        short: returns the object of a policy test's short form, from namespace, stream, tag and TagReference; None if
            the resource has no short form.
        streams: whether a review has data on a stream as a whole.
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
        """Whether a review has the old tag."""
        return UPDATE in self.operations

    def defaulted(self, manifest: Object, old: Object | None = None) -> dict[str, Any]:
        """Return `manifest` as the API server completes it before it calls a validating webhook.

        Args:
            manifest: an object of the resource's kind, as a user writes it.
            old: the object that it replaces, itself completed; None for a creation.
        """
        return self.fill(manifest, old or NOTHING)


def feeds(*fields: TagField, because: str = "", completed: bool = False, of_old: bool = False) -> Row:
    """Return the row of a field that rules read."""
    return Row(frozenset(fields), because, completed=completed, of_old=of_old)


def recorded(because: str) -> Row:
    """Return the row of a field that is only recorded."""
    return Row(because=because, recorded=True)


def no_effect(because: str) -> Row:
    """Return the row of a field without effect on what a tag means."""
    return Row(because=because)


def row_of(ledger: Ledger, path: str) -> Row | None:
    """Return the row that applies to the field at `path`, such as `spec.tags[].name`, None without one."""
    while path:
        if path in ledger:
            return ledger[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def below(path: str, rows: Ledger) -> dict[str, Row]:
    """Return `rows` of a type for a field of that type."""
    return {f"{path}.{name}" if name else path: row for name, row in rows.items()}


_MOVES: Final = (TagField.SOURCE, TagField.MOVE)
METADATA_ROW: Final = no_effect("the API server manages it, or the request contains it")
# core/v1, ObjectReference.
SOURCE_ROWS: Final[Ledger] = {
    "": no_effect("the API server reads only kind, name and namespace of a source"),
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
# image.openshift.io/v1, TagReference; its name has a different meaning in each resource.
TAG_ROWS: Final[Ledger] = {
    **below("from", SOURCE_ROWS),
    "reference": feeds(TagField.IMPORT_POLICY, because="a tag with it is never imported"),
    "generation": no_effect("a number here requests an import from the tag's current source"),
    **below("importPolicy", IMPORT_POLICY_ROWS),
    **below("referencePolicy", REFERENCE_POLICY_ROWS),
}
CONDITION_ROWS: Final[Ledger] = {
    "type": feeds(TagField.CONDITIONS, of_old=True),
    "status": feeds(TagField.CONDITIONS, of_old=True),
    "reason": feeds(TagField.CONDITIONS, because="shown in the message", of_old=True),
    "message": feeds(TagField.CONDITIONS, because="shown in the message", of_old=True),
    "lastTransitionTime": no_effect("the time of an import does not affect what the tag means"),
    "generation": no_effect("the number of an import does not affect what the tag means"),
}
