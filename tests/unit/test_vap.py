"""The export: its policies, evaluated as the API server does, say what ours say."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.builders import (
    DIGEST,
    HEAD,
    NOW,
    REVIEWS,
    decoded,
    docker,
    import_review,
    imported,
    istag_of,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_of,
    stream_review,
    stream_tag,
    tag_of,
)
from tests.support.examples import examples
from tests.support.paths import DATA
from tests.support.sentences import INSECURE_IMPORT
from tests.support.vap import Evaluator, Scope, agreed

from webhook.admission import engine
from webhook.admission.codec import decode
from webhook.cli.main import main
from webhook.errors import MalformedGlob, MalformedReference
from webhook.globs.alphabets import TEXT
from webhook.globs.matching import Glob, ReferenceGlob, any_matches
from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.reference import ImageReference
from webhook.resources import catalog
from webhook.resources.cel import matches, reference_matches
from webhook.vap.export import Exported, export
from webhook.vap.variables import variables

_POLICIES = DATA / "policies"
_FILES = sorted(REVIEWS.glob("*-validate.json"))
# Functions of every API server that knows ValidatingAdmissionPolicy v1 (kubernetes.io/docs/reference/using-api/cel).
_KNOWN = {
    "size", "startsWith", "endsWith", "contains", "matches", "find", "split", "join", "lowerAscii", "indexOf", "lastIndexOf",
    "substring", "trim", "replace", "string", "dyn", "has", "all", "exists", "map", "filter",
}  # fmt: skip


@lru_cache
def _exported(name: str) -> tuple[Policy, Exported, Evaluator]:
    policy = load(*([_POLICIES / f"{name}.yaml"] if name else ()))
    exported = export(policy)
    return policy, exported, Evaluator(exported.documents)


@pytest.mark.parametrize("name", ["", "strict", "wide"], ids=["shipped", "strict", "wide"])
def test_recorded_reviews(name: str) -> None:
    """Every exported rule does to every recorded review what it does in the webhook, and says what it says."""
    reviews = (decode(path.read_bytes(), catalog.RESOURCES, NOW) for path in _FILES)
    assert sum(bool(agreed(review, *_exported(name))) for review in reviews) > 20


_NAMES = st.sampled_from(
    [
        "busybox", "busybox:latest", "acme/app:1", "quay.io/acme/app:1", f"quay.io/acme/app@{DIGEST}", f"quay.io/a/b:v1@{DIGEST}",
        "QUAY.io/acme/tmp/x:v2-rc", "a.example.com/x", "a.b.example.com/x", "reg.example:443/x", "x.deep.io/a/q/r/b:1-SNAPSHOT",
        "localhost:5000/acme/app", "[::1]:5000/acme/app", "index.docker.io/evil", "registry-1.docker.io/evil", "docker.io/x/evil", "quay.io/evil:xayb",
        "image-registry.openshift-image-registry.svc:5000/other/app", "internal.example.com:1/openshift/x", "quay.io/acme/tmp", "x.example.com/y",
    ]
)  # fmt: skip
_OWN = "image-registry.openshift-image-registry.svc:5000/app/app"
_SOURCES = st.one_of(
    _NAMES.map(docker),
    st.builds(
        stream_tag, st.sampled_from(["app:v1", "latest", "x:v2-rc"]), st.sampled_from(["", "app", "other", "openshift"])
    ),
    st.just({"kind": "ImageStreamImage", "name": f"app@{DIGEST}", "namespace": "other"}),
)
_ANNOTATIONS = st.none() | st.dictionaries(
    st.sampled_from(["owner", "cost", "secret", "bad/x", "bad/y", "frozen", "istag-webhook/reason"]),
    st.sampled_from(["team-a", "x", " "]),
    max_size=4,
)
_INSECURE = "openshift.io/image.insecureRepository"
_HOMES = st.builds(
    lambda found, insecure: {**(found or {}), _INSECURE: insecure} if insecure else found,
    _ANNOTATIONS,
    st.sampled_from(["", "", "", "true", "TRUE", "no"]),
)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "importPolicy": st.fixed_dictionaries(
            {}, optional={"insecure": st.booleans(), "scheduled": st.booleans(), "importMode": st.sampled_from(["Legacy", "PreserveOriginal"])}
        ),
        "referencePolicy": st.sampled_from([{"type": "Source"}, {"type": "Local"}]),
        "annotations": _HOMES,
        "reference": st.booleans(),
    },
)  # fmt: skip
_TAGS = st.builds(lambda source, fields: tag_of(source, **fields), st.none() | _SOURCES, _FIELDS)
_TAG_NAMES = st.sampled_from(["live", "v1", "v2-rc", "xa", "plain", "ä b", "_"])
_WHO = st.fixed_dictionaries(
    {
        "userInfo": st.fixed_dictionaries(
            {"username": st.sampled_from(["alice", "bob", "system:serviceaccount:a:importer"])},
            optional={"groups": st.lists(st.sampled_from(["sre", "admins-x", "trusted", "devs"]), max_size=2)},
        ),
        "namespace": st.sampled_from(["app", "team-a", "openshift"]),
    }
)
_METADATA = _HOMES.map(
    lambda found: {"name": "app", "namespace": "app", **({"annotations": found} if found is not None else {})}
)
_STREAMS = st.builds(
    lambda named, metadata, local, repository: stream_of(
        *({**tag, "name": name} for name, tag in named.items()), local=local, metadata=metadata,
        **({"dockerImageRepository": repository} if repository else {}),
    ),
    st.dictionaries(_TAG_NAMES, _TAGS, max_size=4), _METADATA, st.booleans(), st.sampled_from(["", "", "", "quay.io/acme/app", "acme/evil"]),
)  # fmt: skip


_CHECKED = "openshift.io/image.dockerRepositoryCheck"
_FOLLOWED = "quay.io/acme/app"
# Streams whose repository is imported again, or for the first time, over tags with and without a source.
_FOLLOWING = st.builds(
    lambda named, annotations, repository: stream_of(
        *({**tag, "name": name} for name, tag in named.items()), metadata={"annotations": annotations},
        **({"dockerImageRepository": repository} if repository else {}),
    ),
    st.dictionaries(
        st.sampled_from(["live", "v1", "xa"]),
        st.one_of(_TAGS, st.sampled_from([tag_of(None), *(tag_of(docker(f"{_FOLLOWED}:{name}")) for name in ("live", "v1"))])),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from([_CHECKED, "frozen", "owner", _INSECURE]), st.sampled_from(["true", "x"]), max_size=3),
    st.sampled_from(["", _FOLLOWED, _FOLLOWED, "acme/evil"]),
)  # fmt: skip
_PULLED = st.dictionaries(
    st.sampled_from(["live", "v1", "zz"]), st.sampled_from([f"{_FOLLOWED}@{DIGEST}", f"quay.io/b@{DIGEST}"]), max_size=2
)


def _with_history(stream: dict[str, Any], pulled: dict[str, str]) -> dict[str, Any]:
    tags = [
        {"tag": name, "items": [{"created": "2026-01-01T00:00:00Z", "dockerImageReference": reference, "image": DIGEST, "generation": 1}]}
        for name, reference in pulled.items()
    ]  # fmt: skip
    return {**stream, "status": {**stream["status"], **({"tags": tags} if tags else {})}}


def _istag_review(tag: Any, old: Any, name: str, metadata: Any, who: Any) -> dict[str, Any]:
    def istag(found: Any) -> dict[str, Any]:
        return istag_of(found, name, metadata={**metadata, "name": name})

    return review_of(None, object=istag(tag), oldObject=None if old is False else istag(old), name=name, **who)


def _itag_review(spec: Any, old: Any, name: str, metadata: Any, who: Any) -> dict[str, Any]:
    def itag(found: Any) -> dict[str, Any]:
        return itag_of(found, **{**metadata, "name": name})

    return reviewed("imagetags", "ImageTag", name, itag(spec), None if old is False else itag(old), **who)


def _edited(old: dict[str, Any], edit: dict[str, Any], kept: int) -> dict[str, Any]:
    """Return a stream that has some tags of `old`, and those of `edit`."""
    tags = {tag["name"]: tag for tag in old["spec"].get("tags", [])[:kept]}
    tags.update({tag["name"]: tag for tag in edit["spec"].get("tags", [])})
    return {**edit, "spec": {**edit["spec"], **({"tags": list(tags.values())} if tags else {})}}


_NAMED = st.sampled_from(["app:live", "app:v1", "app:xa", "app:", "app:a:b", "app", "other:v2-rc"])
_OLD = st.just(False) | st.none() | _TAGS  # noqa: FBT003 - False is no object at all
_REVIEWS = st.one_of(
    st.builds(_istag_review, st.none() | _TAGS, _OLD, _NAMED, _METADATA, _WHO),
    st.builds(_istag_review, st.shared(_TAGS, key="t"), st.shared(_TAGS, key="t"), _NAMED, _METADATA, _WHO),
    st.builds(_itag_review, st.none() | _TAGS, _OLD, _NAMED, _METADATA, _WHO),
    st.builds(lambda new, old, kept, who: stream_review(_edited(old, new, kept), old, **who), _STREAMS, _STREAMS, st.integers(0, 4), _WHO),
    st.builds(lambda new, who: stream_review(new, **who), _STREAMS | _FOLLOWING, _WHO),
    st.builds(
        lambda new, old, pulled, kept, who: stream_review(_edited(old, new, kept), _with_history(old, pulled), **who),
        _FOLLOWING, _FOLLOWING, _PULLED, st.integers(0, 3), _WHO,
    ),
    st.builds(lambda new, who: stream_review(new, new, **who), _STREAMS, _WHO),
    st.builds(
        lambda images, repository, wanted, who: import_review(
            *(imported(name, to, importPolicy={"insecure": insecure}) for name, to, insecure in images),
            repository={"from": docker(repository)} if repository else None, wanted=wanted, **who,
        ),
        st.lists(st.tuples(_NAMES | st.sampled_from(["quay.io/acme/app:1", "quay.io/acme/app:2"]), st.sampled_from(["live", "v1", None]), st.booleans()), max_size=3),
        st.none() | _NAMES, st.booleans(), _WHO,
    ),
    st.builds(
        lambda reference, tag, who: push_review({"dockerImageReference": reference} if reference is not None else {}, tag, **who),
        st.none() | st.just("") | _NAMES | st.sampled_from([_OWN, f"{_OWN}@{DIGEST}", f"{_OWN}:v1@{DIGEST}", f"{_OWN}@{DIGEST.replace('a', 'b')}"]),
        _TAG_NAMES | st.just(""), _WHO,
    ),
)  # fmt: skip


@examples(60)
@given(_REVIEWS)
def test_generated_reviews(document: dict[str, Any]) -> None:
    """For every resource, user and request, an exported rule has the same effect and message as in the webhook."""
    review = decoded(document)
    # The API server rejects malformed objects before it calls webhooks.
    assume(not any(change.faults for change in catalog.changes(review)))
    agreed(review, *_exported("wide"))


def _references() -> st.SearchStrategy[str]:
    """Names that are image references, nearly are, or are anything."""
    part = st.from_regex(r"[a-z0-9]{1,3}([._-]{1,3}[a-z0-9]{1,2})?", fullmatch=True)
    host = st.sampled_from(
        [
            "quay.io",
            "QUAY.io:443",
            "quay.io.:0443",
            "quay.io:05000",
            "quay.io:00",
            "localhost",
            "localhost.:443",
            "local:443",
            "local.",
            "docker.io",
            "docker.io:443",
            "index.docker.io",
            "Registry-1.docker.io.",
            "registry.hub.docker.com:5",
            "image-registry.openshift-image-registry:5000",
            "image-registry.openshift-image-registry.svc.cluster.local:5000",
            "a.b.svc.cluster.local",
            "[::1]",
            "[::1]:5",
            "[2001:db8::1]:0443",
            "a_b.c",
            "x:y",
        ]
    )
    suffix = st.sampled_from(
        ["", ":1", ":v1.0_a", ":", ":-a", "@", f"@{DIGEST}", f":1@{DIGEST}", f"@{DIGEST.upper()}", f"@x+y:{'a' * 32}"]
    )
    path = st.lists(part, min_size=1, max_size=3).map("/".join)
    shaped = st.builds(lambda at, below, end: f"{at}{below}{end}", st.just("") | host.map("{}/".format), path, suffix)
    loose = st.text(st.sampled_from("abA0.:/@_-[]*ä "), max_size=12)
    return st.one_of(shaped, shaped, loose, st.builds(str.__add__, shaped, loose))


@examples(300)
@given(_references())
def test_references_are_parsed_alike(name: str) -> None:
    """CEL parses a reference as the webhook does, and rejects the same references."""
    assume(not name.startswith("[") or name.startswith(("[::1]", "[2001:db8::1]")))  # which no API server takes
    read = variables(["imagestreamtags"], ())["images"]
    tags = [{"name": "live", "every": False, "from": docker(name)}]
    (image,) = Scope(variables={"tags": tags}).evaluated(read)
    try:
        parsed = ImageReference.parse(name)
    except MalformedReference:
        assert image["valid"] is False, name
        return
    assert image["valid"] is True, name
    found = [image[key] for key in ("registry", "repository", "tag", "digest")]
    assert found == [parsed.registry, parsed.repository, parsed.effective_tag, parsed.digest]


_PATTERN = st.text(st.sampled_from("ab.*+(/\\|$"), min_size=1, max_size=6)


@examples(300)
@given(
    st.lists(_PATTERN, min_size=1, max_size=3),
    st.text(st.sampled_from("ab.?+(/\\|$\n"), max_size=6),
)
def test_globs_match_alike(patterns: list[str], text: str) -> None:
    """A glob becomes CEL that matches what it matches, whatever regular expressions would take its characters for."""
    globs = []
    for pattern in patterns:
        with suppress(MalformedGlob):
            globs.append(Glob.compile(pattern, TEXT))
    assert Scope(x=text).evaluated(matches("x", globs)) is any_matches(globs, text)


@examples(300)
@given(
    st.text(st.sampled_from("ab.*:5/"), min_size=1, max_size=8)
    | st.sampled_from(["docker.io/*", "*/a", "*.io/b*", "docker.io/a", "*:443", "[::1]:*", "[::1]", "*:5", "**:5/**"]),
    st.sampled_from(
        ["a.b", "a:443", "b.a.b", "a.b:5", "[::1]", "[::1]:5", "localhost:5", "docker.io", "quay.io", "localhost"]
    ),
    st.sampled_from(["a", "a/b", "b/a/b", "ab", "library/a", "library/b/a"]),
)
def test_reference_globs_match_alike(pattern: str, registry: str, repository: str) -> None:
    """A glob of references becomes CEL that matches the registries and repositories that it matches."""
    try:
        glob = ReferenceGlob.compile(pattern)
    except MalformedGlob:
        return
    found = Scope(r=registry, p=repository).evaluated(reference_matches("r", "p", (glob,)))
    assert found is glob.matches(ImageReference(registry, repository)), pattern


def _expressions(document: dict[str, Any]) -> Iterator[str]:
    spec = document["spec"]
    for part in ("matchConditions", "variables", "validations"):
        for each in spec.get(part, ()):
            yield each["expression"]
            if part == "validations":
                yield each["messageExpression"]


@pytest.mark.parametrize("name", ["", "strict", "wide"], ids=["shipped", "strict", "wide"])
def test_what_the_api_server_takes(name: str) -> None:
    """Every expression calls what every API server's CEL has, reads only what is declared before it, and is no giant."""
    for document in _exported(name)[1].documents:
        if document["kind"] != "ValidatingAdmissionPolicy":
            continue
        assert re.fullmatch(
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", document["metadata"]["name"]
        )
        declared: set[str] = set()
        variables = {each["expression"]: each["name"] for each in document["spec"]["variables"]}
        for expression in _expressions(document):
            program = cel.compile(expression)
            words = {each for each in program.functions() if each[0].isalpha()}
            assert words <= _KNOWN, words - _KNOWN
            assert len(expression) < 100_000  # cel-go, parser.defaultExpressionSizeCodePointLimit
            assert set(re.findall(r"variables\.(\w+)", expression)) <= declared
            # HomogeneousAggregateLiterals: values of one type only.
            assert re.findall(r'^\s*"\w+": (?!dyn\()', expression, re.MULTILINE) == []
            declared |= {variables[expression]} if expression in variables else set()


