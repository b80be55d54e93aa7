"""What must hold for any bytes, one function for each thing that reads them; a bug is an exception.

tests/test_fuzz.py gives them examples and the kept corpus, tests/fuzzing.py whatever finds a new path through the code.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn
from unicodedata import category

import jsonpatch
from docker_image.digest import InvalidDigest
from docker_image.reference import InvalidReference, Reference
from support import policy_of

from webhook import admission, doors
from webhook.audit.record import Context, annotations, record, tags
from webhook.defaults import patched_document
from webhook.documents import read, yaml
from webhook.errors import MalformedGlob, MalformedReference, MalformedReview, PolicyRefused
from webhook.globs import Glob, Index, ReferenceGlob
from webhook.policy import Policy, load
from webhook.policy.lint.reported import lint
from webhook.reference import ImageReference
from webhook.review import decode, encode, operation, parse

_WHEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_EVERYTHING: Final = (
    "spec: {defaults: [{name: all, set: {importPolicy: {importMode: PreserveOriginal, scheduled: true, insecure: true},"
    " referencePolicy: {type: Local}, annotations: {example.com/a~b: x, owner: platform}}}]}\n"
)


@cache
def _strict() -> Policy:
    return load(Path(__file__).parent / "policies" / "strict.yaml")


@cache
def _completing() -> Policy:
    return policy_of(_EVERYTHING)


def _shown(said: object) -> bool:
    """Whether nothing in a sentence is left that must not reach a terminal."""
    return not {category(character) for character in str(said)} & {"Cc", "Cs", "Zl", "Zp"}


def codec(data: bytes) -> None:
    """Bytes are a review that is judged, answered and recorded, or a MalformedReview; never anything else."""
    try:
        review = decode(data, doors.DOORS)
    except MalformedReview as refused:
        assert _shown(refused)
        assert refused.status == 400
        return
    policy = _strict()
    for webhook, decide in (("validate", admission.validate), ("mutate", admission.mutate)):
        decision = decide(review, policy)
        judged = tags(decision)
        answer = json.loads(encode(review, decision, annotations(decision, judged, policy)))
        assert (answer["apiVersion"], answer["response"]["uid"]) == (review.version, review.uid)
        assert answer["response"]["allowed"] is decision.allowed
        context = Context(webhook, "0", "request")
        line = record(review, decision, judged, policy, context, time=_WHEN, seconds=0.001)
        assert b"\n" not in line
        assert json.loads(line)["verdict"] == decision.verdict


def no_number(name: str) -> NoReturn:
    """Say that NaN or an infinity came through."""
    raise AssertionError(f"{name} was accepted")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of pairs, and say where a repeated key came through."""
    found = dict(pairs)
    assert len(found) == len(pairs), "a repeated key was accepted"
    return found


