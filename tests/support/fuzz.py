"""Properties for any bytes, one function for each reader; a bug is an exception.

tests/unit/test_fuzz.py gives them examples and the kept corpus, tools/fuzzing.py whatever finds a new path through the code.
"""

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn
from unicodedata import category

import jsonpatch
from docker_image.digest import InvalidDigest
from docker_image.reference import InvalidReference, Reference
from tests.support.builders import NOW
from tests.support.paths import DATA
from tests.support.robust import SEEDS as MADE
from tests.support.robust import answers, completing, records, reports, strict

from webhook.admission import engine
from webhook.admission.codec import decode, encode, operation, parse
from webhook.audit.record import Context, annotations, record, tags
from webhook.defaults import patched_document
from webhook.documents import yaml
from webhook.documents.reading import read
from webhook.errors import MalformedGlob, MalformedReference, MalformedReview, PolicyError
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import TEXT
from webhook.globs.matching import Glob, Index, ReferenceGlob
from webhook.policy.lint.checks import lint
from webhook.policy.loading import load
from webhook.reference import ImageReference
from webhook.registry import canonical_registry, joined
from webhook.resources import catalog

_WHEN: Final = datetime(2026, 1, 1, tzinfo=UTC)


# Texts of segments that may hold anything, as no kind of value of a policy can.
PATH: Final = Alphabet(
    "path", "segments", "", r"(?:\*\*|(?:[^/*]|\*(?!\*))+)(?:/(?:\*\*|(?:[^/*]|\*(?!\*))+))*", separator="/"
)


def _shown(said: object) -> bool:
    """Whether nothing in a sentence is left that must not reach a terminal."""
    return not {category(character) for character in str(said)} & {"Cc", "Cs", "Zl", "Zp"}


def codec(data: bytes) -> None:
    """Bytes are a review that is evaluated, answered and recorded, or a MalformedReview; never anything else."""
    try:
        review = decode(data, catalog.RESOURCES, NOW)
    except MalformedReview as refused:
        assert _shown(refused)
        assert refused.status == 400
        return
    policy = strict()
    for webhook, decide in (("validate", engine.validate), ("mutate", engine.mutate)):
        decision = decide(review, policy)
        changed = tags(decision)
        answer = json.loads(encode(review, decision, annotations(decision, changed, policy)))
        assert (answer["apiVersion"], answer["response"]["uid"]) == (review.version, review.uid)
        assert answer["response"]["allowed"] is decision.allowed
        context = Context(webhook, "0", "request")
        line = record(review, decision, changed, policy, context, time=_WHEN, seconds=0.001)
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


