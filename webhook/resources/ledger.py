"""The ledger: what each field of a resource means to a tag, or why it means nothing to one.

Each resource has a row for every field that the API has (image.openshift.io/v1). A row without effect holds for what is
below its field too, unless a field there has a row of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from webhook.model.change import TagField


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
METADATA: Final = no_effect("the API server keeps it for itself, or the request says it")
# core/v1, ObjectReference.
SOURCE: Final[Ledger] = {
    "": no_effect("of a source the API server reads kind, name and namespace only"),
    "kind": feeds(TagField.SOURCE_KIND, *_MOVES),
    "name": feeds(*_MOVES),
    "namespace": feeds(*_MOVES),
}
IMPORT_POLICY: Final[Ledger] = {
    "insecure": feeds(TagField.IMPORT_POLICY, completed=True),
    "scheduled": feeds(TagField.IMPORT_POLICY, completed=True),
    "importMode": feeds(TagField.IMPORT_POLICY, completed=True),
}
REFERENCE_POLICY: Final[Ledger] = {"type": feeds(TagField.REFERENCE_POLICY, completed=True)}
# image.openshift.io/v1, TagReference; its name has another meaning in each resource.
TAG: Final[Ledger] = {
    **below("from", SOURCE),
    "reference": feeds(TagField.IMPORT_POLICY, because="a tag with it is never imported"),
    "generation": no_effect("a number here asks for an import of what the tag names already"),
    **below("importPolicy", IMPORT_POLICY),
    **below("referencePolicy", REFERENCE_POLICY),
}
CONDITION: Final[Ledger] = {
    "type": feeds(TagField.CONDITIONS, of_old=True),
    "status": feeds(TagField.CONDITIONS, of_old=True),
    "reason": feeds(TagField.CONDITIONS, because="the sentence says it", of_old=True),
    "message": feeds(TagField.CONDITIONS, because="the sentence says it", of_old=True),
    "lastTransitionTime": no_effect("when an import ended says nothing of what the tag means"),
    "generation": no_effect("which import is meant says nothing of what the tag means"),
}