def test_each_policy_has_a_binding() -> None:
    """A rule has one policy for new violations and, if their mode differs, one for existing ones."""
    _, exported, evaluator = _exported("wide")
    assert evaluator.actions["secure.istag-webhook.io"] == ["Deny"]
    assert evaluator.actions["secure.existing.istag-webhook.io"] == ["Warn"]
    assert evaluator.actions["moving.istag-webhook.io"] == ["Warn"]
    assert "moving.existing.istag-webhook.io" not in evaluator.actions
    assert evaluator.actions["local.istag-webhook.io"] == ["Deny"]
    assert "local.existing.istag-webhook.io" not in evaluator.actions
    assert set(evaluator.actions) == {each["metadata"]["name"] for each in evaluator.policies}
    assert len(exported.documents) == 2 * len(evaluator.policies)


def test_the_sentence() -> None:
    """The message is the webhook's, except that one tag of several is called by its name."""
    tags = [tag_of(docker("nginx"), name=name, importPolicy={"insecure": True}) for name in ("a", "b")]
    said = _exported("")[2].decide(decoded(stream_review(stream_of(*tags))).request)
    text = f"{INSECURE_IMPORT} (rule no-insecure-imports)"
    assert said["no-insecure-imports"] == {
        "Deny": f'spec.tags["a"].importPolicy.insecure: {text}; spec.tags["b"].importPolicy.insecure: {text}'
    }
    review = decoded(review_of(docker("quay.io/acme/app:latest")))
    (ours,) = [str(each) for each in engine.validate(review, load()).findings if each.rule == "no-latest"]
    assert _exported("")[2].decide(review.request)["no-latest"] == {"Warn": ours}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("labels: {deny: [x]}", "the registry sends the image's configuration and manifest as JSON in a string, which CEL"),
        ("imageSize: {max: 1Gi}", "the registry sends the image's configuration"),
        ("platforms: {require: [linux/arm64]}", "the registry sends the image's configuration"),
        ("conditions: {deny: [ImportSuccess]}", "it evaluates the result of earlier imports"),
        ("schema: {}", "the API server itself validates it"),
        ("expression: {validations: [{expression: tag.scheduled}]}", "it reads `tag`, which only the webhook provides"),
        ("expression: {validations: [{expression: 'request.uid != \"\"'}]}", "it reads a part of `request` that the API server does not provide"),
        ("expression: {validations: [{expression: 'math.abs(1) == 1'}]}", "it calls math.abs"),
    ],
)  # fmt: skip
def test_what_is_left(rule: str, reason: str) -> None:
    """A rule that CEL cannot express is listed with the reason, and makes no policy."""
    exported = export(policy_of(f"spec: {{rules: [{{name: a, {rule}}}]}}"))
    assert exported.documents == ()
    assert [each.reason for each in exported.left if each.name == "a"][0].startswith(reason)  # noqa: RUF015 - one it is


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", "export", *arguments])


def test_the_command(tmp_path: Path) -> None:
    """The command prints YAML that begins with what is left out, and says it on standard error too."""
    done = _run("--format", "vap", "--failure-policy", "Ignore")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[1:] == [
        "  defaults/keep-every-architecture: a ValidatingAdmissionPolicy cannot mutate objects",
        "  rules/schema: the API server itself validates it",
        "  imagestreams/status: only the webhook evaluates a write of a stream's status",
    ]
    head = [line for line in done.stdout.splitlines() if line.startswith("#")]
    assert [line.removeprefix("# - ") for line in head[2:]] == [line.strip() for line in done.stderr.splitlines()[1:]]
    documents = list(yaml.safe_load_all(done.stdout))
    assert documents == list(export(load(), "Ignore").documents)
    assert {each["spec"].get("failurePolicy", "Ignore") for each in documents} == {"Ignore"}
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: a, labels: {deny: [x]}}]}")
    done = _run("--format", "vap", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("no rule can be exported\n")
    (tmp_path / "policy.yaml").write_text("a: 1")
    assert (_run("--format", "vap", str(tmp_path)).exit_code, _run().exit_code) == (2, 2)