def _numeric(value: Any) -> Any:
    """Return a JSON value whose whole numbers are integers: JSON has one sort of number, and a client writes 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _numeric(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numeric(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def reading(data: bytes) -> None:
    """JSON that the codec accepts is equal in the standard library, including types, and can be written as UTF-8."""
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
        assert alike(_numeric(again.value), _numeric(document.value)), (again.value, document.value)


# Differences from the other parser, each with a reason.
DIFFERENCES: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    "line-feed": (lambda text: text.endswith("\n"), "its `$` lets a line feed at the end pass"),
    "identifier": (
        lambda text: re.fullmatch(r"[0-9a-f]{64}([:@].*)?", text),
        "64 hexadecimal digits are an image ID to Docker; it looks at the whole text, we at the name alone",
    ),
    "upper-case first segment": (
        lambda text: re.match(r"[^/.:]*[A-Z][^/.:]*/", text),
        "it takes it for a registry, as Docker does now; to OpenShift it is a namespace, in which no repository can be",
    ),
    "the hub in upper case": (
        lambda text: re.match(r"(index\.)?docker\.io/", text, re.IGNORECASE) and not re.match(r"(index\.)?docker\.io/", text),
        "it looks for the hub before it folds the case; to a registry's clients Docker.IO is the hub too",
    ),
    "another name of the hub": (
        lambda text: re.match(r"(registry-1|registry)\.docker\.io[.:/]|registry\.hub\.docker\.com[.:/]", text, re.IGNORECASE),
        "what is pulled from there is the hub's",
    ),
    "port": (lambda text: re.match(r"[^/]*:(0|443/)", text), "443 is the port of a name without one, and zeros add nothing to a port"),
    "trailing dot": (lambda text: re.match(r"[^/:]*\.(:[0-9]+)?/", text), "a name server takes it for the same host"),
    "IPv6 address": (
        lambda text: text.startswith("[") and re.match(r"\[(?!(::1|2001:db8::1)\])", text),
        "an address has many spellings, of which one is its name",
    ),
    "cluster service": (
        lambda text: re.match(r"[^/:]*\.svc\.cluster\.local\.?[:/]|(image-registry\.openshift-image-registry|docker-registry\.default)\.?[:/]", text, re.IGNORECASE),
        "a service has several names in its cluster",
    ),
    "long": (
        lambda text: "/" not in text.partition(".io/")[2] and 247 < len(text.partition("@")[0].rpartition("/")[2].partition(":")[0]) < 256,
        "it measures `library/` too, which nobody has sent",
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
    """Return the result of docker-image-py for a reference, None if it rejects it."""
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
    """Return all places reachable from `places` without crossing `stop`."""
    found: set[int] = set()
    for at in sorted(places):
        if at not in found:
            end = text.find(stop, at) if stop else -1
            found.update(range(at, (end if end >= 0 else len(text)) + 1))
    return found


def glob(data: bytes) -> None:
    """A pattern and a text, one a line: matching is what the pattern means, and an index misses nothing."""
    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    for alphabet in (PATH, TEXT):
        separator = alphabet.separator
        try:
            made = Glob.compile(pattern, alphabet)
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
    host, colon, port = first.partition(":")
    host = host.removesuffix(".")
    if "[" in first + found.registry or canonical_registry(host.replace("*", "x")) != joined(
        host.replace("*", "x"), ""
    ):
        return  # an address has no labels, and another name is not matched as it is written: tests/unit/test_globs.py says both
    own_host, _, own_port = found.registry.partition(":")
    ports = {port, own_port} - {"", "443"} if port != "*" and (colon or host not in ("*", "**")) else set()
    names = [found.repository]
    if found.registry == "docker.io" and "/" not in path and path != "**":
        official = found.repository.removeprefix("library/")
        names = [official if official != found.repository else "/"] if host == "docker.io" else [*names, official]
    expected = (
        (host in ("*", "**") or _meant(host.split("."), ".", own_host))
        and (not ports or (len(ports) == 1 and int(port or 443) == int(own_port or 443)))
        and (not slash or any(_meant(path.split("/"), "/", name) for name in names))
    )
    assert made.matches(found) is bool(expected), (pattern, text)


def policy(data: bytes) -> None:
    """A file is a valid policy with a stable digest and located warnings, or has printable, located errors."""
    with tempfile.NamedTemporaryFile(suffix=".yaml", dir=_fast()) as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            found = load(path)
        except PolicyError as refused:
            assert refused.faults
            for fault in refused.faults:
                assert fault.where.startswith(file.name), fault
                assert fault.message
                assert _shown(fault)
            return
        assert load(path).digest == found.digest
    for warning in lint(found, NOW).warnings:
        assert warning.fault.where == file.name
        assert warning.fault.line
        assert _shown(warning.fault)
    review = decode(MADE["answers"]()[0], catalog.RESOURCES, NOW)
    engine.validate(review, found)
    engine.mutate(review, found)


def _fast() -> str | None:
    """Return a directory in memory if there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the name in it is a random one


def patch(data: bytes) -> None:
    """The patch of a review applies as in RFC 6902, leaves the review unchanged, and is complete at once."""
    try:
        review = decode(data, catalog.RESOURCES, NOW)
    except MalformedReview:
        return
    before = deepcopy(review.request)
    operations = engine.mutate(review, completing()).patch
    assert review.request == before
    if review.object is None:
        assert operations == ()
        return
    theirs = jsonpatch.apply_patch(review.object, [operation(each) for each in operations])
    assert alike(patched_document(review.object, operations), theirs)
    assert review.request == before
    again = decode(
        json.dumps({**json.loads(data), "request": {**before, "object": theirs}}).encode(), catalog.RESOURCES, NOW
    )
    assert engine.mutate(again, completing()).patch == ()


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "answers": answers,
    "codec": codec,
    "documents": documents,
    "glob": glob,
    "patch": patch,
    "policy": policy,
    "reading": reading,
    "records": records,
    "reference": reference,
    "reports": reports,
}
# The targets whose input is JSON, which is changed as such, and what they begin with.
SEEDS: Final = {**MADE, "codec": MADE["answers"], "patch": MADE["answers"]}
CORPUS: Final = DATA / "corpus"


def seeds(target: str) -> list[bytes]:
    """Return what a target begins with: its kept corpus, and the recorded reviews or what is made of them."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
    return kept + (SEEDS[target]() if target in SEEDS else [])