def alike(ours: Any, theirs: Any) -> bool:
    """Whether two JSON values are the same, type by type; an integer is no float, and 0.0 not -0.0."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    return repr(ours) == repr(theirs)


def reading(data: bytes) -> None:
    """What the codec takes as JSON the standard library reads equally, to the type, and can write as UTF-8."""
    try:
        ours = parse(data)
    except MalformedReview:
        return
    theirs = json.loads(data.decode(), object_pairs_hook=once, parse_constant=no_number)
    assert alike(ours, theirs), (ours, theirs)
    assert "Infinity" not in json.dumps(theirs, ensure_ascii=False).encode().decode(), "a number became infinite"


def documents(data: bytes) -> None:
    """A file is documents and faults; each can be written again and be read as it was, each path has a line of the file."""
    found, faults = read("x", data)
    lines = len(re.findall("[\n\r\x85\u2028\u2029]", data.decode(errors="replace"))) + 1  # as YAML 1.1 counts them
    for fault in faults:
        assert _shown(fault)
    for document in found:
        assert 1 <= document.line("") <= lines
        if isinstance(document.value, dict):
            assert all(1 <= document.line(f'["{key}"]') <= lines for key in document.value)
        ((again,), wrong) = (
            yaml.read("y", yaml.dump(document.value)) if document.value is not None else ((document,), [])
        )
        assert wrong == []
        assert alike(again.value, document.value), (again.value, document.value)


# Where the other parser says something else, and why ours is what it is.
DIFFERENCES: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    "line-feed": (lambda text: text.endswith("\n"), "its `$` lets a line feed at the end pass"),
    "identifier": (
        lambda text: re.fullmatch(r"[0-9a-f]{64}([:@].*)?", text),
        "64 hexadecimal digits are an image's identifier to Docker; it looks at the whole text, we at the name alone",
    ),
    "upper-case first segment": (
        lambda text: re.match(r"[^/.:]*[A-Z][^/.:]*/", text),
        "it takes it for a registry, as Docker does now; to OpenShift it is a namespace, in which no repository can be",
    ),
    "the hub in upper case": (
        lambda text: re.match(r"(index\.)?docker\.io/", text, re.IGNORECASE) and not re.match(r"(index\.)?docker\.io/", text),
        "it looks for the hub before it folds the case; to a registry's clients Docker.IO is the hub too",
    ),
    "the hub's own host": (
        lambda text: re.match(r"registry-1\.docker\.io/", text, re.IGNORECASE),
        "OpenShift takes it for the hub, and what is pulled from there is the hub's",
    ),
    "long": (
        lambda text: len("docker.io/library/") + len(text.partition("@")[0]) > 255,
        "it measures the path alone, as Docker does now; we measure the whole name, as many clients do (distribution specification)",
    ),
}  # fmt: skip


def reference(data: bytes) -> None:
    """A text is a reference that prints as one, or a MalformedReference; and what another parser makes of it."""
    text = data.decode("utf-8", "surrogatepass" if data.isascii() else "replace")
    try:
        ours = ImageReference.parse(text)
    except MalformedReference as refused:
        assert _shown(refused)
        ours = None
    else:
        assert ImageReference.parse(str(ours)) == ours
        assert ImageReference.parse(ours.familiar) == ours
    if not any(applies(text) for applies, _ in DIFFERENCES.values()):
        assert ours == other_parser(text)


def other_parser(text: str) -> ImageReference | None:
    """Return what docker-image-py makes of a reference, None where it refuses it."""
    try:
        found = Reference.parse_normalized_named(text)
    except (InvalidReference, InvalidDigest):
        return None
    registry = found.domain().lower()  # it keeps a host as it is written; a host name knows no case
    return ImageReference(registry, found.path(), found["tag"] or "", found["digest"] or "")


def _meant(segments: list[str], separator: str, text: str) -> bool:
    """Whether segments of a glob mean a text, found by all places in it at once: a regular expression may try for hours."""
    places = {0}
    for number, segment in enumerate(segments):
        if number:
            places = {at + 1 for at in places if text.startswith(separator, at)}
        if segment == "**":
            places = _onward(places, text, "")
            continue
        for star, piece in enumerate(segment.split("*")):
            reached = _onward(places, text, separator) if star else places
            places = {at + len(piece) for at in reached if text.startswith(piece, at)}
    return len(text) in places


def _onward(places: set[int], text: str, stop: str) -> set[int]:
    """Return all places that can be come to from `places` without passing over `stop`."""
    found: set[int] = set()
    for at in sorted(places):
        if at not in found:
            end = text.find(stop, at) if stop else -1
            found.update(range(at, (end if end >= 0 else len(text)) + 1))
    return found


def glob(data: bytes) -> None:
    """A pattern and a text, one a line: matching is what the pattern means, and an index misses nothing."""
    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    for separator in ("/", ""):
        try:
            made = Glob.compile(pattern, separator)
        except MalformedGlob as refused:
            assert _shown(refused)
            continue
        expected = _meant(pattern.split(separator) if separator else [pattern], separator, text)
        assert made.matches(text) is expected, (pattern, text)
        assert not expected or text.startswith(made.literal)
        assert not expected or not made.exact or text == pattern
        if not separator and expected:
            assert Index([([made], "it")]).candidates(text) == ["it"]
    _reference_glob(pattern, text)


def _reference_glob(pattern: str, text: str) -> None:
    try:
        made, found = ReferenceGlob.compile(pattern), ImageReference.parse(text)
    except MalformedGlob as refused:
        assert _shown(refused)
        return
    except MalformedReference:
        return
    first, slash, path = pattern.lower().partition("/")
    if "[" in first + found.registry or first.partition(":")[0] in ("index.docker.io", "registry-1.docker.io"):
        return  # an address has no labels, and the index is the hub: tests/test_globs.py says both
    host, _, port = first.partition(":")
    own_host, _, own_port = found.registry.partition(":")
    expected = (
        (first == "*" or _meant(host.split("."), ".", own_host))
        and (first == "*" or own_port == port or (port == "*" and own_port))
        and (not slash or _meant(path.split("/"), "/", found.repository))
    )
    assert made.matches(found) is bool(expected), (pattern, text)


def policy(data: bytes) -> None:
    """A file is a policy that judges, with the same digest each time and warnings with a place, or is refused with printable faults that say where."""
    with tempfile.NamedTemporaryFile(suffix=".yaml", dir=_fast()) as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            found = load(path)
        except PolicyRefused as refused:
            assert refused.faults
            for fault in refused.faults:
                assert fault.where.startswith(file.name), fault
                assert fault.message
                assert _shown(fault)
            return
        assert load(path).digest == found.digest
    for warning in lint(found).warnings:
        assert warning.fault.where == file.name
        assert warning.fault.line
        assert _shown(warning.fault)
    review = decode(_REVIEW, doors.DOORS)
    admission.validate(review, found)
    admission.mutate(review, found)


def _fast() -> str | None:
    """Return a directory in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the name in it is a random one


