"""The objects in files as questions: reviews, manifests, and what is skipped or cannot be used."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from webhook.admission.codec import of_document
from webhook.documents.document import Mark
from webhook.documents.inputs import InputFile
from webhook.errors import MalformedReview, unexpected
from webhook.evaluate.pieces import Piece, declared, pieces, stream_within, unknown, unrendered
from webhook.evaluate.question import API_VERSION, Item, Question, Source, answers, request_of, review_of
from webhook.evaluate.writes import Write
from webhook.model.decision import Finding, Mode
from webhook.model.review import User
from webhook.policy.policy import Policy
from webhook.report.header import Warned
from webhook.report.outcome import ERROR, SKIP, Origin, Outcome
from webhook.resources.catalog import KINDS, RESOURCES
from webhook.text import printable, quoted

_LEGACY: Final = ("", "v1")  # image streams had no group before OpenShift 3.6, and many old templates omit it
_Key = tuple[str, str, str]
_HELM: Final = "a template ({{ … }}) that was not evaluated; render it: helm template CHART | istag-webhook check -"
NOT_EVALUATED: Final = "not-evaluated"
UNKNOWN_FIELD: Final = "unknown-field"
_DEVELOPER: Final = User("developer")


@dataclass(frozen=True, slots=True)
class Old:
    """The stored objects that manifests update, by kind, namespace and name."""

    namespace: str = "default"
    objects: dict[_Key, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def read(self, files: Iterable[InputFile]) -> Iterator[Outcome]:
        """Read the objects in `files`; yield an outcome for each that cannot be used."""
        for file in files:
            yield from _faults(file)
            for piece in (piece for document in file.documents for piece in pieces(document, self.parameters)):
                if piece.kind not in KINDS:
                    continue
                if piece.problem:
                    yield _outcome(piece, ERROR, f"{piece.field}: {piece.problem}", piece.field)
                    continue
                key = self._key(piece.value)
                if key in self.objects:
                    yield _outcome(piece, ERROR, f"{'/'.join(key)}: duplicate object in --old")
                self.objects[key] = piece.value

    def of(self, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the object that `manifest` replaces, None for a creation."""
        return self.objects.get(self._key(manifest))

    def _key(self, manifest: Mapping[str, Any]) -> _Key:
        metadata = manifest.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        return manifest["kind"], str(named.get("namespace") or self.namespace), str(named.get("name") or "")


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of the manifests in files, and how they are sent.

    Attributes:
        user: the user who would send a manifest; a review names its own.
        parameters: values of the parameters of templates.
        write: how a client writes the manifests.
        time: when the manifests and reviews are sent.
    """

    user: User = _DEVELOPER
    parameters: Mapping[str, str] = field(default_factory=dict)
    write: Write = Write.REPLACE
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


def check(
    files: Iterable[InputFile], policy: Policy, sender: Sender, old: Old, *, strict: bool = False
) -> Iterator[Outcome]:
    """Evaluate every valid object in `files`; an error in one does not affect the others.

    Args:
        files: the files with the objects.
        policy: the policy.
        sender: the sender of the manifests.
        old: the objects that manifests replace, and the namespace of manifests without one.
        strict: whether warnings of `check` itself are errors.
    """
    outcomes = answers(questions(files, sender, old), policy)
    return chain.from_iterable(map(_strict, outcomes)) if strict else outcomes


def questions(files: Iterable[InputFile], sender: Sender, old: Old) -> Source:
    """Yield a question for every valid object in `files`, and an outcome for each other.

    Args:
        files: the files with the objects.
        sender: the sender of the manifests.
        old: as in `check`.
    """
    unused = set(sender.parameters)
    for file in files:
        yield from _of_file(file, sender, old)
        if unused:
            unused.difference_update(name for document in file.documents for name in declared(document))
    for name in sorted(unused):
        sentence = f"--param {printable(name)}: no template declares this parameter"
        yield Outcome(Origin(), ERROR, message=sentence)


def _of_file(file: InputFile, sender: Sender, old: Old) -> Iterator[Item]:
    """Yield the questions of the objects in one file."""
    if file.excluded:
        yield Outcome(Origin(file.name), SKIP, message="excluded by --exclude")
        return
    documents = file.documents
    if file.template:
        documents = tuple(document for document in documents if document.whole)
        yield _warned(
            Outcome(Origin(file.name, 1), SKIP, message=_HELM),
            file.faults[0].path,
            Mark(file.faults[0].line, file.faults[0].column),
        )
    else:
        yield from _faults(file)
    found = [piece for document in documents for piece in pieces(document, sender.parameters)]
    if not found and not file.faults:
        yield Outcome(Origin(file.name), SKIP, message="contains no object")
    for index, piece in enumerate(found):
        yield _item(piece, sender, old, index, found=file.found)


def _warned(outcome: Outcome, path: str, mark: Mark) -> Outcome:
    """Return a skipped object with the warning that it was not evaluated."""
    finding = Warned(NOT_EVALUATED, Mode.WARN, outcome.message, path)
    return replace(outcome, findings=(finding,), marks=(mark,))


def _strict(outcome: Outcome) -> Iterator[Outcome]:
    """Yield an outcome, with an error in place of each warning of `check` itself."""
    own = [each for each in outcome.located() if isinstance(each[0], Warned)]
    if outcome.verdict != SKIP or not own:
        kept = [each for each in outcome.located() if not isinstance(each[0], Warned)]
        findings, marks = zip(*kept, strict=True) if kept else ((), ())
        yield replace(outcome, findings=findings, marks=marks)
    for finding, mark in own:
        message = f"{finding.field}: {finding.message}" if finding.field else finding.message
        yield Outcome(
            Origin(outcome.origin.file, *mark),
            ERROR,
            namespace=outcome.namespace,
            name=outcome.name,
            message=message,
        )


def _item(piece: Piece, sender: Sender, old: Old, index: int, *, found: bool) -> Item:
    """Return the question of an object, or its outcome if it has no question."""
    try:
        return _unusable(piece, found=found) or _question(piece, sender, old, index) or _skipped(piece)
    except MalformedReview as error:
        return _outcome(piece, ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - one object must not end the evaluation of all others
        return _outcome(piece, ERROR, printable(unexpected(error)))


def _unusable(piece: Piece, *, found: bool) -> Outcome | None:
    """Return the outcome of an object that cannot be evaluated, else None."""
    kind = piece.kind
    if piece.problem and (kind in KINDS or not kind):
        return _outcome(piece, ERROR, f"{piece.field}: {piece.problem}" if piece.field else piece.problem, piece.field)
    if not kind:
        if found:
            return _outcome(piece, SKIP, "not a Kubernetes object")
        return _outcome(piece, ERROR, "expected a Kubernetes object, with apiVersion and kind")
    if kind in KINDS and (path := unrendered(piece.value)) is not None:
        return _warned(_outcome(piece, SKIP, _HELM), path, piece.mark(path))
    if kind in KINDS and piece.api_version in _LEGACY:
        got = quoted(piece.api_version)
        return _outcome(piece, ERROR, f"apiVersion: expected {API_VERSION} for kind {kind}, got {got}", "apiVersion")
    return None


def _skipped(piece: Piece) -> Outcome:
    """Return the outcome of an object of another kind."""
    what = f"{printable(piece.kind)} of {printable(piece.api_version) or 'no apiVersion'}"
    path = stream_within(piece.value)
    if path is None:
        return _outcome(piece, SKIP, what)
    message = f"{what}: contains image streams that were not evaluated"
    return _warned(_outcome(piece, SKIP, message), path, piece.mark(path))


def _question(piece: Piece, sender: Sender, old: Old, index: int) -> Question | None:
    """Return the question of a review or of an image stream's object, None for an object of another kind.

    Raises:
        MalformedReview: the review cannot be evaluated.
    """
    origin = Origin(piece.document.where, piece.mark().line)
    if piece.kind == "AdmissionReview":
        review = of_document(piece.value, RESOURCES, sender.time)
        return Question(
            origin, review, mark=lambda field: piece.mark(f"request.object.{field}" if field else "request.object")
        )
    if piece.kind in KINDS and piece.api_version == API_VERSION:
        stored = old.of(piece.value)
        written = sender.write.written(piece.value, stored)
        review = review_of(request_of(written, stored, sender.user, f"check-{index}", old.namespace), sender.time)
        return Question(origin, review, mark=piece.mark, notes=tuple(_unknown(piece)))
    return None


def _unknown(piece: Piece) -> Iterator[tuple[Finding, Mark]]:
    """Yield a warning for each field of a manifest that the API does not have."""
    for path, meant in unknown(piece.value):
        hint = f"; did you mean {meant}?" if meant else ""
        yield Warned(UNKNOWN_FIELD, Mode.WARN, f"unknown field{hint}", path), piece.mark(path)


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


def _faults(file: InputFile) -> Iterator[Outcome]:
    """Yield the outcomes of the parts of a file that cannot be read."""
    for fault in file.faults:
        message = f"{fault.path}: {fault.message}" if fault.path else fault.message
        yield Outcome(Origin(file.name, fault.line, fault.column), ERROR, message=message)
