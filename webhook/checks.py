"""What is in files becomes outcomes: judged, passed over, or said to be unusable."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from webhook import admission, doors
from webhook.documents.files import Given
from webhook.errors import MalformedReview, unexpected
from webhook.manifests import RESOURCES, Piece, envelope, pieces
from webhook.model import Review, User
from webhook.policy import Policy
from webhook.report.outcome import ERROR, SKIP, Origin, Outcome, outcome
from webhook.review import GROUP, VERSION, of_document
from webhook.text import printable, quoted

_API_VERSION: Final = f"{GROUP}/{VERSION}"
_LEGACY: Final = ("", "v1")  # image streams had no group until OpenShift 3.6, and have none in many an old template
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Old:
    """What there was before, by kind, namespace and name."""

    namespace: str = "default"
    objects: dict[_Key, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, files: Iterable[Given]) -> Iterator[Outcome]:
        """Take up the objects in `files`; yield an outcome for what cannot be used."""
        for file in files:
            yield from _faults(file)
            for piece in (piece for document in file.documents for piece in pieces(document)):
                if piece.kind not in RESOURCES:
                    continue
                key = self._key(piece.value)
                if key in self.objects:
                    yield _outcome(piece, ERROR, f"{'/'.join(key)} stands twice in what was before")
                self.objects[key] = piece.value

    def of(self, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what `manifest` replaces, None where there was nothing."""
        return self.objects.get(self._key(manifest))

    def _key(self, manifest: Mapping[str, Any]) -> _Key:
        metadata = manifest.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        return manifest["kind"], str(named.get("namespace") or self.namespace), str(named.get("name") or "")


def check(files: Iterable[Given], policy: Policy, user: User, old: Old) -> Iterator[Outcome]:
    """Judge what is in `files`: every object that can be, whatever is wrong with another.

    Args:
        files: where the objects stand.
        policy: what they are judged by.
        user: who would send a manifest; a review says so itself.
        old: what manifests would replace, and the namespace of those that name none.
    """
    for file in files:
        yield from _faults(file)
        found = [piece for document in file.documents for piece in pieces(document)]
        if not found and not file.faults:
            yield Outcome(Origin(file.name), SKIP, message="it holds no object")
        for index, piece in enumerate(found):
            yield _judged(piece, policy, user, old, index, found=file.found)


def _judged(piece: Piece, policy: Policy, user: User, old: Old, index: int, *, found: bool) -> Outcome:
    """Return what comes of one object."""
    kind = piece.kind
    if not kind:
        sentence = "expected a Kubernetes object, with apiVersion and kind"
        return _outcome(piece, SKIP if found else ERROR, sentence)
    if kind in RESOURCES and piece.api_version in _LEGACY:
        got = quoted(piece.api_version)
        return _outcome(piece, ERROR, f"apiVersion: expected {_API_VERSION} of an {kind}, got {got}", "apiVersion")
    try:
        made = _reviewed(piece, policy, user, old, index)
    except MalformedReview as error:
        return _outcome(piece, ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - one object must not end the evaluation of all others
        return _outcome(piece, ERROR, printable(unexpected(error)))
    return made or _outcome(piece, SKIP, f"{printable(kind)} of {printable(piece.api_version) or 'no apiVersion'}")


def _reviewed(piece: Piece, policy: Policy, user: User, old: Old, index: int) -> Outcome | None:
    """Return what comes of a review or of an image stream's object, None for an object of another kind.

    Raises:
        MalformedReview: it is a review that cannot be evaluated.
    """
    if piece.kind == "AdmissionReview":
        return _decided(piece, "request.object", of_document(piece.value, doors.DOORS), policy)
    if piece.kind in RESOURCES and piece.api_version == _API_VERSION:
        document = envelope(piece.value, old.of(piece.value), user, f"check-{index}", old.namespace)
        return _decided(piece, "", of_document(document, doors.DOORS), policy)
    return None


def _decided(piece: Piece, at: str, review: Review, policy: Policy) -> Outcome:
    """Return what comes of a review whose object stands at the path `at` of its piece."""
    decision = admission.admit(review, policy)
    marks = tuple(piece.mark(".".join(part for part in (at, finding.field) if part)) for finding in decision.findings)
    return outcome(Origin(piece.document.where, piece.mark().line), review, decision, marks=marks)


def _outcome(piece: Piece, verdict: str, message: str, field: str = "") -> Outcome:
    metadata = piece.value.get("metadata") if isinstance(piece.value, dict) else None
    named = metadata if isinstance(metadata, dict) else {}
    return Outcome(
        Origin(piece.document.where, *piece.mark(field)),
        verdict,
        namespace=printable(str(named.get("namespace") or "")),
        name=printable(str(named.get("name") or "")),
        message=message,
    )


def _faults(file: Given) -> Iterator[Outcome]:
    """Yield the outcomes of what cannot be read of a file."""
    for fault in file.faults:
        message = f"{fault.path}: {fault.message}" if fault.path else fault.message
        yield Outcome(Origin(file.name, fault.line, fault.column), ERROR, message=message)