def patch(data: bytes) -> None:
    """What completes a review applies as RFC 6902 says, leaves the question as it was, and is complete at once."""
    try:
        review = decode(data, doors.DOORS)
    except MalformedReview:
        return
    before = deepcopy(review.request)
    operations = admission.mutate(review, _completing()).patch
    assert review.request == before
    if review.object is None:
        assert operations == ()
        return
    theirs = jsonpatch.apply_patch(review.object, [operation(each) for each in operations])
    assert alike(patched_document(review.object, operations), theirs)
    assert review.request == before
    again = decode(json.dumps({**json.loads(data), "request": {**before, "object": theirs}}).encode(), doors.DOORS)
    assert admission.mutate(again, _completing()).patch == ()


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "codec": codec,
    "documents": documents,
    "glob": glob,
    "patch": patch,
    "policy": policy,
    "reading": reading,
    "reference": reference,
}
REVIEWS_OF: Final = ("codec", "patch")  # the targets whose seeds are the recorded reviews
CORPUS: Final = Path(__file__).parent / "corpus"
_RECORDED: Final = sorted(
    path for path in (Path(__file__).parent / "reviews").glob("*.json") if not path.name.endswith(".expected.json")
)
_REVIEW: Final = _RECORDED[0].read_bytes()
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**63, 2**64 - 1, 2**70, 1.5, 1e300, "", "x", "*", "a:b:c", "\u2028\n", "\ud800", "é" * 300, "user:pw@h/x",
    [], [None], [{}], {}, {"": None}, {"a/b~c": 1}, {"kind": "DockerImage"}, {"kind": "DockerImage", "name": "nginx"},
    "ImageStreamTag", "DELETE", "imagestreams", {"istag-webhook/keep": "importMode"},
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """Return what a target begins with: its kept corpus and, of those that read reviews, the recorded ones."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
    return kept + [path.read_bytes() for path in _RECORDED] if target in REVIEWS_OF else kept


def changed(data: bytes, random: Random) -> bytes:
    """Return a JSON document with a value put, moved or taken away somewhere; what is no JSON as it is."""
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        places = list(_places(document))
        if places:
            at, key = random.choice(places)
            what = random.randrange(8)
            if what == 0:
                del at[key]
            else:
                other, name = random.choice(places)
                at[key] = deepcopy(other[name] if what == 1 else random.choice(_VALUES))
        return json.dumps(document).encode()
    return data


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a JSON value with each of its keys."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(each)
